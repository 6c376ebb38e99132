"""One episode of a policy on an arm: the policy runs in a thread of its own, keys and view in the calling one."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from dpbench.arms.control.loop_report import LoopReport
from dpbench.arms.deployment.execution import ExecutionConfig, PolicyReport, PredictedChunk, run_policy
from dpbench.arms.driver import Waypoint
from dpbench.arms.execution_latency import ExecutionLatencyMeter
from dpbench.arms.recording.journal import Journal
from dpbench.arms.recording.recorder import Recorder
from dpbench.arms.station import BLANK_PICTURE, Station, station_of
from dpbench.arms.teleoperation.interface import OperatorInterface
from dpbench.arms.teleoperation.keys import DISCARD, QUIT, SOLVED, STOP
from dpbench.arms.teleoperation.window import draw_chunk, scale, scaled
from dpbench.errors import ArmFaultError
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Policy
from dpbench.spec import TaskSpec

UPDATE_S = 1 / 30
"""Between two updates of keys and view."""
MAX_INFERENCE_S = 30.0
"""How long the end of an episode waits for an inference in progress."""


@dataclass(frozen=True)
class EpisodeReport:
    """What happened in an episode; times in s.

    Attributes:
        seed: of the start and of the policy's noise.
        outcome: `is_success` and the task's score at the end.
        ended_by: `"success"`, `"time limit"`, `"operator"` or `"fault"`.
        fault: why the arm stopped, or None.
        duration_s: from the first inference to the end.
        policy: latencies, queue depth and missed deadlines of the policy.
        loop: ticks and missed deadlines of the control loop.
        execution_latency_s: how much later than commanded the arm was at a place; None if it hardly moved.
        n_steps: number of recorded steps.
        quits: whether the operator ended the session, too.
    """

    seed: int
    outcome: Mapping[str, Any]
    ended_by: str
    fault: str | None
    duration_s: float
    policy: PolicyReport
    loop: LoopReport
    execution_latency_s: float | None
    n_steps: int
    quits: bool = False

    def as_json(self) -> dict[str, Any]:
        """Plain values, with p50, p95 and p99 of every latency."""
        loop, values = self.loop, {key: value for key, value in vars(self).items() if key not in ("policy", "loop")}
        ticks = {"n_ticks": loop.n_ticks, "n_late": loop.n_late, "n_held": loop.n_held}
        outcome = {key: value.item() if isinstance(value, np.generic) else value for key, value in self.outcome.items()}
        return {
            **values,
            "outcome": outcome,
            "policy": self.policy.as_json(),
            "loop": {**ticks, "interval_s": loop.percentiles_s()},
        }


def run_episode(
    env: gym.Env[Any, Any],
    task: TaskSpec,
    policy: Policy,
    config: ExecutionConfig,
    interface: OperatorInterface,
    seed: int,
    journal: Journal | None = None,
    max_s: float | None = None,
) -> EpisodeReport:
    """Run a policy until the task is solved, the time is up, the operator ends the episode, or the arm stops.

    Args:
        env: environment of an arm (`station_of`).
        task: names actions, observations, rate and time limit.
        policy: to run.
        config: how its chunks are executed.
        interface: keys and view; `m` marks success, `d` ends the episode, `q` ends the session, space stops the arm.
        seed: of the start, if the task draws one, and of the policy's noise.
        journal: stores the steps, or None.
        max_s: time limit; the task's by default.

    Raises:
        DpbenchError: if the arm cannot be connected, the policy fails, or the disk is full; the arm holds.
    """
    station = station_of(env)
    env.reset(seed=seed)
    if journal is not None:
        journal.begin(seed)
    station.loop.report = LoopReport()
    max_s = task.max_episode_steps / config.rate_hz if max_s is None else max_s
    return _Episode(station, task, policy, config, interface, seed, journal, max_s).run()


class _Episode:
    """State shared by the two threads of an episode."""

    def __init__(
        self,
        station: Station,
        task: TaskSpec,
        policy: Policy,
        config: ExecutionConfig,
        interface: OperatorInterface,
        seed: int,
        journal: Journal | None,
        max_s: float,
    ) -> None:
        self._station, self._task, self._policy, self._config = station, task, policy, config
        self._interface, self._seed, self._max_s = interface, seed, max_s
        self._began_s = time.monotonic()
        self._period_s = 1.0 / config.rate_hz
        state = station.loop.read()
        start = Waypoint(self._began_s, state.position, state.quaternion, state.gripper_m)
        self._recorder = Recorder(station.sensors, station.action, task.store_arrays, self._period_s, journal, start)
        self._latency_meter, self._n_steps = ExecutionLatencyMeter(), 0
        self._prediction: PredictedChunk | None = None
        self._report = PolicyReport()
        self._error: Exception | None = None
        self._ended_by: str | None = None
        self._quits = False

    def run(self) -> EpisodeReport:
        thread = threading.Thread(target=self._run_policy, name="policy", daemon=True)
        thread.start()
        try:
            while thread.is_alive() and self._ended_by is None:
                self._update()
                time.sleep(UPDATE_S)
        except (ArmFaultError, OSError) as error:  # from the camera or the twin
            self._station.loop.halt(str(error))
        finally:
            self._ended_by = self._ended_by or "fault"
            self._station.loop.stop()  # at once: inference may still be running
            thread.join(MAX_INFERENCE_S)
        if self._error is not None:
            raise self._error
        loop_report = self._station.loop.report
        self._station.loop.report = LoopReport()  # later ticks are not part of the episode
        return EpisodeReport(
            self._seed,
            self._outcome(),
            self._ended_by,
            self._station.loop.fault,
            time.monotonic() - self._began_s,
            self._report,
            loop_report,
            self._latency_meter.latency_s(),
            self._n_steps,
            self._quits,
        )

    def _update(self) -> None:
        """Handle keys, success, time limit, recording and view."""
        now, station = time.monotonic(), self._station
        for key in self._interface.pressed():
            if key == SOLVED:
                station.mark_success()
            elif key in (QUIT, DISCARD):
                self._ended_by, self._quits = "operator", key == QUIT
        state = station.loop.read()
        self._latency_meter.add(now, self._recorder.commanded(now).position, state.time_s, state.position)
        self._n_steps += self._recorder.step(now)
        outcome = station.outcome()
        if station.loop.fault is not None:
            self._ended_by = "fault"
        elif outcome["is_success"]:
            self._ended_by = "success"
        elif now - self._began_s > self._max_s:
            self._ended_by = "time limit"
        self._interface.show(
            self._picture() if self._interface.shows_pictures else BLANK_PICTURE, self._lines(now, outcome)
        )

    def _outcome(self) -> Mapping[str, Any]:
        try:
            return self._station.outcome()
        except (ArmFaultError, OSError):  # the twin's process has died
            return {"is_success": False}

    def _run_policy(self) -> None:
        """Body of the policy's thread."""
        noise = NoiseStreams.from_seeds(0, [self._seed])
        try:
            self._report = run_policy(
                self._policy, self._station.loop, self._station.sensors.observe, self._waypoints, self._config, noise,
                lambda: self._ended_by is not None or self._station.loop.fault is not None, self._on_chunk,
            )  # fmt: skip
        except ArmFaultError as error:
            # A camera failure stops the arm, too, until a person resets it.
            if self._station.loop.fault is None:
                self._station.loop.halt(str(error))
        except Exception as error:  # a plug-in policy may raise anything; raised again in the main thread
            self._error = error

    def _waypoints(self, actions: NDArray[np.float32], times_s: Any) -> list[Waypoint]:
        return self._station.waypoints(actions, times_s, self._recorder.commanded(times_s[0] - self._period_s))

    def _on_chunk(self, prediction: PredictedChunk) -> None:
        self._recorder.add_commands(time.monotonic(), prediction.sent)
        self._prediction = prediction

    def _picture(self) -> NDArray[np.uint8]:
        picture, prediction = self._station.picture(), self._prediction
        if prediction is None or not prediction.sent:
            return picture
        pixels = self._station.pixels(np.stack([waypoint.position for waypoint in prediction.sent]))
        if pixels is None:
            return picture
        # Drawn at the size at which it is shown: on a small picture the line would be as thick as the objects.
        return draw_chunk(scaled(picture), pixels * scale(*picture.shape[:2]), len(pixels))

    def _lines(self, now: float, outcome: Mapping[str, Any]) -> tuple[str, ...]:
        chunk = "waiting for the policy"
        if self._prediction is not None:
            n_late, n_all = self._prediction.n_dropped, len(self._prediction.actions)
            chunk = f"{self._station.loop.queue_depth()} waypoints ahead, {n_late} of {n_all} actions were late"
        return (
            f"{now - self._began_s:.1f} s · {self._task.score} {float(outcome[self._task.score]):.2f} · {chunk}",
            f"{SOLVED} success · {DISCARD} end · {QUIT} quit · {STOP} stop",
        )
