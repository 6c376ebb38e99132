"""What every engine does with the same small jobs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from dpbench.comparison.engines import ray
from dpbench.comparison.engines.choosing import engine_of
from dpbench.comparison.engines.engine import ENGINES, Engine, Event, Failed, Finished, Job, Needs, Progressed
from dpbench.comparison.engines.ray import RayEngine
from dpbench.comparison.engines.seats import Machine
from tests.comparison.engines import small_jobs
from tests.comparison.engines.running import ended

SQUARES = [Job(f"square {number}", "", partial(small_jobs.square, number)) for number in range(3)]
JOBS = [
    *SQUARES,
    Job("raises", "", small_jobs.raise_error),
    Job("dies", "", small_jobs.die),
    Job("threads", "", small_jobs.threads),
    Job("long", "", partial(small_jobs.interval, 0.5)),
    Job("alone", "", partial(small_jobs.interval, 0.5), Needs(alone=True)),
    Job("alone too", "", partial(small_jobs.interval, 0.5), Needs(alone=True)),
]


@dataclass(frozen=True)
class Ran:
    """What an engine made of the jobs."""

    events: list[Event]
    ends: dict[str, Finished | Failed]

    def result(self, key: str) -> object:
        end = self.ends[key]
        assert isinstance(end, Finished), end
        return end.result

    def failure(self, key: str) -> Failed:
        end = self.ends[key]
        assert isinstance(end, Failed), end
        return end


def engine(name: str, folder: Path) -> Engine:
    """With two workers on this machine."""
    return engine_of(name, 2, "local" if name == "slurm" else None, folder / "logs")


@pytest.fixture(scope="module", params=ENGINES)
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    events: list[Event] = []
    jobs = [*JOBS, Job("cannot travel", "", lambda _: 0)] if request.param == "ray" else JOBS
    with engine(request.param, tmp_path_factory.mktemp("engine")) as entered:
        return Ran(events, ended(entered, jobs, events.append))


def test_what_a_job_returns_comes_back(ran: Ran) -> None:
    assert [ran.result(job.key) for job in SQUARES] == [0, 1, 4]


def test_a_job_that_raises_is_told_with_its_sentence_and_log(ran: Ran) -> None:
    failure = ran.failure("raises")
    assert failure.reason == "the policy returned NaN."
    assert "about to fail" in failure.log
    assert "Traceback" in failure.log
    assert not failure.lost


def test_a_job_that_dies_is_lost_and_leaves_its_log(ran: Ran) -> None:
    failure = ran.failure("dies")
    assert failure.lost
    assert "about to die" in failure.log
    assert "\n" not in failure.reason


@pytest.mark.parametrize("ran", ["ray"], indirect=True)
def test_a_job_that_the_other_side_cannot_begin_is_not_taken_for_a_lost_machine(ran: Ran) -> None:
    failure = ran.failure("cannot travel")
    assert "could not begin it: " in failure.reason
    assert "pickle" in failure.reason
    assert "\n" not in failure.reason
    assert not failure.lost


def test_a_ray_cluster_that_stays_without_machines_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, refusal: Callable[[Callable[[], object]], str]
) -> None:
    lost = RayEngine("10.0.0.5:6379", 1)
    lost._seating.add(Machine("a", "a", 2, 0.0))
    lost._seating.keep_only(())
    monkeypatch.setattr(lost, "_look", lambda: None)
    assert not lost.has_room(Needs())
    monkeypatch.setattr(ray, "GONE_S", 0.0)
    assert "no machine of the Ray cluster has had room" in refusal(lambda: lost.has_room(Needs()))


def test_a_job_uses_as_many_threads_as_it_asked_for(ran: Ran) -> None:
    assert ran.result("threads") == 1


def test_progress_arrives_before_the_end(ran: Ran) -> None:
    keys = [event.key for event in ran.events if isinstance(event, Progressed)]
    assert {"long", "alone", "alone too"} & set(keys)  # on a busy machine one may end between two looks
    for key in set(keys):
        last = max(place for place, event in enumerate(ran.events) if event.key == key)
        assert not isinstance(ran.events[last], Progressed)


def test_a_job_that_is_alone_has_the_machine_for_itself(ran: Ran) -> None:
    spans = {key: ran.result(key) for key in ("long", "alone", "alone too")}
    alone = spans.pop("alone")
    for began, ended_at in spans.values():  # type: ignore[misc]
        assert ended_at <= alone[0] or began >= alone[1]  # type: ignore[index]


@pytest.mark.parametrize("name", ["ray", "slurm"])
def test_a_missing_extra_is_one_line_that_says_what_to_install(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: Callable[[Callable[[], object]], str]
) -> None:
    monkeypatch.setitem(sys.modules, {"slurm": "submitit"}.get(name, name), None)
    assert f"pip install 'dpbench[{name}]'" in refusal(engine(name, tmp_path).__enter__)
