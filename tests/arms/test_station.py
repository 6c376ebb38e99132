"""The station protocol."""

from __future__ import annotations

import gymnasium as gym
import pytest

import dpbench  # noqa: F401  # registers the environments
from dpbench.arms.station import station_of
from dpbench.errors import ConfigError


def test_a_task_without_an_arm_is_named() -> None:
    env = gym.make("dpbench/Avoid-v0")
    with pytest.raises(ConfigError, match="Avoid-v0 is not a task for an arm"):
        station_of(env)
    env.close()
