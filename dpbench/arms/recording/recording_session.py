"""A session that records demonstrations on an arm: one key each starts, saves and discards an episode."""

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
GUIDED_S = 0.008
"""Between two reads of an arm that is guided by hand."""


@dataclass(frozen=True)
class RecordingPlan:
    """What a session does.

    Attributes:
        first_seed: seed of episode 0 of the store; episode n has `first_seed + n`.
        n_episodes: the session ends when this many are saved; None: when the operator quits.
        unattended: the session starts every episode by itself, saves it if the task is solved, and else discards it and
            tries the next seed.
    """

    first_seed: int = 0
    n_episodes: int | None = None
    unattended: bool = False


@dataclass(frozen=True)
class RecordingResult:
    """The result of a session.

    Attributes:
        saved: number of episodes saved.
        discarded: number of episodes discarded.
        unfinished_steps: steps of an episode that was neither; it stays in the journal.
        faults: reasons for which the arm stopped.
    """

    saved: int
    discarded: int
    unfinished_steps: int
    faults: tuple[str, ...]


class RecordingSession:
    """One session; call `run` once.

    Args:
        env: environment of an arm (`station_of`).
        task: names actions, observations and rate.
        journal: of the store in which episodes are saved.
        goal_source: moves the arm.
        interface: keys and view.
        plan: what the session does.
        say: called with a line of text about every episode.
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
        """Record until the operator quits or the plan is complete.

        Raises:
            DpbenchError: if the arm cannot be connected, or an episode cannot be written; recorded steps are kept.
        """
        if self._plan.unattended:
            self._journal.check_finished()
        else:
            self._env.reset(seed=self._plan.first_seed)  # connects, so that the operator sees the scene
        if self._journal.n_steps:
            self._say(f"{self._journal.unfinished} holds an unfinished episode of {self._journal.n_steps} steps")
        while self._plan.n_episodes is None or self._saved < self._plan.n_episodes:
            if not (self._unattended() if self._plan.unattended else self._attended()):
                break
        return RecordingResult(self._saved, self._discarded, self._journal.n_steps, tuple(self._faults))

    def _attended(self) -> bool:
        """Handle the operator's keys between episodes; False to quit. An unfinished episode stays in the journal."""
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
        """Record the next episode; False after a fault, which a person must look at."""
        if self._journal.n_steps:
            return False
        self._attempt()
        if not self._faults:
            self._discard()
        return not self._faults

    def _attempt(self) -> None:
        """One episode, from its start to the key or event that ends it."""
        # An unattended session that failed must not try the same start again.
        failed = self._discarded if self._plan.unattended else 0
        seed = self._plan.first_seed + self._journal.n_episodes + failed
        try:
            self._env.reset(seed=seed)
            self._journal.begin(seed)
            self._goal_source.begin(seed)
            if self._goal_source.hand_guided:
                self._station.loop.free_drive(True)
            key = self._episode()
            if self._goal_source.hand_guided:
                self._station.loop.free_drive(False)
        except (ArmFaultError, OSError) as error:
            reason = self._station.loop.fault or str(error)
            if self._station.loop.fault is None:
                # A camera failure stops the arm, too, until a person resets it.
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
        """Record until a key, success or the time limit ends the episode.

        Returns:
            The key; SAVE if the task is solved; None at the time limit. After QUIT the operator still decides whether
            to save the episode.
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
            goal = self._send_goal(recorder, replace(goal, time_s=now_s), pressed)
            goal = replace(goal, time_s=now_s + period_s)
            self._wait(recorder, goal.time_s)
            recorder.step(goal.time_s)
            if self._station.outcome()["is_success"]:
                self._wait(recorder, goal.time_s + period_s)
                recorder.step(goal.time_s + period_s)
                return SAVE
        return None

    def _send_goal(self, recorder: Recorder, before: Waypoint, pressed: Sequence[str]) -> Waypoint:
        """Send the next goal, due one period after `before`; returns it as the arm accepted it."""
        if self._goal_source.hand_guided:
            return before
        _, history = self._station.sensors.observe(1)
        goal = self._goal_source.goal({key: value[0] for key, value in history.items()}, before, pressed)
        accepted = self._station.loop.schedule((goal,))
        recorder.add_commands(before.time_s, accepted)
        return accepted[-1] if accepted else before

    def _wait(self, recorder: Recorder, until_s: float) -> None:
        """Wait until the step is over; record the measured poses if the arm is guided by hand."""
        while (left_s := until_s - time.monotonic()) > 0:
            if self._goal_source.hand_guided:
                state = self._station.loop.read()
                recorder.add_measured(_waypoint(state, state.time_s))
            time.sleep(min(left_s, GUIDED_S if self._goal_source.hand_guided else left_s))

    def _keys(self, lines: Sequence[str]) -> tuple[str, ...]:
        """Keys pressed while nothing is recorded; shows a fault, and resets it if the operator presses the key."""
        fault = self._station.loop.fault
        if fault is not None:
            lines = (f"STOPPED: {fault}", f"{RESET} reset once it is safe", *lines)
        pressed = self._look(lines)
        if RESET in pressed and fault is not None:
            try:
                self._station.loop.reset_fault()
            except (DpbenchError, OSError) as error:
                self._say(f"still stopped: {error}")
        time.sleep(IDLE_S)
        return pressed

    def _look(self, lines: Sequence[str]) -> tuple[str, ...]:
        self._interface.show(picture_of(self._station, self._interface.shows_pictures), lines)
        return self._interface.pressed()

    def _save(self) -> None:
        n_steps, number = self._journal.n_steps, self._journal.save()
        self._saved += 1
        self._say(f"saved {n_steps} steps as episode {number + 1} of {self._journal.path}")

    def _discard(self) -> None:
        """Delete the unfinished episode, if there is one."""
        if not self._journal.n_steps:
            return
        self._say(f"discarded {self._journal.n_steps} steps")
        self._journal.discard()
        self._discarded += 1


def _waypoint(state: ArmState, time_s: float) -> Waypoint:
    return Waypoint(time_s, state.position, state.quaternion, state.gripper_m)
