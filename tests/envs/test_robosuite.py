"""The robosuite tasks: equal to robosuite's own environments, deterministic, and what Gymnasium expects."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.typing import NDArray

import dpbench  # noqa: F401  # registers the environments
from dpbench.errors import ConfigError
from dpbench.rotations import matrix_from_rotvec, rotvec_from_matrix, sixd_from_matrix
from dpbench.tasks import find_task, load_task

pytest.importorskip("robosuite", reason="needs dpbench[robosuite]")

from dpbench.envs.robosuite_tasks.goals import FARTHEST_M, FARTHEST_RAD, near
from dpbench.envs.robosuite_tasks.reference import make_robosuite, reference
from dpbench.envs.robosuite_tasks.task import SCENES

NAMES = tuple(SCENES)
TO_METRES = np.array([0.05] * 3 + [0.5] * 3 + [1.0])


def make(name: str, **options: Any) -> Any:
    """The bare environment, its newest version."""
    return gym.make(find_task(name), **options).unwrapped


def robosuites_own(name: str, seed: int) -> tuple[Any, Any]:
    """robosuite's environment, reset from the same generator, and its first observation.

    Transport keeps one size of its hammer's head here, so that it is compared without a hard reload.
    """
    env = make_robosuite(SCENES[name], hard_reset=name != "Transport")
    env.rng.bit_generator.state = np.random.default_rng(seed).bit_generator.state
    return env, env.reset()


def commands(env: Any, n_steps: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Random actions `(n, Da)` as robosuite has them, in [-1, 1], and as we have them."""
    numbers = np.random.default_rng(seed).uniform(-1.0, 1.0, (n_steps, *env.action_space.shape))
    return numbers, (numbers.reshape(n_steps, -1, 7) * TO_METRES).reshape(n_steps, -1)


@pytest.mark.parametrize("name", NAMES)
def test_trajectories_are_robosuites(name: str) -> None:
    """200 random steps, contacts included: the issue asks for 1e-8, they are equal to the bit."""
    theirs, _ = robosuites_own(name, seed=3)
    ours = make(name)
    ours.reset(seed=3)
    for theirs_action, action in zip(*commands(ours, 200), strict=True):
        _, reward, _, _ = theirs.step(theirs_action)
        _, our_reward, *_ = ours.step(action)
        assert np.abs(ours._data.qpos - theirs.sim.data.qpos).max() <= 1e-8
        assert our_reward == reward
    assert np.array_equal(ours._data.qvel, theirs.sim.data.qvel)


@pytest.mark.parametrize("name", NAMES)
def test_observations_are_robosuites(name: str) -> None:
    """Its observables, brought up to the state by force; twice, since its relative poses lag behind."""
    theirs, _ = robosuites_own(name, seed=4)
    ours = make(name)
    ours.reset(seed=4)
    for theirs_action, action in zip(*commands(ours, 5), strict=True):
        theirs.step(theirs_action)
        observation = ours.step(action)[0]
    theirs.sim.forward()
    theirs._get_observations(force_update=True)
    seen = theirs._get_observations(force_update=True)
    hands = [
        seen[f"robot{n}_{key}"] for n in range(SCENES[name].n_arms) for key in ("eef_pos", "eef_quat", "gripper_qpos")
    ]
    np.testing.assert_allclose(observation["agent_pos"], np.concatenate(hands), atol=1e-6)
    np.testing.assert_allclose(observation["environment_state"], seen["object-state"], atol=1e-6)
    assert len(SCENES[name].objects) == len(seen["object-state"])


def test_a_resized_cube_is_a_compiled_one() -> None:
    theirs, _ = robosuites_own("Lift", seed=8)
    ours = make("Lift")
    ours.reset(seed=8)
    compiled, patched = theirs.sim.model._model, ours._model
    for name in dir(compiled):
        value = getattr(compiled, name)
        if isinstance(value, np.ndarray) and not name.startswith("_"):
            np.testing.assert_allclose(getattr(patched, name), value, rtol=1e-14, atol=0.0, err_msg=name)


def path(env: Any, actions: NDArray[np.float64]) -> NDArray[np.float64]:
    """States after each action, `(n, D)`."""
    states = []
    for action in actions:
        env.step(action)
        states.append(env.get_state())
    return np.stack(states)


