"""The runner in real time: the simulation goes on while the policy thinks.

    control step  t        t+1        t+2        t+3
    call          |=============|                          latency of 1.4 control periods
    executed      previous chunk  chunk[1]  chunk[2]       action i of a chunk belongs to step t + i

As on an arm with asynchronous execution (`dpbench.arms.deployment.execution`): one call at a time runs beside the
control loop. It begins early enough for the slowest of the recent calls, so that the next chunk is there when the
present one ends. The present chunk is executed meanwhile, and actions whose step is over when the call ends are dropped
(as in `eval_real_robot.py` of real-stanford/diffusion_policy, 5ba07ac). So a call that takes less than one control
period delays nothing, as in a control loop that waits for it. Where no action is left, the agent waits (`Waiting`); a
chunk of which every step is over still gives its last action.

The clock is simulated: the latency of each call is drawn from measured ones, by a random stream of the episode. So an
episode depends on its trial and the measured latencies, and on nothing else. Related: Black et al. 2025 (real-time
chunking, arXiv 2506.07339), whose asynchronous execution without inpainting this is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import ConfigError
from dpbench.policies.acting import check_policy, failing_as
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.observation_buffer import ObservationBuffer
from dpbench.policies.protocol import Observations, Policy
from dpbench.policies.runner import NO_OBSERVATION, chunks_of_rows
from dpbench.spec import TaskSpec

N_RECENT = 5
"""The slowest of this many calls of an episode decides how early the next one begins, as on the arm."""
LATENCY_STREAM = 1
"""Tells the stream of latencies from that of the policy's noise, which has the same seeds."""


@dataclass(frozen=True)
class LatencyStreams:
    """The latencies of the calls of a batch of episodes.

    Attributes:
        times_s: measured times of calls, `(N,)`, s.
        generators: one for each row; draws among them.
    """

    times_s: NDArray[np.float64]
    generators: tuple[np.random.Generator, ...]

    @classmethod
    def for_trials(cls, times_s: Sequence[float], seeds: Sequence[tuple[int, int]]) -> LatencyStreams:
        """One stream for each pair of sampler seed and start seed.

        Raises:
            ConfigError: without times, or for one that is no finite number of 0 or more.
        """
        times = np.asarray(times_s, dtype=np.float64)
        if times.ndim != 1 or not len(times) or not (np.isfinite(times) & (times >= 0)).all():
            raise ConfigError(f"times_s = {list(times_s)!r:.60}: expected measured times of calls, 0 s or more each.")
        sequences = (np.random.SeedSequence(pair, spawn_key=(LATENCY_STREAM,)) for pair in seeds)
        return cls(times, tuple(map(np.random.default_rng, sequences)))

    def draw(self, row: int) -> float:
        """The latency of the next call of a row, s."""
        return float(self.times_s[self.generators[row].integers(len(self.times_s))])


@dataclass(frozen=True)
class Standing:
    """A part of a task: position targets that keep its agent where it is, where `agent_pos` is not such a target.

    Attributes:
        targets: from observations, flat key -> `(B, ...)`, to actions `(B, Da)`.
    """

    targets: Callable[[Observations], NDArray[np.float32]]


class Waiting:
    """What an agent does while it has no action to execute.

    Position targets: it keeps the last one. Before the first, the target is where the agent is. Velocities and deltas:
    it stands still, since a motion that goes on blindly is what the watchdogs of robots stop; the gripper keeps its
    last command.

    Args:
        task: whose actions these are.

    Raises:
        ConfigError: for position targets of a task that has no `Standing` and whose `agent_pos` is not such a target.
    """

    def __init__(self, task: TaskSpec) -> None:
        self._action, self._standing = task.action, task.part(Standing)
        if (
            task.action.kind == "position"
            and self._standing is None
            and task.observations["agent_pos"].shape != (task.action.dim,)
        ):
            raise ConfigError(
                f"{task.id} cannot be run in real time: before its first action the agent has to stay where it is, and "
                f"agent_pos is not the {task.action.dim} numbers of a position target; it needs the part Standing."
            )

    def first(self, observations: Observations) -> NDArray[np.float32]:
        """Before the first action: from observations `(B, ...)` to `(B, Da)`."""
        places: NDArray[np.float32] = np.array(observations["agent_pos"], dtype=np.float32)
        if self._action.kind != "position":
            return np.zeros((len(places), self._action.dim), np.float32)
        return places if self._standing is None else self._standing.targets(observations)

    def after(self, last: NDArray[np.float32]) -> NDArray[np.float32]:
        """After the action `last`, `(Da,)`."""
        if self._action.kind == "position":
            return last
        still = np.zeros_like(last)
        if self._action.gripper is not None:
            still[self._action.gripper] = last[self._action.gripper]
        return still


@dataclass
class _Call:
    """A call that has begun.

    Attributes:
        history: its observations, flat key -> `(To, ...)`.
        began_at: control step.
        ends_at: control step within which it ends.
        chunk: what it returns, `(Ta, Da)`; None while that is not computed.
    """

    history: dict[str, NDArray[Any]]
    began_at: int
    ends_at: int
    chunk: NDArray[np.float32] | None = None


