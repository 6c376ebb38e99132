"""A policy that acts late: on old observations, without the actions whose time is over."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dpbench.errors import ConfigError
from dpbench.policies.delayed import DelayedPolicy
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.opening import describe_policy
from dpbench.policies.protocol import Observations
from dpbench.policies.runner import PolicyRunner
from dpbench.spec import Horizon


class Clockwork:
    """Action i of a chunk: the newest step that was observed, and i + 1 steps on."""

    horizon = Horizon(2, 6, 4)

    def __init__(self) -> None:
        self.seen: list[list[float]] = []

    def reset(self) -> None:
        self.seen.clear()

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:  # noqa: ARG002
        self.seen.append(observations["step"][0, :, 0].tolist())
        newest = observations["step"][:, -1:].repeat(4, axis=1)  # (B, 1, 1) -> (B, Ta, 1)
        return np.concatenate([newest, newest + np.arange(1, 5)[:, None]], axis=-1).astype(np.float32)


def run(n_latency_steps: int, n_steps: int = 12) -> tuple[NDArray[np.float32], list[list[float]]]:
    inner = Clockwork()
    runner = PolicyRunner(DelayedPolicy(inner, n_latency_steps), NoiseStreams.from_seeds(0, [0]))
    active = np.ones(1, dtype=np.bool_)
    actions = [runner.act({"step": np.full((1, 1), float(step))}, active)[0].copy() for step in range(n_steps)]
    return np.stack(actions), inner.seen


@pytest.mark.parametrize("late", [0, 1, 2, 3])
def test_every_action_is_for_the_step_at_which_it_is_executed(late: int) -> None:
    actions, seen = run(late)
    steps = np.arange(4, 12)  # before, the first observation stands for all that is older
    actions = actions[4:]
    np.testing.assert_array_equal(actions[:, 1], steps + 1)
    assert (steps - actions[:, 0] >= late).all(), "nothing was seen less than the latency ago"
    replanned = range(0, 12, 4 - late)
    assert seen == [[max(0, step - late - 1), max(0, step - late)] for step in replanned]


def test_without_latency_nothing_changes() -> None:
    runner = PolicyRunner(Clockwork(), NoiseStreams.from_seeds(0, [0]))
    plain = [
        runner.act({"step": np.full((1, 1), float(step))}, np.ones(1, dtype=np.bool_))[0].copy() for step in range(12)
    ]
    np.testing.assert_array_equal(run(0)[0], np.stack(plain))


@pytest.mark.parametrize("late", [-1, 4])
def test_a_latency_that_leaves_no_action_is_named(late: int) -> None:
    with pytest.raises(
        ConfigError, match=rf"latency_steps = {late}: expected 0 to 3, .* executes 4 actions a call \(Ta\)"
    ):
        DelayedPolicy(Clockwork(), late)


def test_it_is_an_option_of_every_policy_and_part_of_its_identity() -> None:
    hold = describe_policy("hold", "dpbench/PushT-v0", {"latency_steps": "0"})
    assert hold.identity["latency_steps"] == 0
    for text, message in (
        ("1", "expected 0 to 0"),
        ("-1", "expected a whole number"),
        ("x", "expected a whole number"),
    ):
        with pytest.raises(ConfigError, match=message):
            describe_policy("hold", "dpbench/PushT-v0", {"latency_steps": text})