@pytest.mark.parametrize("name", ["Lift", "Square", "Transport"])
def test_a_used_process_gives_what_a_fresh_one_gives(name: str) -> None:
    code = (
        "import gymnasium as gym, numpy as np, dpbench, hashlib\n"
        f"env = gym.make('dpbench/{name}-v0').unwrapped; env.reset(seed=11)\n"
        "numbers = np.random.default_rng(2).uniform(-0.05, 0.05, (20, *env.action_space.shape))\n"
        "states = [(env.step(row), env.get_state())[1] for row in numbers]\n"
        "print(hashlib.sha256(np.stack(states).tobytes()).hexdigest())"
    )
    fresh = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    used, other = make(name), make(name)
    used.reset(seed=5)
    path(used, commands(used, 10)[1])
    other.reset(seed=6)
    used.reset(seed=11)
    actions = np.random.default_rng(2).uniform(-0.05, 0.05, (20, *used.action_space.shape))
    assert hashlib.sha256(path(used, actions).tobytes()).hexdigest() == fresh.stdout.strip()
    assert fresh.stderr == "", "robosuite's warnings stay out of the terminal"


@pytest.mark.parametrize("name", ["Lift", "Transport"])
def test_absolute_goals_and_displacements_give_the_same_motion(name: str) -> None:
    delta, absolute = make(name), make(f"{name}Abs")
    delta.reset(seed=2)
    absolute.reset(seed=2)
    for action in commands(delta, 30, seed=1)[1]:
        places, turns, grippers = delta._goals(action)
        goals = np.concatenate([places, sixd_from_matrix(turns), grippers[:, None]], axis=1)
        delta.step(action)
        absolute.step(goals.ravel())
        np.testing.assert_allclose(absolute._data.qpos, delta._data.qpos, atol=1e-6)


def test_an_absolute_goal_leads_no_farther_than_a_displacement() -> None:
    """Version 1; version 0 took goals anywhere in the workspace."""
    new, old = (gym.make(f"dpbench/LiftAbs-v{version}").unwrapped for version in (1, 0))
    rng = np.random.default_rng(0)
    for env in (new, old):
        env.reset(seed=0)
    for action in rng.uniform(new.action_space.low, new.action_space.high, (20, 10)):
        hand = new._data.site_xpos[new._reference.arms[0].site].copy()
        turn = new._data.site_xmat[new._reference.arms[0].site].reshape(3, 3).copy()
        (place,), (goal_turn,), _ = new._goals(action)
        assert (np.abs(place - hand) <= FARTHEST_M + 1e-12).all()
        assert np.linalg.norm(rotvec_from_matrix(goal_turn @ turn.T)) <= FARTHEST_RAD + 1e-9
        np.testing.assert_array_equal(np.sign(place - hand), np.sign(action[:3] - hand), "towards the goal")
        np.testing.assert_array_equal(old._goals(action)[0][0], action[:3])
        new.step(action)
    hand, turn = np.array([0.1, 0.0, 1.0]), np.eye(3)
    asked = hand + np.array([0.05, -0.05, 0.02]), matrix_from_rotvec(np.array([0.5, -0.5, 0.5]))
    for given, found in zip(asked, near(*asked, hand, turn), strict=True):
        np.testing.assert_array_equal(given, found, "a displacement that is written as a goal passes unchanged")


def test_a_simulator_state_of_a_file_can_be_replayed() -> None:
    env, other = make("Can"), make("Can")
    env.reset(seed=3)
    path(env, commands(env, 12)[1])
    observation, _ = other.set_simulator_state(env.simulator_state())
    np.testing.assert_allclose(
        observation["environment_state"], env._observe(*env._look()[:2])["environment_state"], atol=1e-7
    )
    with pytest.raises(ConfigError, match="expected 71 finite numbers"):
        other.set_simulator_state(np.zeros(5))


def test_six_numbers_that_are_no_rotation_keep_the_orientation() -> None:
    env = make("LiftAbs")
    env.reset(seed=0)
    site = env._reference.arms[0].site
    before = env._data.site_xmat[site].copy()
    env.step(np.array([*env._data.site_xpos[site], *np.zeros(6), -1.0]))
    np.testing.assert_allclose(env._data.site_xmat[site], before, atol=0.05)


