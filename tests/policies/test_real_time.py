"""Asynchronous execution on a simulated clock: which action of which chunk is sent, and what fills the gaps."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from dpbench.errors import ConfigError, PolicyError
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations
from dpbench.policies.real_time import LatencyStreams, RealTimeRunner, Waiting
from dpbench.policies.runner import PolicyRunner
from dpbench.spec import ActionSpec, Horizon, TaskSpec
from dpbench.tasks import load_task

TA = 4
PERIOD_S = 0.1
PLACE = 900.0
"""Where the agent of row 0 stands; it does not move."""
POSITION = replace(load_task("dpbench/PushT-v0"), rate_hz=1 / PERIOD_S)


def task(kind: str, gripper: int | None = None) -> TaskSpec:
    action = ActionSpec(("a", "b"), (-1e6,) * 2, (1e6,) * 2, "px", kind, "window", gripper=gripper)  # type: ignore[arg-type]
    return replace(POSITION, action=action)


class Telling:
    """Action i of a chunk from step t is 10 t + i (and one more in its second number)."""

    horizon = Horizon(n_obs_steps=1, horizon=TA, n_action_steps=TA)

    def __init__(self) -> None:
        self.rows: list[int] = []

    def reset(self) -> None:
        pass

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:
        self.rows.append(len(noise))
        step = observations["environment_state"][:, -1, :1]  # (B, 1)
        first = 10 * step + np.arange(TA, dtype=np.float32)  # (B, Ta)
        return np.stack([first, first + 1], axis=2).astype(np.float32)


def sent(
    latency_steps: list[float], n_steps: int, of: TaskSpec = POSITION, n_rows: int = 1, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int64], Telling]:
    """Actions `(T, B, 2)`, the steps of their observations `(T, B)`, and the policy."""
    policy, seeds = Telling(), [(0, seed + row) for row in range(n_rows)]
    times_s = [steps * PERIOD_S for steps in latency_steps]
    runner = RealTimeRunner(policy, NoiseStreams.for_trials(seeds), LatencyStreams.for_trials(times_s, seeds), of)
    places = np.full((n_rows, 2), PLACE, np.float32)
    actions, observed = [], []
    for step in range(n_steps):
        now = {"agent_pos": places, "environment_state": np.full((n_rows, 1), step, np.float32)}
        actions.append(runner.act(now, np.ones(n_rows, dtype=np.bool_)))
        observed.append(runner.observed_at)
    return np.stack(actions), np.stack(observed), policy


def test_calls_that_end_within_their_control_period_are_executed_as_in_lock_step() -> None:
    runner = PolicyRunner(Telling(), NoiseStreams.from_seeds(0, [0]))
    for latencies in ([0.0], [0.0, 0.5, 0.99]):
        actions, observed, _ = sent(latencies, 11)
        for step in range(11):
            now = {"agent_pos": np.zeros((1, 2), np.float32), "environment_state": np.full((1, 1), step, np.float32)}
            assert np.array_equal(runner.act(now, np.array([True])), actions[step])
            assert observed[step] == runner.observed_at == 4 * (step // 4)
        runner = PolicyRunner(Telling(), NoiseStreams.from_seeds(0, [0]))


def test_the_previous_chunk_is_executed_while_the_next_call_runs_and_past_actions_are_dropped() -> None:
    actions, observed, _ = sent([1.5], 10)
    # The call of step 0 ends in step 1; the one of step 3 begins while one action is left, and ends in step 4.
    assert actions[:, 0, 0].tolist() == [PLACE, 1, 2, 3, 31, 32, 33, 61, 62, 63]
    assert observed[:, 0].tolist() == [-1, 0, 0, 0, 3, 3, 3, 6, 6, 6]


def test_a_policy_that_is_too_slow_leaves_gaps_in_which_the_last_target_is_kept() -> None:
    actions, _, _ = sent([3.0], 11)  # calls of steps 0, 3, 6, 9: one action of each is still to come
    assert actions[:, 0, 0].tolist() == [PLACE, PLACE, PLACE, 3, 3, 3, 33, 33, 33, 63, 63]


def test_a_chunk_of_which_every_step_is_over_gives_its_last_action() -> None:
    actions, observed, _ = sent([6.0], 14)
    assert actions[:, 0, 0].tolist() == [PLACE] * 6 + [3] * 6 + [63] * 2
    assert observed[:, 0].tolist() == [-1] * 6 + [0] * 6 + [6] * 2


@pytest.mark.parametrize("kind", ["velocity", "delta"])
def test_motions_are_not_repeated_in_a_gap_and_the_gripper_stays(kind: str) -> None:
    actions, _, _ = sent([3.0], 8, task(kind, gripper=1))
    assert actions[:, 0, 0].tolist() == [0, 0, 0, 3, 0, 0, 33, 0]
    assert actions[:, 0, 1].tolist() == [0, 0, 0, 4, 4, 4, 34, 34]


def test_an_early_chunk_takes_over_at_once() -> None:
    found = {tuple(sent([0.0, 2.0], 30, seed=seed)[1][:, 0].tolist()) for seed in range(5)}
    assert len(found) > 1, "every episode draws its own latencies"
    for observed in found:
        assert all(later >= earlier for earlier, later in pairwise(observed))


def test_an_episode_is_the_same_alone_and_among_others_and_one_call_serves_many() -> None:
    together, observed, policy = sent([0.2, 1.4, 2.2, 5.0], 60, n_rows=20)
    for row in (0, 7, 19):
        alone, steps, _ = sent([0.2, 1.4, 2.2, 5.0], 60, seed=row)
        assert np.array_equal(alone[:, 0], together[:, row])
        assert np.array_equal(steps[:, 0], observed[:, row])
    assert np.mean(policy.rows) > 4, "calls that run at the same time are computed together"


def test_latencies_come_from_a_stream_of_their_own() -> None:
    times = np.arange(1000.0)
    draws = [LatencyStreams.for_trials(times, [(0, 5)]).draw(0) for _ in range(2)]
    assert draws[0] == draws[1], "same in, same out"
    assert LatencyStreams.for_trials(times, [(0, 6)]).draw(0) != draws[0], "other in, other out"
    noise = NoiseStreams.for_trials([(0, 5)]).generators[0]
    assert noise.integers(1000) != draws[0], "not that of the policy's noise"


@pytest.mark.parametrize("times", [[], [0.1, -1.0], [float("nan")], [float("inf")]])
def test_times_that_are_none_are_refused(times: list[float]) -> None:
    with pytest.raises(ConfigError, match="expected measured times of calls"):
        LatencyStreams.for_trials(times, [(0, 0)])


def test_a_task_whose_agent_cannot_be_told_to_stay_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be run in real time"):
        Waiting(replace(POSITION, observations=load_task("dpbench/RealArm-v0").observations))


def test_a_policy_that_fails_names_the_row_of_the_batch() -> None:
    class Broken(Telling):
        def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:
            chunk = super().act(observations, noise)
            chunk[-1] = np.nan
            return chunk

    seeds = [(0, 0), (0, 1), (0, 2)]
    runner = RealTimeRunner(Broken(), NoiseStreams.for_trials(seeds), LatencyStreams.for_trials([0.0], seeds), POSITION)
    now = {"agent_pos": np.zeros((3, 2), np.float32), "environment_state": np.zeros((3, 1), np.float32)}
    with pytest.raises(PolicyError) as raised:
        runner.act(now, np.array([True, True, False]))
    assert raised.value.row == 1
