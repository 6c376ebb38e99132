"""check_task passes a sound task, and names what is wrong with each broken one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dpbench.checks import check_task, raise_on_failure
from dpbench.errors import ConformanceError
from dpbench.metrics.behaviour import Behaviour
from dpbench.spec import TaskSpec

from .point import TASK, Point


def failed(make: Callable[[], Any] = Point, task: TaskSpec = TASK) -> dict[str, str]:
    """Failed checks with what was measured."""
    return {finding.name: finding.measured for finding in check_task(task, make) if finding.passed is False}


def test_a_sound_task_passes() -> None:
    findings = check_task(TASK, Point)
    assert {finding.name for finding in findings if finding.passed is None} == {
        *(
            "registration",
            "batch",
            "step before reset",
            "copies with the time limit",
            "time limit",
            "scripted demonstrator",
            "rendering",
        ),
    }, "what needs a registered environment, or does not apply, is skipped"
    raise_on_failure(findings)


class ReusesItsBuffer(Point):
    """Each observation is the same array, filled anew."""

    def observation(self) -> Any:
        if not hasattr(self, "buffer"):
            self.buffer = np.zeros(2, dtype=np.float32)
        self.buffer[:] = self.place
        return {"agent_pos": self.buffer}


class ShowsItsState(Point):
    """The observation is a view of what the next step starts from."""

    def observation(self) -> Any:
        self.place = self.place.astype(np.float32)
        return {"agent_pos": self.place}


class KeepsTheAction(Point):
    last: Any = np.zeros(2)

    def step(self, action: Any) -> Any:
        blended = np.asarray(TASK.action.check(action) + 0.1 * self.last)
        self.last = action
        return super().step(blended)

    def reset(self, **options: Any) -> Any:
        self.last = np.zeros(2)
        return super().reset(**options)


class IgnoresItsSeed(Point):
    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:  # noqa: ARG002
        return super().reset(seed=0, options=options)


class RepeatsItsSeed(Point):
    seed = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.seed = self.seed if seed is None else seed
        return super().reset(seed=self.seed, options=options)


class DrawsFromNumpy(Point):
    def reset(self, **options: Any) -> Any:
        super().reset(**options)
        self.place = np.random.uniform(-1.0, 1.0, 2)
        return self.observation(), self.info()


class Remembers(Point):
    n_episodes = 0

    def reset(self, **options: Any) -> Any:
        super().reset(**options)
        self.n_episodes += 1
        self.place = self.place + 0.01 * self.n_episodes
        return self.observation(), self.info()


class ForgetsItsMode(Point):
    def set_state(self, state: Any) -> None:
        super().set_state(state)
        self.mode = -1


class GivesItsState(Point):
    def get_state(self) -> Any:
        if not hasattr(self, "vector"):
            self.vector = np.zeros(3)
        self.vector[:] = super().get_state()
        return self.vector

    def step(self, action: Any) -> Any:
        done = super().step(action)
        self.get_state()
        return done


class SharesItsPlace(Point):
    def __copy__(self) -> Any:
        twin = type(self)()
        twin.__dict__ = self.__dict__
        return twin


class ForgetsItsPlace(Point):
    def __deepcopy__(self, memo: Any) -> Any:
        return type(self)()


class CannotBePickled(Point):
    def __init__(self) -> None:
        super().__init__()
        self.rule = lambda: None


class TakesNaN(Point):
    def step(self, action: Any) -> Any:
        return super().step(np.nan_to_num(action))


class TakesAnyState(Point):
    def set_state(self, state: Any) -> None:
        values = np.nan_to_num(np.asarray(state, dtype=np.float64))[:3]
        self.place, self.mode = np.array(values[:2]), int(values[2])


class MovesOnABadState(Point):
    def set_state(self, state: Any) -> None:
        self.place = self.place + 0.01
        super().set_state(state)


class TakesComplexNumbers(Point):
    def step(self, action: Any) -> Any:
        return super().step(np.real(action) if np.iscomplexobj(action) else action)


class BreaksOnNaN(Point):
    def step(self, action: Any) -> Any:
        self.place = self.place + 0.01
        return super().step(action)


class HasNoScore(Point):
    def info(self) -> Any:
        values = super().info()
        del values["progress"]
        return values


class HasAnotherMode(Point):
    def info(self) -> Any:
        return {**super().info(), "mode": 2}


class SucceedsAsText(Point):
    def info(self) -> Any:
        return {**super().info(), "is_success": "no"}


class ObservesDoubles(Point):
    def observation(self) -> Any:
        return {"agent_pos": self.place}


class ObservesMore(Point):
    def observation(self) -> Any:
        return {**super().observation(), "extra": np.zeros(1, dtype=np.float32)}


class LeavesItsBounds(Point):
    def observation(self) -> Any:
        return {"agent_pos": super().observation()["agent_pos"] + np.float32(5.0)}


class ClosesOnce(Point):
    def close(self) -> None:
        if self.metadata == {}:
            raise RuntimeError("closed already")
        self.metadata = {}


class PaysTooMuch(Point):
    def step(self, action: Any) -> Any:
        observation, _, *rest = super().step(action)
        return observation, 2.0, *rest


@pytest.mark.parametrize(
    ("make", "name", "measured"),
    [
        (ReusesItsBuffer, "memory", "shares memory with an earlier one"),
        (ShowsItsState, "memory", "changes when earlier observations or actions are overwritten"),
        (KeepsTheAction, "memory", "changes when earlier observations or actions are overwritten"),
        (IgnoresItsSeed, "another seed", "seeds 0 to 4 give one start"),
        (RepeatsItsSeed, "another seed", "a reset without a seed repeats the start"),
        (DrawsFromNumpy, "same seed", "observation 'agent_pos' differs after step 0, with reset(seed)"),
        (DrawsFromNumpy, "global generators", "differs after step 0, with another state of random or np.random"),
        (Remembers, "used environment", "differs after step 0, in a used environment"),
        (ForgetsItsMode, "state", "infos of step 1 are"),
        (GivesItsState, "state is a copy", "steps change a state that was returned before"),
        (SharesItsPlace, "copies", "copy.copy: observation 'agent_pos' differs after step 1 in the original, once"),
        (ForgetsItsPlace, "copies", "copy.copy: observation 'agent_pos' differs after step 1 in its result"),
        (CannotBePickled, "copies", "pickle raises"),
        (TakesNaN, "bad actions", "an action with NaN is taken"),
        (TakesComplexNumbers, "bad actions", "an action with complex numbers is taken"),
        (TakesAnyState, "bad states", "a state with NaN is taken"),
        (MovesOnABadState, "bad states", "after a rejected state"),
        (BreaksOnNaN, "bad actions", "after a rejected action"),
        (HasNoScore, "info", "info of step 1 has no 'progress'"),
        (HasAnotherMode, "info", "mode of step 1 is 2"),
        (SucceedsAsText, "info", "is_success is str"),
        (ObservesDoubles, "observations", "'agent_pos' of reset is float64 (2,)"),
        (ObservesMore, "observations", "reset gives ['agent_pos', 'extra']"),
        (LeavesItsBounds, "observations", "'agent_pos' of reset reaches from"),
        (ClosesOnce, "closing twice", "RuntimeError: closed already"),
        (PaysTooMuch, "rewards", "rewards from 2.0 to 2.0, reward_range is 0.0 to 1.0"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_broken_environment_is_named(make: Callable[[], Any], name: str, measured: str) -> None:
    assert measured in failed(make)[name]


@pytest.mark.parametrize(
    ("changes", "name", "measured"),
    [
        ({"parts": {Behaviour: "dpbench.envs.avoid.plans:behavior"}}, "parts", "has no attribute 'behavior'"),
        ({"packages": ("no-such-package",)}, "description", "package no-such-package is not installed"),
        ({"evaluation": ()}, "description", "no evaluation starts"),
        ({"store_arrays": {"agent_pos": "agent_pos"}}, "description", "store_arrays has agent_pos"),
        ({"action": replace(TASK.action, high=(2.0, 2.0))}, "spaces", "action_space is Box(-1.0, 1.0"),
    ],
)
def test_a_broken_description_is_named(changes: dict[str, Any], name: str, measured: str) -> None:
    assert measured in failed(task=replace(TASK, **changes))[name]


def test_a_task_that_cannot_be_made_is_one_finding() -> None:
    def make() -> Any:
        raise RuntimeError("its simulator is missing")

    findings = check_task(TASK, make)
    assert [(finding.status, finding.measured) for finding in findings] == [
        ("failed", "RuntimeError: its simulator is missing")
    ]
    (unknown,) = check_task("dpbench/PushTT-v0")
    assert "did you mean dpbench/PushT-v0" in unknown.measured


def test_failures_are_raised_with_advice() -> None:
    with pytest.raises(ConformanceError, match=r"1 checks failed:\nrewards: .*\(correct reward_range, or the reward\)"):
        raise_on_failure(check_task(TASK, PaysTooMuch))


class FoldsItsSeed(Point):
    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        return super().reset(seed=None if seed is None else seed % 1000, options=options)


def test_seeds_that_give_the_same_starts_are_told_although_they_differ() -> None:
    found = failed(FoldsItsSeed)
    assert "starts for choosing look like those of seeds-0" in found["starts for choosing"]
