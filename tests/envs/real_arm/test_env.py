"""The arm as an environment: in simulated time, in real time, and with the rules of a physical arm."""

from __future__ import annotations

import time
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import dpbench  # noqa: F401  # registers the environments
from dpbench.envs.real_arm.demonstrator import PushDemonstrator
from dpbench.envs.real_arm.options import projection
from dpbench.envs.real_arm.scene import WORKSPACE_HIGH_M, WORKSPACE_LOW_M
from dpbench.envs.real_arm.task import ACTION
from dpbench.errors import ActionError, ArmFaultError, ConfigError
from dpbench.evaluation.rollout import rollout, trials
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.opening import open_policy
from dpbench.tasks import load_task


def make(name: str = "RealArm", **options: Any) -> Any:
    """The bare environment."""
    return gym.make(f"dpbench/{name}-v0", **options).unwrapped


def act(policy: PushDemonstrator, observation: Any, noise: NoiseStreams) -> Any:
    return policy.act({key: value[None, None] for key, value in observation.items()}, noise)[0, 0]


@pytest.mark.parametrize("name", ["RealArm", "RealArmVelocity"])
def test_the_demonstrator_pushes_the_block_into_the_target(name: str) -> None:
    """It solved 12 of 12 seeds when it was written; here four, as `dpbench evaluate demonstrator` runs them."""
    task = load_task(f"dpbench/{name}-v0")
    starts = task.starts()
    episodes = rollout(open_policy("demonstrator", task.id), task, starts, trials(starts, 4, (0,)))
    assert [bool(episode.successes[-1]) for episode in episodes] == [True] * 4
    assert all(episode.scores[-1] == 1.0 for episode in episodes)
    with pytest.raises(ConfigError, match="has no scripted demonstrator"):
        open_policy("demonstrator", f"dpbench/{name}Image-v0")


def test_no_action_takes_the_tool_out_of_the_workspace() -> None:
    env = make()
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(60):
        observation, *_ = env.step(rng.choice([-5.0, 5.0], 10))
        place = observation["agent_pos"][:3]
        assert (place > np.array(WORKSPACE_LOW_M) - 0.01).all()
        assert (place < np.array(WORKSPACE_HIGH_M) + 0.01).all()
    env.close()


def test_velocities_are_integrated_inside_the_workspace() -> None:
    env = make("RealArmVelocity")
    observation, _ = env.reset(seed=0)
    before = observation["agent_pos"][:3]
    for _ in range(10):
        env.step(np.array([0.0, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0]))
    for _ in range(5):  # time to arrive
        observation, *_ = env.step(np.zeros(7))
    np.testing.assert_allclose(observation["agent_pos"][:3] - before, [0.0, 0.1, 0.0], atol=0.005)
    for _ in range(40):  # 1 m, of which 0.3 m are inside the workspace
        env.step(np.array([0.0, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0]))
    for _ in range(20):
        observation, *_ = env.step(np.array([0.0, -0.1, 0.0, 0.0, 0.0, 0.0, 0.0]))
    assert observation["agent_pos"][1] < WORKSPACE_HIGH_M[1] - 0.15, "the way back starts at the edge"
    env.close()


def test_a_fault_ends_the_episode_and_a_reset_starts_the_next() -> None:
    env = make()
    observation, _ = env.reset(seed=0)
    action = np.array([*observation["agent_pos"][:3], 1, 0, 0, 0, -1, 0, 0], dtype=np.float32)
    env.loop._servo.fault(protective_stop=True)
    env.step(action)
    with pytest.raises(ArmFaultError, match="call reset_fault"):
        env.step(action)
    env.reset(seed=1)
    env.step(action)
    env.close()


def test_a_policy_that_goes_where_the_arm_does_not_reach_ends_its_episode() -> None:
    env = make("RealArmVelocity")
    env.reset(seed=0)
    for _ in range(120):
        _, _, terminated, _, info = env.step(np.array([0.14, 0.14, 0.14, 0, 0, 0, 0], dtype=np.float32))
        if terminated:
            break
    assert terminated
    assert not info["is_success"]
    assert "is it blocked" in info["fault"]
    with pytest.raises(ArmFaultError, match="call reset_fault"):
        env.step(np.zeros(7, dtype=np.float32))
    env.reset(seed=1)
    assert not env.step(np.zeros(7, dtype=np.float32))[2]
    env.close()