@dataclass
class _Episode:
    """Where an episode is; steps count from its start.

    Attributes:
        sent: the last action, `(Da,)`; before the first, what keeps the agent where it is.
        recent_steps: whole control periods that the last calls took.
        chunk: that is executed, `(Ta, Da)`; None before the first.
        observed_at: step of the observation that `chunk` was computed from.
        call: that is running, or None.
    """

    sent: NDArray[np.float32]
    recent_steps: deque[int]
    chunk: NDArray[np.float32] | None = None
    observed_at: int = NO_OBSERVATION
    call: _Call | None = None

    def left(self, step: int) -> int:
        """Actions of the chunk from this step on."""
        return 0 if self.chunk is None else max(0, self.observed_at + len(self.chunk) - step)

    def calls(self, step: int) -> bool:
        """Whether the next call begins at this step."""
        return self.call is None and self.left(step) <= max(self.recent_steps, default=0)


class RealTimeRunner:
    """Asynchronous execution over a batch of environments that started together.

    Args:
        policy: is reset.
        noise: a stream for each environment.
        latencies: a stream for each environment.
        task: of the environments.

    Raises:
        PolicyError: for a policy that lacks something, or whose `reset` raises.
        ConfigError: as `Waiting`.
    """

    def __init__(self, policy: Policy, noise: NoiseStreams, latencies: LatencyStreams, task: TaskSpec) -> None:
        check_policy(policy)
        self._policy, self._noise, self._latencies = policy, noise, latencies
        self._task, self._waiting = task, Waiting(task)
        self._observed = ObservationBuffer(policy.horizon.n_obs_steps)
        self._episodes: tuple[_Episode, ...] = ()
        self._step = -1
        self.observed_at: NDArray[np.int64] = np.full(len(noise), NO_OBSERVATION)
        """Step of the observation behind the actions that `act` returned last, `(B,)`."""
        with failing_as("reset()"):
            policy.reset()

    def act(self, observations: Observations, active: NDArray[np.bool_]) -> NDArray[np.float32]:
        """One action for each environment.

        Args:
            observations: flat key -> `(B, ...)`, the newest.
            active: `(B,)`, False where the episode is over.

        Returns:
            `(B, Da)` in the task's units.

        Raises:
            PolicyError: for a policy that raises, or returns no chunk; its `row` is that of the environments.
        """
        self._observed.add(observations)
        self._step += 1
        if not self._episodes:
            self._episodes = tuple(_Episode(row, deque(maxlen=N_RECENT)) for row in self._waiting.first(observations))
        running = {row: self._episodes[row] for row in np.flatnonzero(active).tolist()}
        received = self._receive(running)
        for row, episode in running.items():
            if episode.calls(self._step):
                self._call(row, episode)
        received |= self._receive(running)
        for row, episode in running.items():
            episode.sent = self._action(episode, row in received)
        self.observed_at = np.array([episode.observed_at for episode in self._episodes])
        return np.stack([episode.sent for episode in self._episodes])

    def _call(self, row: int, episode: _Episode) -> None:
        n_steps = int(self._latencies.draw(row) * self._task.rate_hz)
        history = {key: value[0] for key, value in self._observed.history(np.array([row])).items()}
        episode.call = _Call(history, self._step, self._step + n_steps)
        episode.recent_steps.append(n_steps)

    def _receive(self, running: Mapping[int, _Episode]) -> set[int]:
        """Take the chunks of the calls that end within this control period; the rows that got one."""
        begun = {row: episode.call for row, episode in running.items() if episode.call is not None}
        done = {row: call for row, call in begun.items() if call.ends_at <= self._step}
        if any(call.chunk is None for call in done.values()):
            self._compute(running)
        for row, call in done.items():
            episode = running[row]
            episode.chunk, episode.observed_at, episode.call = call.chunk, call.began_at, None
        return set(done)

    def _compute(self, running: Mapping[int, _Episode]) -> None:
        """Compute all calls that have begun, so that one batch serves many rows."""
        calls = {row: one.call for row, one in running.items() if one.call is not None and one.call.chunk is None}
        histories = [call.history for call in calls.values()]
        stacked = {key: np.stack([history[key] for history in histories]) for key in histories[0]}
        rows = np.array(list(calls))
        chunks = chunks_of_rows(self._policy, stacked, self._noise, rows, self._task.action.dim)
        for call, chunk in zip(calls.values(), chunks, strict=True):
            call.chunk = np.asarray(chunk, dtype=np.float32)

    def _action(self, episode: _Episode, received: bool) -> NDArray[np.float32]:
        if episode.chunk is None or not (received or episode.left(self._step)):
            return self._waiting.after(episode.sent)
        # Of a chunk of which every step is over, the last action is late, but newer than anything else.
        number = min(self._step - episode.observed_at, len(episode.chunk) - 1)
        action: NDArray[np.float32] = episode.chunk[number]
        return action
