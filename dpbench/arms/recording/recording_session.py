"""A session of recording demonstrations on an arm: start, save, discard with one key; nothing recorded is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gymnasium as gym

from dpbench.arms.driver import ArmState, Waypoint
from dpbench.arms.recording.goal_sources import GoalSource
from dpbench.arms.recording.journal import Journal
from dpbench.arms.recording.recorder import Recorder
from dpbench.arms.station import picture_of, station_of
from dpbench.arms.teleoperation.interface import OperatorInterface
from dpbench.arms.teleoperation.keys import DISCARD, QUIT, RESET, SAVE, SOLVED, START, STOP
from dpbench.errors import ArmFaultError, DpbenchError
from dpbench.spec import TaskSpec

IDLE_S = 1 / 30
"""Between two pictures while nothing is recorded."""
HAND_S = 0.008
"""Between two looks at an arm that is moved by hand."""


@dataclass(frozen=True)
class RecordingPlan:
    """What a session is to do.

    Attributes:
        first_seed: start of the first episode; later ones count up from the number already stored.
        n_episodes: ends the session when so many are saved, None when the person quits.
        unattended: starts every episode by itself, keeps it when it is solved, and else tries it again.
    """

    first_seed: int = 0
    n_episodes: int | None = None
    unattended: bool = False


@dataclass(frozen=True)
class RecordingResult:
    """What a session ended with.

    Attributes:
        saved: episodes.
        discarded: episodes.
        unfinished_steps: of an episode that was neither; it is kept in the journal.
        faults: that stopped the arm, in its own words.
    """

    saved: int
    discarded: int
    unfinished_steps: int
    faults: tuple[str, ...]


class RecordingSession:
    """One session; `run` does it all.

    Args:
        env: of an arm (`station_of`).
        task: names actions, observations and rate.
        journal: of the store that the episodes go to.
        guide: who leads the arm.
        interface: keys and view.
        plan: see there.
        say: told about every episode.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        task: TaskSpec,
        journal: Journal,
        goal_source: GoalSource,
        interface: OperatorInterface,
        plan: RecordingPlan,
        say: Callable[[str], None],
    ) -> None:
        self._env, self._station, self._task, self._journal = env, station_of(env), task, journal
        self._goal_source, self._interface, self._plan, self._say = goal_source, interface, plan, say
        self._saved = self._discarded = 0
        self._faults: list[str] = []

    def run(self) -> RecordingResult:
        """Record until the person quits, or the plan is done.

        Raises:
            DpbenchError: when the arm cannot be connected, or an episode not be written; steps so far are kept.
        """
        if self._plan.unattended:
            self._journal.check_finished()
        if self._journal.n_steps:
            self._say(f"an episode of {self._journal.n_steps} steps was left unfinished in {self._journal.unfinished}")
        self._env.reset(seed=self._plan.first_seed)
        while self._plan.n_episodes is None or self._saved < self._plan.n_episodes:
            if not (self._unattended() if self._plan.unattended else self._attended()):
                break
        return RecordingResult(self._saved, self._discarded, self._journal.n_steps, tuple(self._faults))

    def _attended(self) -> bool:
        """What the person wants next; False to quit, which leaves an unfinished episode to the next session."""
        if self._journal.n_steps:
            lines: tuple[str, ...] = (
                f"{self._journal.n_steps} steps, not saved",
                f"{SAVE} save · {DISCARD} discard · {QUIT} quit, keep them",
            )
        elif self._station.loop.fault is None:
            lines = ("ready", f"{START} start · {QUIT} quit")
        else:
            lines = (f"{QUIT} quit",)
        for key in self._keys(lines):
            if key == QUIT:
                return False
            if key == SAVE and self._journal.n_steps:
                self._save()
            elif key == DISCARD:
                self._discard()
            elif key == START and not self._journal.n_steps and self._station.loop.fault is None:
                self._attempt()
                break
        return True

    def _unattended(self) -> bool:
        """The next episode; False after a fault, which a person must look at."""
        if self._journal.n_steps:
            return False
        self._attempt()
        if not self._faults:
            self._discard()
        return not self._faults

    def _attempt(self) -> None:
        """One episode, from its start to the key or the event that ends it."""
        # Who tries by himself again must not meet the same start again.
        tried = self._discarded if self._plan.unattended else 0
        seed = self._plan.first_seed + self._journal.n_episodes + tried
        try:
            self._env.reset(seed=seed)
            self._goal_source.begin(seed)
            if self._goal_source.hand_guided:
                self._station.loop.free_drive(True)
            key = self._episode()
            if self._goal_source.hand_guided:
                self._station.loop.free_drive(False)
        except (ArmFaultError, OSError) as error:
            reason = self._station.loop.fault or str(error)
            if self._station.loop.fault is None:
                # A camera that has stopped stops the arm too, until a person has looked.
                self._station.loop.halt(reason)
            self._faults.append(reason)
            self._say(f"stopped: {reason} ({self._journal.n_steps} steps are kept)")
            return
        finally:
            self._station.loop.stop()
        if key == SAVE and self._journal.n_steps:
            self._save()
        elif key == DISCARD:
            self._discard()

    def _episode(self) -> str | None:
        """Record; returns the key that ended it, SAVE where the task is solved, None when the time is up.

        After the key to quit a person still decides what becomes of the episode.
        """
        period_s = 1.0 / self._task.rate_hz
        here = _waypoint(self._station.loop.read(), time.monotonic())
        recorder = Recorder(
            self._station.sensors,
            self._station.action,
            self._task.store_arrays,
            period_s,
            self._journal,
            here,
        )
        goal = here
        for number in range(self._task.max_episode_steps):
            if self._station.loop.fault is not None:
                raise ArmFaultError(self._station.loop.fault)
            keys = f"{SAVE} save · {DISCARD} discard · {STOP} stop"
            pressed = self._look((f"recording, step {number}", keys, *filter(None, (self._goal_source.help,))))
            if ended := next((key for key in pressed if key in (SAVE, DISCARD, QUIT)), None):
                return ended
            if SOLVED in pressed:
                self._station.mark_success()
            now_s = max(goal.time_s, time.monotonic())
            goal = self._lead(recorder, replace(goal, time_s=now_s), pressed)
            goal = replace(goal, time_s=now_s + period_s)
            self._wait(recorder, goal.time_s)
            recorder.step(goal.time_s)
            if self._station.outcome()["is_success"]:
                self._wait(recorder, goal.time_s + period_s)
                recorder.step(goal.time_s + period_s)
                return SAVE
        return None

    def _lead(self, recorder: Recorder, before: Waypoint, pressed: Sequence[str]) -> Waypoint:
        """Send the guide's next goal, due one period after `before`."""
        if self._goal_source.hand_guided:
            return before
        _, history = self._station.sensors.observe(1)
        goal = self._goal_source.goal({key: value[0] for key, value in history.items()}, before, pressed)
        accepted = self._station.loop.schedule((goal,))
        recorder.follow(before.time_s, accepted)
        return accepted[-1] if accepted else before

    def _wait(self, recorder: Recorder, until_s: float) -> None:
        """Until the step is over; meanwhile write down where a hand has put the arm."""
        while (left_s := until_s - time.monotonic()) > 0:
            if self._goal_source.hand_guided:
                state = self._station.loop.read()
                recorder.was_at(_waypoint(state, state.time_s))
            time.sleep(min(left_s, HAND_S if self._goal_source.hand_guided else left_s))

    def _keys(self, lines: Sequence[str]) -> tuple[str, ...]:
        """Keys while nothing is recorded; a fault is shown, and reset when the person asks for it."""
        fault = self._station.loop.fault
        if fault is not None:
            lines = (f"STOPPED: {fault}", f"{RESET}: take up again, when it is safe", *lines)
        pressed = self._look(lines)
        if RESET in pressed and fault is not None:
            try:
                self._station.loop.reset_fault()
            except (DpbenchError, OSError) as error:
                self._say(f"still stopped: {error}")
        time.sleep(IDLE_S)
        return pressed

    def _look(self, lines: Sequence[str]) -> tuple[str, ...]:
        self._interface.show(picture_of(self._station), lines)
        return self._interface.pressed()

    def _save(self) -> None:
        n_steps, number = self._journal.n_steps, self._journal.save()
        self._saved += 1
        self._say(f"saved {n_steps} steps as episode {number + 1} of {self._journal.path}")

    def _discard(self) -> None:
        """Throw the unfinished episode away, if there is one."""
        if not self._journal.n_steps:
            return
        self._say(f"discarded {self._journal.n_steps} steps")
        self._journal.discard()
        self._discarded += 1


def _waypoint(state: ArmState, time_s: float) -> Waypoint:
    return Waypoint(time_s, state.position, state.quaternion, state.gripper_m)
