"""The scripted policies."""

from __future__ import annotations

import numpy as np
import pytest

from dpbench.baselines.scripted import HOLD, HoldPolicy, RandomPolicy
from dpbench.errors import ConfigError
from dpbench.policies.baseline import Role, role_of
from dpbench.policies.noise import NoiseStreams
from dpbench.tasks import load_task

TASK = load_task("dpbench/PushT-v0")


def test_random_actions_fill_the_bounds_and_depend_on_the_stream() -> None:
    policy = RandomPolicy(TASK)
    actions = policy.act({}, NoiseStreams.from_seeds(0, range(500)))
    assert actions.shape == (500, 1, 2)
    assert actions.min() >= 0
    assert actions.max() <= 512
    assert actions.min() < 20
    assert actions.max() > 490
    assert np.array_equal(actions[:3], policy.act({}, NoiseStreams.from_seeds(0, range(3))))


def test_hold_commands_the_agents_own_position() -> None:
    position = np.array([[[10.0, 20.0]], [[30.0, 40.0]]], dtype=np.float32)
    actions = HoldPolicy(TASK).act({"agent_pos": position}, NoiseStreams.from_seeds(0, range(2)))
    assert np.array_equal(actions, position)


def test_hold_keeps_off_where_the_agents_pose_is_no_action() -> None:
    """A hand's pose is observed as a quaternion and commanded as two rows of a matrix."""
    with pytest.raises(ConfigError, match="hold does not fit dpbench/LiftAbs-v0"):
        HoldPolicy(load_task("dpbench/LiftAbs-v0"))
    assert not HOLD.fits(load_task("dpbench/LiftAbs-v0"))
    assert HOLD.fits(load_task("dpbench/Lift-v0"))


def test_a_role_is_asked_for_by_name() -> None:
    roles = [role_of(name) for name in ("demonstrator", "hold", "mlp-bc", "a method that is not installed")]
    assert roles == [Role.DEMONSTRATOR, Role.REFERENCE, None, None]