def test_in_real_time_a_latched_fault_survives_a_reset_of_the_episode() -> None:
    env = make(real_time=True)
    env.reset(seed=0)
    env.loop.halt("emergency stop by the space bar")
    with pytest.raises(ArmFaultError, match=r"space bar; call reset_fault"):
        env.reset(seed=1)
    env.loop.reset_fault()
    env.reset(seed=1)
    assert env.loop.fault is None
    env.close()


def test_the_arm_is_closed_before_the_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    env = make(real_time=True)
    env.reset(seed=0)
    servo = env.loop._servo

    def fail() -> None:
        assert servo.pid is None
        raise RuntimeError("its driver is broken")

    monkeypatch.setattr(env.camera, "close", fail)
    with pytest.raises(RuntimeError, match="is broken"):
        env.close()


def test_in_real_time_a_step_takes_its_period() -> None:
    env = make(real_time=True)
    observation, _ = env.reset(seed=0)
    policy, noise = PushDemonstrator(ACTION), NoiseStreams.from_seeds(0, [0])
    before, began = observation["agent_pos"][:3], time.monotonic()
    for _ in range(15):
        observation, *_ = env.step(act(policy, observation, noise))
    took_s = time.monotonic() - began
    env.close()
    assert 1.4 < took_s < 4.0
    assert np.linalg.norm(observation["agent_pos"][:3] - before) > 0.05


def test_the_gripper_limit_is_the_drivers_unless_it_is_set() -> None:
    arm = {"driver": "ufactory", "driver_options": {"address": "192.168.0.10", "gripper_m": 0.085}}
    table = {"camera": "opencv", "camera_options": {"source": 0, "height_px": 96, "width_px": 96}}
    assert make("RealArmImage", **arm, **table).limits.gripper_m == 0.085
    assert make("RealArmImage", **arm, **table, limits={"gripper_m": 0.04}).limits.gripper_m == 0.04
    assert make("RealArm").limits.gripper_m == 0.0


def test_stepping_without_a_reset_is_one_clear_error() -> None:
    env, action = make(), np.zeros(10, dtype=np.float32)
    with pytest.raises(gym.error.ResetNeeded, match=r"call reset\(\) before step\(\)"):
        env.step(action)
    env.reset(seed=0)
    env.close()
    with pytest.raises(gym.error.ResetNeeded, match=r"call reset\(\) before step\(\)"):
        env.step(action)


def test_bad_input_is_named() -> None:
    with pytest.raises(ConfigError, match="driver 'ur-rtde' does not measure poses of objects"):
        make(driver="ur-rtde", driver_options={"address": "192.168.0.10"})
    with pytest.raises(ConfigError, match="no camera of its own: choose one"):
        make("RealArmImage", driver="ur-rtde", driver_options={"address": "192.168.0.10"})
    for limits in ({"low": [0, 0]}, {"speed_m_s": "fast"}, {"gripper_m": float("nan")}, {"low": 3}):
        with pytest.raises(ConfigError, match="expected"):
            make(limits=limits)
    for times in ({"watchdog_s": "1"}, {"stale_s": 0.0}, {"watchdog_s": float("inf")}):
        with pytest.raises(ConfigError, match="expected seconds above 0"):
            make(**times)
    for matrix in ([[1, 2], [3]], [[1, 2, 3]] * 3, [["a"] * 4] * 3):
        with pytest.raises(ConfigError, match="three rows of four"):
            projection(matrix)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="obs_mode = 'touch'"):
        make(obs_mode="touch")
    with pytest.raises(ConfigError, match="action_kind = 'delta'"):
        make(action_kind="delta")
    env = make()
    env.reset(seed=0)
    with pytest.raises(ActionError, match="NaN"):
        env.step(np.full(10, np.nan))
    with pytest.raises(ConfigError, match="unknown reset options state"):
        env.reset(options={"state": 1})
    env.close()
