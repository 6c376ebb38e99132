"""Rollouts of a policy from fixed starts: all trials of a process in one batch, the trials in several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from dpbench.errors import ConfigError, DpbenchError, EvaluationError, PolicyError, check_whole
from dpbench.evaluation.recorder import Recorder, wrong_observation
from dpbench.evaluation.skip_finished import SKIP, SkipFinished
from dpbench.evaluation.stepping import steps
from dpbench.evaluation.workers import in_workers
from dpbench.metrics.episode import Episode, Trial
from dpbench.plugins.failures import failure_of
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations, Policy
from dpbench.policies.real_time import LatencyStreams, RealTimeRunner
from dpbench.policies.runner import PolicyRunner
from dpbench.policies.threads import fixed_threads
from dpbench.spaces import flatten
from dpbench.spec import EvaluationStarts, TaskSpec
from dpbench.tasks import load_task

BATCH = 50
"""Environments that one process steps together."""
MAX_STARTS, MAX_SEED, MAX_WORKERS = 1_000_000, 2**63 - 1, 1024


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
    call_times_s: Sequence[float] | None = None,
) -> tuple[Episode, ...]:
    """Run trials in this process, one environment each; torch uses one thread.

    Args:
        policy: acts.
        task: the environment's id, score and flat observation keys.
        starts: the reset options of the protocol.
        wanted: the trials; an episode does not depend on the others of the batch.
        frames: pictures to keep, or None.
        max_steps: stop after so many steps, even if episodes are still running; None for no limit.
        call_times_s: measured times of calls, s: the simulation goes on for as long while the policy thinks; None for
            a simulation that waits.

    Returns:
        One episode a trial, in order.

    Raises:
        EvaluationError: for a policy or an environment that fails, with start seed, sampler seed and step. The whole
            batch ends with it: figures of some of the episodes would be figures of something else.
    """
    env = make_batch(task, len(wanted), render=frames is not None)
    try:
        with fixed_threads():
            return _run(env, policy, task, starts, wanted, frames, max_steps, call_times_s)
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
    call_times_s: Sequence[float] | None = None,
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
        call_times_s: as in `rollout`.

    Raises:
        ConfigError: for fewer than one process.
        EvaluationError: as `rollout`, and when a process ends before its episodes.
    """
    check_workers(n_workers)
    size = min(BATCH, -(-len(wanted) // n_workers))
    parts = [tuple(wanted[begin : begin + size]) for begin in range(0, len(wanted), size)]
    if n_workers <= 1:
        policy, task = open_policy(), load_task(task_id)
        done: list[tuple[Episode, ...]] = []
        for part in parts:
            done.append(rollout(policy, task, starts, part, frames, call_times_s=call_times_s))
            on_done(len(part))
        return tuple(episode for episodes in done for episode in episodes)
    work = partial(_worker, open_policy, task_id, starts, frames=frames, call_times_s=call_times_s)
    return tuple(chain.from_iterable(in_workers(work, parts, n_workers, lambda part: on_done(len(part)))))


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
    call_times_s: Sequence[float] | None,
) -> tuple[Episode, ...]:
    moment = _Moment(wanted)
    with moment.named():
        runner = _runner(policy, task, wanted, call_times_s)
        seeds: Any = [trial.start_seed for trial in wanted]  # a list, as Gymnasium's environments take it
        first, _ = env.reset(seed=seeds, options=dict(starts.reset_options))
        _check(dict(flatten(first)), task, moment)
        recorders = [Recorder(trial, first, row) for row, trial in enumerate(wanted)]
    # Finished environments keep their place in the batch. Single environments skip their steps. A task's own batched
    # environment starts another episode in their place, which costs nothing extra; it is not recorded.
    skip: dict[str, Any] = {} if gym.spec(task.id).vector_entry_point is not None else {SKIP: True}

    def act(observations: Observations, active: NDArray[np.bool_]) -> NDArray[np.float32]:
        moment.rows, moment.step = active, moment.step + 1
        if frames is not None and (moment.step - 1) % frames.stride == 0:
            _keep_frames(env, recorders, moment, active, frames.size_px)
        return runner.act(observations, active)

    def reset_finished(finished: NDArray[np.bool_]) -> Mapping[str, Any]:
        observations: Mapping[str, Any] = env.reset(options={**starts.reset_options, **skip, "reset_mask": finished})[0]
        return observations

    with moment.named():
        for step in islice(steps(env, first, act, reset_finished), max_steps):
            _check(step.next_observation, task, moment)
            for row in np.flatnonzero(step.active).tolist():
                with moment.named(row):
                    recorders[row].add(step, task.score, runner.observed_at)
            if frames is not None and step.finished.any():
                _keep_frames(env, recorders, moment, step.finished, frames.size_px)
    return tuple(recorder.episode() for recorder in recorders)


def _runner(
    policy: Policy, task: TaskSpec, wanted: Sequence[Trial], call_times_s: Sequence[float] | None
) -> PolicyRunner | RealTimeRunner:
    seeds = [(trial.sampler_seed, trial.start_seed) for trial in wanted]
    noise = NoiseStreams.for_trials(seeds)
    if call_times_s is None:
        return PolicyRunner(policy, noise, task.action.dim)
    return RealTimeRunner(policy, noise, LatencyStreams.for_trials(call_times_s, seeds), task)


def _check(observations: Observations, task: TaskSpec, moment: _Moment) -> None:
    """Raise an EvaluationError for observations of running environments that are not what the task says."""
    wrong = wrong_observation(observations, task.observations, moment.rows)
    if wrong is not None:
        row, sentence = wrong
        raise EvaluationError(f"{moment.at(row)}: {sentence}")


def _keep_frames(
    env: VectorEnv[Any, Any, Any], recorders: Sequence[Recorder], moment: _Moment, rows: NDArray[np.bool_], size_px: int
) -> None:
    with moment.named():
        pictures = env.render()
    for row in np.flatnonzero(rows).tolist():
        with moment.named(row):
            recorders[row].keep_frame(None if pictures is None else pictures[row], size_px)


def _worker(
    open_policy: PolicyOpener,
    task_id: str,
    starts: EvaluationStarts,
    part: Sequence[Trial],
    frames: Frames | None,
    call_times_s: Sequence[float] | None,
) -> tuple[Episode, ...]:
    task = load_task(task_id)  # first: it makes Gymnasium know a plug-in's task
    return rollout(open_policy(), task, starts, part, frames, call_times_s=call_times_s)


class _Moment:
    """Where a batch is, for the message of an error.

    Attributes:
        rows: of the batch that still run, `(B,)`.
        step: that is being done, from 1; 0 at the reset.
    """

    def __init__(self, wanted: Sequence[Trial]) -> None:
        self._wanted = wanted
        self.rows = np.ones(len(wanted), dtype=np.bool_)
        self.step = 0

    def at(self, row: int | None) -> str:
        """The moment in words; of one row, or of all that run."""
        rows = [row] if row is not None else np.flatnonzero(self.rows).tolist()
        trial = self._wanted[rows[0]]
        more = f" and {len(rows) - 1} more of its batch" if len(rows) > 1 else ""
        step = f"step {self.step}" if self.step else "before its first step"
        return f"start seed {trial.start_seed}, sampler seed {trial.sampler_seed}{more}, {step}"

    @contextmanager
    def named(self, row: int | None = None) -> Iterator[None]:
        """Around what a policy and an environment do.

        Raises:
            EvaluationError: for whatever they raise, Ctrl-C aside.
        """
        try:
            yield
        except (KeyboardInterrupt, EvaluationError):
            raise
        except PolicyError as error:
            raise EvaluationError(f"{self.at(error.row)}: {error}") from error
        except DpbenchError as error:
            raise EvaluationError(f"{self.at(row)}: {error}") from error
        except BaseException as error:
            raise EvaluationError(f"{self.at(row)}: {failure_of(error)}") from error
