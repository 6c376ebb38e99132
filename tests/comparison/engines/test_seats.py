"""Which machine a job gets."""

from __future__ import annotations

import pytest

from dpbench.comparison.engines.engine import Job, Needs
from dpbench.comparison.engines.seats import Machine, Seating
from dpbench.errors import ConfigError

SMALL, LARGE = Machine("a", "a", 2, 0.0), Machine("b", "b", 4, 1.0)
ONE_CORE = Needs()


def job(key: str, needs: Needs = ONE_CORE) -> Job:
    return Job(key, key, print, needs)


@pytest.fixture
def seating() -> Seating[str]:
    found: Seating[str] = Seating()
    for machine in (SMALL, LARGE):
        found.add(machine)
    return found


def begin(seating: Seating[str], one: Job) -> str:
    """Name of the machine that a job begins on."""
    assert seating.has_room(one.needs)
    place = seating.place(one)
    seating.sit(one, place.machine, place.seat or f"seat of {one.key}")
    return place.machine.key


def test_cores_are_never_given_twice(seating: Seating[str]) -> None:
    where = [begin(seating, job(str(number))) for number in range(6)]
    assert sorted(where) == ["a", "a", "b", "b", "b", "b"]
    assert not seating.has_room(Needs())


def test_a_job_that_is_alone_waits_for_an_empty_machine_and_keeps_others_off(seating: Seating[str]) -> None:
    begin(seating, job("one", Needs(cpus=3)))  # only the large one has them
    assert begin(seating, job("alone", Needs(alone=True))) == "a"
    assert not seating.has_room(Needs(alone=True))
    assert begin(seating, job("last core")) == "b"
    assert not seating.has_room(Needs())


def test_gpus_are_counted(seating: Seating[str]) -> None:
    assert begin(seating, job("half", Needs(gpus=0.5))) == "b"
    assert begin(seating, job("other half", Needs(gpus=0.5))) == "b"
    assert not seating.has_room(Needs(gpus=0.5))


def test_an_idle_seat_of_the_same_share_is_taken_again(seating: Seating[str]) -> None:
    begin(seating, job("first"))
    seating.leave("first")
    assert seating.place(job("second")).seat == "seat of first"


def test_idle_seats_make_way_for_another_share(seating: Seating[str]) -> None:
    for key in ("1", "2", "3", "4"):
        begin(seating, job(key))
        seating.leave(key)
        seating.machines.pop("a", None)
    place = seating.place(job("all", Needs(cpus=4)))
    assert place.seat is None
    assert place.evicted == ("seat of 1",), "the four jobs took the same seat, one after the other"


def test_a_machine_that_is_gone_gets_no_job(seating: Seating[str]) -> None:
    begin(seating, job("there"))
    seating.keep_only({"a"})
    assert seating.remove("there") == ("b", "seat of there")
    assert [begin(seating, job(str(number))) for number in range(2)] == ["a", "a"]
    assert not seating.has_room(Needs(cpus=4)), "it may come back"


@pytest.mark.parametrize("needs", [Needs(cpus=5), Needs(gpus=2)])
def test_what_no_machine_can_ever_do_is_one_line(seating: Seating[str], needs: Needs) -> None:
    with pytest.raises(ConfigError, match="the cluster's largest has 4 and 1"):
        seating.has_room(needs)
