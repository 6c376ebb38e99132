"""Rollouts of a policy from fixed starts: all trials of a process in one batch, the trials in several processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from dpbench.errors import ConfigError, check_whole
from dpbench.evaluation.skip_finished import SKIP, SkipFinished
from dpbench.evaluation.stepping import Step, steps
from dpbench.metrics.episode import Episode, Trial
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations, Policy
from dpbench.policies.runner import PolicyRunner
from dpbench.policies.threads import fixed_threads
from dpbench.processes import worker_processes
from dpbench.spec import EvaluationStarts, TaskSpec
from dpbench.tasks import load_task

BATCH = 50
"""Environments that one process steps together."""
MAX_STARTS, MAX_SEED, MAX_WORKERS = 1_000_000, 2**63 - 1, 1024
VECTORS = ("agent_pos", "environment_state")
"""Observations that are recorded; pictures are not."""


@dataclass(frozen=True)
class Frames:
    """Pictures to keep: side in px, and one in how many steps."""

    size_px: int = 96
    stride: int = 3


PolicyOpener = Callable[[], Policy]
"""Opens the policy in a worker process; must be picklable (a `functools.partial` of a function)."""


def trials(starts: EvaluationStarts, n_starts: int | None, sampler_seeds: Sequence[int]) -> tuple[Trial, ...]:
    """Every start with every sampler seed.

    Raises:
        ConfigError: for fewer than one start or sampler seed, or a seed that is no whole number from 0.
    """
    if n_starts is not None:
        check_whole("n_starts", n_starts, 1, MAX_STARTS)
    if not sampler_seeds:
        raise ConfigError("sampler_seeds is empty: expected at least one.")
    for seed in sampler_seeds:
        check_whole("sampler_seeds", seed, 0, MAX_SEED)
    return tuple(Trial(start, sampler) for sampler in sampler_seeds for start in starts.seeds(n_starts))


def rollout(
    policy: Policy,
    task: TaskSpec,
    starts: EvaluationStarts,
    wanted: Sequence[Trial],
    frames: Frames | None = None,
    max_steps: int | None = None,
) -> tuple[Episode, ...]:
    """Run trials in this process, one environment each; torch uses one thread.

    Args:
        policy: acts.
        task: the environment's id, score and flat observation keys.
        starts: the reset options of the protocol.
        wanted: the trials; an episode does not depend on the others of the batch.
        frames: pictures to keep, or None.
        max_steps: stop after so many steps, even if episodes are still running; None for no limit.

    Returns:
        One episode a trial, in order.
    """
    env = make_batch(task, len(wanted), render=frames is not None)
    try:
        with fixed_threads():
            return _run(env, policy, task, starts, wanted, frames, max_steps)
    finally:
        env.close()


def check_workers(n_workers: int) -> None:
    """Raise ConfigError for fewer processes than one, or more than a machine can have."""
    check_whole("n_workers", n_workers, 1, MAX_WORKERS)


def parallel_rollout(
    open_policy: PolicyOpener,
    task_id: str,
    starts: EvaluationStarts,
    wanted: Sequence[Trial],
    n_workers: int,
    frames: Frames | None = None,
    on_done: Callable[[int], object] = lambda _: None,
) -> tuple[Episode, ...]:
    """Run trials in several processes, each with one thread and its own policy; the result is that of one process.

    Args:
        open_policy: opens the policy, in the process that runs it.
        task_id: Gymnasium id.
        starts: the reset options of the protocol.
        wanted: the trials.
        n_workers: processes.
        frames: pictures to keep, or None.
        on_done: called with the number of episodes that have just ended.

    Raises:
        ConfigError: for fewer than one process.
    """
    check_workers(n_workers)
    size = min(BATCH, -(-len(wanted) // n_workers))
    parts = [tuple(wanted[begin : begin + size]) for begin in range(0, len(wanted), size)]
    if n_workers <= 1:
        policy, task = open_policy(), load_task(task_id)
        done: list[tuple[Episode, ...]] = []
        for part in parts:
            done.append(rollout(policy, task, starts, part, frames))
            on_done(len(part))
        return tuple(episode for episodes in done for episode in episodes)
    results: dict[int, tuple[Episode, ...]] = {}
    with worker_processes(min(n_workers, len(parts)), _one_thread) as pool:
        futures = {
            pool.submit(_worker, open_policy, task_id, starts, part, frames): number
            for number, part in enumerate(parts)
        }
        for future in as_completed(futures):
            number = futures[future]
            results[number] = future.result()
            on_done(len(parts[number]))
    return tuple(episode for number in range(len(parts)) for episode in results[number])


def make_batch(task: TaskSpec, n_envs: int, render: bool = False) -> VectorEnv[Any, Any, Any]:
    """A batch of environments that does not reset by itself."""
    mode: dict[str, Any] = {"autoreset_mode": AutoresetMode.DISABLED}
    own = gym.spec(task.id).vector_entry_point is not None
    return gym.make_vec(
        task.id,
        num_envs=n_envs,
        vector_kwargs=None if own else mode,
        wrappers=None if own else (SkipFinished,),
        render_mode="rgb_array" if render else None,
        **(mode if own else {}),
    )


def _run(
    env: VectorEnv[Any, Any, Any],
    policy: Policy,
    task: TaskSpec,
    starts: EvaluationStarts,
    wanted: Sequence[Trial],
    frames: Frames | None,
    max_steps: int | None,
) -> tuple[Episode, ...]:
    runner = PolicyRunner(policy, NoiseStreams.for_trials([(trial.sampler_seed, trial.start_seed) for trial in wanted]))
    seeds: Any = [trial.start_seed for trial in wanted]  # a list, as Gymnasium's environments take it
    first, _ = env.reset(seed=seeds, options=dict(starts.reset_options))
    recorders = [_Recorder(trial, first, row) for row, trial in enumerate(wanted)]
    # Finished environments keep their place in the batch. Single environments skip their steps. A task's own batched
    # environment starts another episode in their place, which costs nothing extra; it is not recorded.
    skip: dict[str, Any] = {} if gym.spec(task.id).vector_entry_point is not None else {SKIP: True}
    numbers = count()

    def act(observations: Observations, active: NDArray[np.bool_]) -> NDArray[np.float32]:
        if frames is not None and next(numbers) % frames.stride == 0:
            _keep_frames(env, recorders, active, frames.size_px)
        return runner.act(observations, active)

    def reset_finished(finished: NDArray[np.bool_]) -> Mapping[str, Any]:
        observations: Mapping[str, Any] = env.reset(options={**starts.reset_options, **skip, "reset_mask": finished})[0]
        return observations

    for step in islice(steps(env, first, act, reset_finished), max_steps):
        for row in np.flatnonzero(step.active):
            recorders[row].add(step, task.score)
        if frames is not None and step.finished.any():
            _keep_frames(env, recorders, step.finished, frames.size_px)
    return tuple(recorder.episode() for recorder in recorders)


class _Recorder:
    """Collects the episode of one row of the batch."""

    def __init__(self, trial: Trial, observation: Mapping[str, Any], row: int) -> None:
        self._trial, self._row = trial, row
        self._rows: list[tuple[NDArray[np.float32], float, float, bool, int]] = []
        self._vectors: dict[str, list[NDArray[np.float32]]] = {key: [] for key in VECTORS if key in observation}
        self._observe(observation)
        self.frames: list[NDArray[np.uint8]] = []

    def add(self, step: Step, score: str) -> None:
        row, info = self._row, step.info
        mode = int(info["mode"][row]) if "mode" in info else -1
        self._rows.append(
            (
                step.action[row].copy(),
                float(step.reward[row]),
                float(info[score][row]),
                bool(info["is_success"][row]),
                mode,
            )
        )
        self._observe(step.next_observation)

    def _observe(self, observation: Mapping[str, Any]) -> None:
        for key, values in self._vectors.items():
            values.append(observation[key][self._row].copy())

    def episode(self) -> Episode:
        actions, rewards, scores, successes, modes = zip(*self._rows, strict=True)
        return Episode(
            self._trial,
            np.stack(actions),
            np.array(rewards),
            np.array(scores),
            np.array(successes),
            np.stack(self._vectors["agent_pos"]),
            np.stack(self._vectors["environment_state"]) if "environment_state" in self._vectors else None,
            np.array(modes),
            np.stack(self.frames) if self.frames else None,
        )


def _keep_frames(
    env: VectorEnv[Any, Any, Any], recorders: Sequence[_Recorder], rows: NDArray[np.bool_], size_px: int
) -> None:
    import cv2  # only where pictures are asked for

    pictures = env.render()
    assert pictures is not None
    for row in np.flatnonzero(rows).tolist():
        picture = cv2.resize(np.asarray(pictures[row]), (size_px, size_px), interpolation=cv2.INTER_AREA)
        recorders[row].frames.append(np.asarray(picture, dtype=np.uint8))


def _one_thread() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch  # only in workers

    torch.set_num_threads(1)


def _worker(
    open_policy: PolicyOpener, task_id: str, starts: EvaluationStarts, part: Sequence[Trial], frames: Frames | None
) -> tuple[Episode, ...]:
    return rollout(open_policy(), load_task(task_id), starts, part, frames)
