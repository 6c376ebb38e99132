"""Copies of environments are equal and independent, wherever in an episode they are taken."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from dpbench.errors import CopyError
from dpbench.registry import registry
from dpbench.spaces import flatten

LIGHT = [
    name for name in registry("task").names() if name.startswith(("dpbench/PushT", "dpbench/Block", "dpbench/Avoid"))
]
ARMS = [name for name in registry("task").names() if name.startswith("dpbench/RealArm")]
WAYS: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda env: pickle.loads(pickle.dumps(env)),
}
N_STEPS, EVERY = 60, 12


def numbers(env: Any, action: Any) -> list[Any]:
    """Everything that a step gives, as numbers."""
    observation, reward, terminated, truncated, info = env.step(action)
    return [
        *(values.tobytes() for _, values in flatten(observation)),
        reward,
        terminated,
        truncated,
        sorted(info.items()),
    ]


def actions(env: Any, seed: int) -> Any:
    """A random walk of targets through the middle of the bounds: the block is touched, obstacles are met."""
    rng = np.random.default_rng(seed)
    low, high = env.action_space.low, env.action_space.high
    walk = np.cumsum(rng.uniform(-0.2, 0.2, (2 * N_STEPS, *low.shape)), axis=0)
    return ((low + high) / 2 + (high - low) / 2 * np.sin(walk)).astype(np.float32)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", LIGHT)
def test_a_copy_steps_as_the_original_and_lives_without_it(name: str, way: str) -> None:
    env, undisturbed = gym.make(name), gym.make(name)
    for one in (env, undisturbed):
        one.reset(seed=4)
    copies = []
    for step, action in enumerate(actions(env, 1)[:N_STEPS]):
        if step % EVERY == 0:
            copies.append((step, WAYS[way](env)))
        expected = numbers(undisturbed, action)
        assert numbers(env, action) == expected
        if expected[-3]:
            break
    del env
    gc.collect()
    for begin, twin in copies:
        undisturbed.reset(seed=4)
        for step, action in enumerate(actions(undisturbed, 1)[:N_STEPS]):
            expected = numbers(undisturbed, action)
            if step >= begin:
                assert numbers(twin, action) == expected, (begin, step)
            if expected[-3]:
                break
        assert numbers_of_reset(twin) == numbers_of_reset(undisturbed), "the generators are copied, too"


def numbers_of_reset(env: Any) -> list[bytes]:
    return [values.tobytes() for _, values in flatten(env.reset()[0])]


@pytest.mark.parametrize("name", ["dpbench/PushT-v0"])
def test_a_copy_in_contact_keeps_the_forces(name: str) -> None:
    """A state of Push-T lacks them: only a copy continues bit for bit while the block is pushed."""
    env: Any = gym.make(name).unwrapped
    env.reset(options={"state": [256.0, 180.0, 256.0, 300.0, 0.3]})
    n_touching = 0
    for step in range(30):
        twin = copy.deepcopy(env)
        ahead = copy.deepcopy(env)
        targets = [(256.0 + 2 * number, 200.0 + 6 * (step + number)) for number in range(5)]
        assert [numbers(twin, target) for target in targets] == [numbers(ahead, target) for target in targets]
        assert numbers(copy.deepcopy(env), targets[0]) == numbers(env, targets[0])
        n_touching += env.step(targets[0])[-1]["n_contacts"] > 0
    assert n_touching > 10


@pytest.mark.parametrize("name", [name for name in LIGHT if "Image" not in name])
def test_a_shallow_copy_of_an_environment_is_a_whole_one(name: str) -> None:
    env = gym.make(name).unwrapped
    env.reset(seed=1)
    first, *rest = actions(env, 2)
    twin, other = copy.copy(env), copy.copy(env)
    expected = [numbers(other, action) for action in (first, *rest[:5])]
    numbers(twin, rest[7])
    assert [numbers(env, action) for action in (first, *rest[:5])] == expected


@pytest.mark.parametrize("name", LIGHT)
def test_a_copy_counts_its_own_steps_to_the_time_limit(name: str) -> None:
    env = gym.make(name, max_episode_steps=5, render_mode="rgb_array")
    env.reset(seed=2)
    action = env.unwrapped.action_space.low * 0.5 + env.unwrapped.action_space.high * 0.5
    env.step(action)
    twin = copy.deepcopy(env)
    assert np.array_equal(np.asarray(twin.render()), np.asarray(env.render()))
    for _ in range(3):
        assert not twin.step(action)[3]
    assert twin.step(action)[3]
    assert not env.step(action)[3], "the original has three steps left"


def test_a_batch_is_copied_world_by_world() -> None:
    batch = gym.make_vec("dpbench/PushT-v0", num_envs=3, vectorization_mode="vector_entry_point")
    batch.reset(seed=0)
    targets = np.full((3, 2), 250.0, dtype=np.float32)
    batch.step(targets)
    twins = [copy.copy(batch), copy.deepcopy(batch), pickle.loads(pickle.dumps(batch))]
    for _ in range(20):
        expected = batch.step(targets)
        for twin in twins:
            found = twin.step(targets)
            for key, values in flatten(expected[0]):
                assert np.array_equal(dict(flatten(found[0]))[key], values)
            assert np.array_equal(found[1], expected[1])


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, pickle.dumps])
@pytest.mark.parametrize("name", ARMS)
def test_an_arm_is_not_copied_and_says_what_to_do(name: str, way: Callable[[Any], Any]) -> None:
    env = gym.make(name)
    env.reset(seed=0)
    for one in (env.unwrapped,) if way is copy.copy else (env, env.unwrapped):
        with pytest.raises(CopyError, match=r"make a second environment with gym\.make"):
            way(one)
    env.close()


def test_a_pickle_continues_in_another_process() -> None:
    env = gym.make("dpbench/BlockPush-v0")
    env.reset(seed=5)
    for _ in range(20):
        env.step(np.array([0.01, 0.01], dtype=np.float32))
    code = (
        "import pickle, sys, dpbench\n"
        "env = pickle.load(sys.stdin.buffer)\n"
        "for _ in range(20): observation, *_ = env.step([0.01, 0.02])\n"
        "sys.stdout.write(observation['environment_state'].tobytes().hex())"
    )
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(env), capture_output=True, check=True)
    for _ in range(20):
        observation, *_ = env.step(np.array([0.01, 0.02]))
    assert done.stdout.decode() == observation["environment_state"].tobytes().hex()


def test_a_robosuite_task_is_copied_without_its_addresses() -> None:
    """The compiled controller holds addresses of its simulation; a copy has a simulation and addresses of its own."""
    env: Any = gym.make("dpbench/Lift-v0")
    env.reset(seed=6)
    rng = np.random.default_rng(0)
    rows = rng.uniform(env.action_space.low, env.action_space.high, (12, 7)).astype(np.float32)
    for row in rows[:6]:
        env.step(row)
    twin = pickle.loads(pickle.dumps(copy.deepcopy(env)))
    clock = env.unwrapped._data.time
    found = [numbers(twin, row) for row in rows[6:]]
    assert env.unwrapped._data.time == clock
    assert [numbers(env, row) for row in rows[6:]] == found
    del env
    gc.collect()
    numbers(twin, rows[0])
