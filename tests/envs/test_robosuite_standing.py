"""The pose target that keeps the hand of a robosuite task where it is."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from dpbench.policies.real_time import Waiting
from dpbench.tasks import load_task

pytest.importorskip("robosuite")


@pytest.mark.parametrize("task_id", ["dpbench/LiftAbs-v1", "dpbench/Lift-v0"])
def test_the_hand_stays_where_it_is(task_id: str) -> None:
    task, env = load_task(task_id), gym.make(task_id)
    observation, _ = env.reset(seed=100_000)
    before = observation["agent_pos"].copy()
    action = Waiting(task).first({"agent_pos": before[None]})[0]
    assert action.shape == (task.action.dim,)
    for _ in range(10):
        observation, *_ = env.step(action)
    env.close()
    assert np.abs(observation["agent_pos"][:3] - before[:3]).max() < 0.005
    assert abs(observation["agent_pos"][3:7] @ before[3:7]) > 0.999
    assert np.abs(observation["agent_pos"][7:] - before[7:]).max() < 0.005
