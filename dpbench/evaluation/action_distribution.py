"""Action chunks that a policy and the demonstrator sample at the same probe states, to be compared by the metrics.

The probe states are states of demonstrations, of a demonstrator whose distribution is known. At each, the policy gets
the last To observations and samples N chunks with independent noise, and the demonstrator samples N. A second sample of
the demonstrator gives the noise floor: the distance that two samples of one distribution have. Chunks have the policy's
own length Ta, so distances of policies with different Ta are best compared as multiples of their floors. A policy with
a memory starts with an empty one at every probe state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from dpbench.errors import ConfigError
from dpbench.evaluation.stepping import policy_of_one, steps
from dpbench.metrics.behaviour import ConditionalDemonstrator
from dpbench.metrics.episode import ProbedState
from dpbench.policies.acting import chunk_of, failing_as
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.observation_buffer import stack_history
from dpbench.policies.protocol import Observations, Policy
from dpbench.policies.runner import PolicyRunner
from dpbench.policies.threads import fixed_threads
from dpbench.spaces import flatten
from dpbench.spec import TaskSpec

N_STARTS, N_SAMPLES = 4, 64
PROBE_SEED = 0

History = Mapping[str, NDArray[Any]]
"""Flat key -> `(To, ...)`."""


def probe_states(
    policy: Policy, task: TaskSpec, demonstrator: Policy, conditional: ConditionalDemonstrator
) -> tuple[ProbedState, ...]:
    """Sample a policy and the demonstrator at the task's probe states.

    Args:
        policy: any.
        task: of both.
        demonstrator: makes the demonstrations of the probe states.
        conditional: the demonstrator's known distribution.
    """
    states = []
    histories = probes(task, demonstrator, conditional.probe_steps, policy.horizon.n_obs_steps)
    for number, history in enumerate(histories):
        rng = np.random.default_rng((PROBE_SEED, number))
        newest = {key: values[-1] for key, values in history.items()}
        sampled = sample_policy(policy, history, N_SAMPLES, number)
        reference, second = (conditional.sample(newest, N_SAMPLES, sampled.shape[1], rng) for _ in range(2))
        states.append(
            ProbedState(
                policy=sampled,
                demonstrator=reference,
                again=second,
                policy_distance=conditional.distance(newest, sampled),
                again_distance=conditional.distance(newest, second),
                radius=conditional.radius_m,
            )
        )
    return tuple(states)


def probes(task: TaskSpec, demonstrator: Policy, probe_steps: Sequence[int], n_obs_steps: int) -> list[History]:
    """Observation histories of demonstrations at given steps, from four starts.

    Raises:
        ConfigError: when a demonstration ends before the last of these steps.
    """
    env = gym.make(task.id)
    histories: list[History] = []
    try:
        for seed in task.starts().seeds(N_STARTS):
            frames = _demonstrate(env, demonstrator, seed, max(probe_steps))
            for step in probe_steps:
                history = stack_history(frames[: step + 1], n_obs_steps)
                histories.append({key: values[0] for key, values in history.items()})
    finally:
        env.close()
    return histories


def sample_policy(policy: Policy, history: History, n_samples: int, number: int) -> NDArray[np.float32]:
    """N chunks `(N, Ta, Da)` of a policy for one history, each with its own noise.

    Args:
        policy: is reset.
        history: flat key -> `(To, ...)`.
        n_samples: N.
        number: of the probe state; decides the noise.
    """
    with failing_as("reset()"):
        policy.reset()
    noise = NoiseStreams.for_trials([(number, sample) for sample in range(n_samples)])
    histories = {key: np.repeat(values[None], n_samples, axis=0) for key, values in history.items()}
    with fixed_threads():
        return chunk_of(policy, histories, noise)


def _demonstrate(env: gym.Env[Any, Any], policy: Policy, seed: int, n_steps: int) -> list[Observations]:
    """Observations of the first steps of an episode, flat key -> `(1, ...)` each, the one before the first included."""
    runner = PolicyRunner(policy, NoiseStreams.from_seeds(PROBE_SEED, [seed]))
    first, _ = env.reset(seed=seed)
    done = islice(steps(env, first, policy_of_one(runner)), n_steps)
    observations = [dict(flatten(first)), *(step.next_observation for step in done)]
    if len(observations) <= n_steps:
        raise ConfigError(
            f"the demonstration from start seed {seed} ends after {len(observations) - 1} steps; "
            f"the task's probe_steps ask for step {n_steps}: choose earlier ones."
        )
    return [{key: value[None] for key, value in observation.items()} for observation in observations]