def test_actions_stop_at_their_bounds() -> None:
    first, second = make("Lift"), make("Lift")
    first.reset(seed=0)
    second.reset(seed=0)
    first.step(np.array([9.0, -9.0, 9.0, 9.0, 0.0, 0.0, 3.0]))
    second.step(np.array([0.05, -0.05, 0.05, 0.5, 0.0, 0.0, 1.0]))
    assert np.array_equal(first.get_state(), second.get_state())


def test_a_solved_task_terminates_and_a_long_one_is_cut_off() -> None:
    env: Any = gym.make("dpbench/Lift-v0", max_episode_steps=5)
    env.reset(seed=0)
    over = [env.step(np.zeros(7, dtype=np.float32))[2:4] for _ in range(5)]
    assert over == [(False, False)] * 4 + [(False, True)]
    bare = env.unwrapped
    bare.reset(seed=0)
    state = bare.simulator_state()
    cube_z = 1 + 9 + 2  # behind the time, nine joints of arm and hand, and the cube's x and y
    state[cube_z] = 0.9
    _, info = bare.set_simulator_state(state)
    assert info["is_success"]
    _, reward, terminated, truncated, info = bare.step(np.zeros(7))
    assert (reward, terminated, truncated, info["progress"]) == (1.0, True, False, 1.0)


def test_success_is_robosuites() -> None:
    """Objects at random places about the rules' borders; robosuite asked about the same arrays."""
    rng = np.random.default_rng(0)
    for name, low, high in (
        ("Lift", (-0.1, -0.1, 0.83), (0.1, 0.1, 0.85)),
        ("Can", (0.05, 0.2, 0.78), (0.3, 0.55, 0.95)),
        ("Square", (0.19, 0.06, 0.85), (0.27, 0.14, 0.89)),
    ):
        env, scene = make(name), reference(name)
        env.reset(seed=0)
        joint = {"Lift": "cube_joint0", "Can": "Can_joint0", "Square": "SquareNut_joint0"}[name]
        at = int(env._model.joint(joint).qposadr[0])
        answers = []
        for _ in range(60):
            state = env.simulator_state()
            state[1 + at : 4 + at] = rng.uniform(low, high)
            env.set_simulator_state(state)
            hands, _, solved = env._look()
            answers.append(solved)
            assert scene.read(env._data, hands)[1] == solved
        assert 5 < sum(answers) < 55, "both answers come up"


def test_bad_input_is_named() -> None:
    env = make("Lift")
    env.reset(seed=0)
    with pytest.raises(ConfigError, match="as get_state gives them"):
        env.set_state(np.zeros(3))
    with pytest.raises(ConfigError, match="scene = 'Stack': expected Lift or Can"):
        make("Lift", scene="Stack")
    with pytest.raises(ConfigError, match="action_mode = 'torque': expected delta or absolute"):
        make("Lift", action_mode="torque")
    with pytest.raises(ConfigError, match="reset options draw are unknown"):
        env.reset(options={"draw": 1})


def test_without_the_extra_one_line_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['robosuite'] = None\n"
        "import gymnasium as gym, dpbench\n"
        "try: gym.make('dpbench/Lift-v0')\n"
        "except ImportError as error: print(error)\n"
        "from dpbench.tasks import missing_extra\n"
        "print(missing_extra('dpbench/Can-v0')); print(missing_extra('dpbench/Avoid-v0'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    made, compared, other = done.stdout.splitlines()
    assert "pip install 'dpbench[robosuite]'" in made
    assert compared == made
    assert other == "None"


@pytest.mark.parametrize("name", NAMES)
def test_the_spec_names_every_number(name: str) -> None:
    task, arms = load_task(f"dpbench/{name}-v0"), SCENES[name].n_arms
    assert all(spec.shape == (len(spec.names),) for spec in task.observations.values())
    assert task.action.dim == 7 * arms
    assert load_task(f"dpbench/{name}Abs-v0").action.dim == 10 * arms
    assert len(task.observations["environment_state"].names) == {"Lift": 10, "ToolHang": 44, "Transport": 41}.get(
        name, 14
    )
