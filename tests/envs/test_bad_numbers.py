"""States and actions from anywhere are taken as documented or refused in one line; a refused one changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dpbench.errors import ActionError, ConfigError
from dpbench.mujoco_states import integration_fields
from dpbench.registry import registry
from dpbench.spaces import flatten
from dpbench.tasks import load_task

LIGHT = [
    name
    for name in registry("task").names()
    if name.startswith(("dpbench/PushT", "dpbench/Block", "dpbench/Avoid", "dpbench/RealArm")) and "Image" not in name
]
WITH_STATE = [name for name in LIGHT if "RealArm" not in name]
N_ACTIONS, N_STATES = 250, 200
WRONG = (1e30, -1e30, 1e300, -1e300, 1e9, -1e9, np.nan, np.inf, -np.inf, 0.5, -1.0, 1e-320)


def started(name: str) -> Any:
    """A task without wrappers, a few steps into an episode."""
    env: Any = gym.make(name, disable_env_checker=True).unwrapped
    env.reset(seed=3)
    for _ in range(3):
        env.step(middle(env))
    return env


def middle(env: Any) -> NDArray[np.float32]:
    return ((env.action_space.low + env.action_space.high) / 2).astype(np.float32)


def numbers(result: Any) -> list[Any]:
    observation, reward, terminated, truncated, info = result
    return [
        *(values.tobytes() for _, values in flatten(observation)),
        reward,
        terminated,
        truncated,
        sorted(info.items()),
    ]


def outcome(call: Callable[[], Any], kind: type[Exception]) -> tuple[Any, str]:
    """What a call returns, or the sentence with which it is refused."""
    try:
        return call(), ""
    except kind as error:
        return None, str(error)


def draw_action(env: Any, rng: np.random.Generator) -> Any:
    """A good or a bad action, of any type that a caller may come up with."""
    space = env.action_space
    row = rng.uniform(space.low, space.high).astype(np.float32)
    spoilt = row.astype(np.float64)
    spoilt[rng.integers(len(row))] = rng.choice(WRONG)
    n = len(row)
    choices = [
        row,
        row.tolist(),
        tuple(row.tolist()),
        row.astype(np.float16),
        row.astype(np.longdouble),
        torch.from_numpy(row),
        torch.from_numpy(row).requires_grad_(),
        np.zeros(n, dtype=np.int8),
        [0] * n,
        np.ones(n, dtype=np.bool_),
        [True] * n,
        spoilt,
        spoilt.tolist(),
        spoilt * 10,
        row * np.float32(3),
        row + 1j,
        (row + 1j).tolist(),
        [complex(0, 1)] * n,
        row.astype(str),
        ["up"] * n,
        "up",
        b"up" * n,
        row.astype(object),
        [None] * n,
        None,
        object(),
        [Decimal("0.1")] * n,
        [10**400] * n,
        [10**5000] * n,
        [2**70] * n,
        [2**63] * n,
        [10**30] * n,
        np.ma.masked_array(row, mask=rng.random(n) < 0.5),
        np.ma.masked_array(row, mask=False),
        np.array(0.5),
        0.5,
        row[None],
        np.append(row, row),
        row[:-1],
        [],
        [[0.0], [0.0, 1.0]],
        {"x": 1.0},
        {1.0, 2.0},
        np.zeros(n, dtype="datetime64[s]"),
        np.zeros(n, dtype=[("x", "f4")]),
        np.full(n, np.finfo(np.float64).max),
        memoryview(row),
        iter(row),
    ]
    return choices[rng.integers(len(choices))]


@pytest.mark.filterwarnings("ignore:.*")
def test_every_action_is_taken_or_refused_in_one_line_that_changes_nothing(capsys: Any) -> None:
    counts: Counter[str] = Counter()
    for number, name in enumerate(LIGHT):
        env, undisturbed = started(name), started(name)
        rng = np.random.default_rng(number)
        for _ in range(N_ACTIONS):
            action = draw_action(env, rng)
            result, sentence = outcome(lambda env=env, action=action: numbers(env.step(action)), ActionError)
            if sentence:
                assert "\n" not in sentence, sentence
                assert "expected finite numbers of shape" in sentence
                counts["refused"] += 1
                continue
            assert result == numbers(undisturbed.step(action)), "a refused action before has changed the environment"
            assert_sane(result[-1], name)
            counts["taken"] += 1
            if result[-3]:
                env.reset(seed=4), undisturbed.reset(seed=4)
        assert numbers(env.step(middle(env))) == numbers(undisturbed.step(middle(env)))
        env.close(), undisturbed.close()
    with capsys.disabled():
        print(f"\nactions: {dict(counts)}")
    assert sum(counts.values()) == N_ACTIONS * len(LIGHT) >= 1000
    assert min(counts["taken"], counts["refused"]) > 500


def assert_sane(info: Any, name: str) -> None:
    score = dict(info)[load_task(name).score]
    assert 0.0 <= score <= 1.0, score


def draw_state(state: NDArray[np.float64], rng: np.random.Generator) -> Any:
    spoilt = state.copy()
    for _ in range(rng.integers(1, 4)):
        at = rng.integers(len(state))
        spoilt[at] = rng.choice([*WRONG, spoilt[at] * 1.5, spoilt[at] + rng.normal(), rng.uniform(-1, 1)])
    choices = [
        *([spoilt] * 10),
        np.full_like(state, rng.choice(WRONG)),
        state + 1j,
        state.astype(str),
        state.astype(object),
        state.astype(np.float32),
        state > 0,
        state[:-1],
        np.append(state, 0.0),
        state[None],
        state.tolist(),
        np.ma.masked_array(state, mask=rng.random(len(state)) < 0.3),
        [10**400] * len(state),
        None,
        "state",
        {},
        0.0,
        state,
    ]
    return choices[rng.integers(len(choices))]


@pytest.mark.filterwarnings("ignore:.*")
@pytest.mark.parametrize("way", ["set_state", "reset"])
def test_every_state_is_taken_or_refused_in_one_line_that_changes_nothing(way: str, capsys: Any) -> None:
    counts: Counter[str] = Counter()
    for number, name in enumerate(WITH_STATE):
        env, undisturbed = started(name), started(name)
        good, rng = env.get_state(), np.random.default_rng(number)
        for _ in range(N_STATES):
            state = draw_state(good, rng)
            options = {"state": "none" if state is None else state}
            call = (
                (lambda env=env, options=options: env.reset(seed=7, options=options))
                if way == "reset"
                else (lambda env=env, state=state: env.set_state(state))
            )
            _, sentence = outcome(call, ConfigError)
            if sentence:
                assert "\n" not in sentence, sentence
                assert sentence.startswith("state"), sentence
                counts["refused"] += 1
                continue
            counts["taken"] += 1
            for _ in range(3):
                observation, _, over, _, info = env.step(middle(env))
                assert all(np.isfinite(values).all() for _, values in flatten(observation))
                assert_sane(info.items(), name)
                if over:
                    break
            env, undisturbed = started(name), started(name)
        assert numbers(env.step(middle(env))) == numbers(undisturbed.step(middle(env)))
        assert np.array_equal(env.reset()[0]["agent_pos"], undisturbed.reset()[0]["agent_pos"]), "the generator, too"
    with capsys.disabled():
        print(f"\nstates by {way}: {dict(counts)}")
    assert sum(counts.values()) == N_STATES * len(WITH_STATE) >= 1000
    assert min(counts["taken"], counts["refused"]) > 100


@pytest.mark.parametrize("name", WITH_STATE)
def test_a_refused_state_names_value_field_and_range(name: str) -> None:
    env = started(name)
    with pytest.raises(ConfigError, match=r"^state\[0\] = 1e\+30 \([^)]+\): expected a number from .* to .*\.$"):
        env.set_state(np.full_like(env.get_state(), 1e30))
    spoilt = env.get_state()
    spoilt[-1] = np.nan
    with pytest.raises(ConfigError, match=rf"^state\[{len(spoilt) - 1}\] = nan \([^)]+\): expected a"):
        env.set_state(spoilt)


@pytest.mark.parametrize("name", WITH_STATE)
def test_states_after_extreme_actions_are_taken_back(name: str) -> None:
    """The bounds of a state are wide enough for all that actions within their bounds lead to."""
    env, rng = started(name), np.random.default_rng(0)
    low, high = env.action_space.low, env.action_space.high
    for step in range(600):
        if step % 4 == 0:
            action = np.where(rng.random(low.shape) < 0.5, low, high)
        *_, over, _, _ = env.step(action)
        state = env.get_state()
        env.set_state(state)
        assert np.array_equal(env.get_state(), state)
        if over or step % 150 == 149:
            env.reset(seed=step)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({6: 0.45}, "expected both beyond it or none"),
        ({7: 0}, "expected those of the 0 rows below the largest y"),
        ({1: 0.3, 6: 0.3, 8: 1}, "from the first on, then -1"),
        ({1: 0.9, 6: 0.9}, r"state\[1\] = 0.9 \(finger y\): expected a number from -0.1 to 0.52 m"),
        ({7: 0.5}, r"gap in row 0\): expected a whole number from -1 to 1"),
    ],
)
def test_avoid_has_no_success_from_a_state_that_cannot_be(changes: dict[int, float], message: str) -> None:
    env: Any = gym.make("dpbench/Avoid-v0").unwrapped
    env.reset(seed=0)
    state = env.get_state()
    for at, value in changes.items():
        state[at] = value
    with pytest.raises(ConfigError, match=message):
        env.set_state(state)


@pytest.mark.parametrize(
    ("last", "message"),
    [
        ((0, -1, -1, -1, -1, -1, -1, 1, 1), "the first reward without a block that entered a target"),
        ((9, 1, -1, 2, -1, 1, 1, 1, 1), "the second reward without both blocks in different targets"),
        ((9, 1, -1, -1, 2, 1, 1, 1, 1), "where an episode ends"),
        ((2, 5, -1, -1, -1, -1, -1, 1, 0), "an event in step 5 of 2 steps"),
    ],
)
def test_block_push_has_no_success_from_a_state_that_cannot_be(last: tuple[int, ...], message: str) -> None:
    env: Any = gym.make("dpbench/BlockPush-v0").unwrapped
    env.reset(seed=0)
    state = env.get_state()
    state[-9:] = last
    with pytest.raises(ConfigError, match=message):
        env.set_state(state)


def spoilt(env: Any, fields: Any, share: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """The current state with some positions and velocities anywhere within their bounds."""
    low, high = (
        np.concatenate([np.full(field.count, getattr(field, side)) for field in fields]) for side in ("low", "high")
    )
    state: NDArray[np.float64] = env.get_state()
    n_moving = 1 + env._model.nq + env._model.nv
    chosen = rng.random(n_moving) < share
    state[:n_moving][chosen] = rng.uniform(low[:n_moving], high[:n_moving])[chosen]
    return state


@pytest.mark.parametrize("name", ["dpbench/Lift-v0", "dpbench/BlockPush-v0"])
def test_a_state_within_its_bounds_does_not_explode(name: str, tmp_path: Path, monkeypatch: Any) -> None:
    """MuJoCo writes a log file where it runs when a simulation becomes unstable."""
    monkeypatch.chdir(tmp_path)
    env: Any = gym.make(name).unwrapped
    bounds = () if "Block" in name else (30.0, 60.0, 40.0)
    fields, rng = integration_fields(env._model, (), 0.1, (), *bounds), np.random.default_rng(0)
    for number, share in enumerate(np.repeat((0.05, 0.2, 1.0), 10)):
        env.reset(seed=number)
        env.set_state(spoilt(env, fields, share, rng))
        for _ in range(3):
            env.step(env.action_space.sample())
    assert not list(tmp_path.iterdir())


def test_a_simulation_that_explodes_ends_the_episode_as_a_failure(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    env: Any = gym.make("dpbench/Lift-v0").unwrapped
    fields, rng = integration_fields(env._model, (), 0.1, (), 30.0, 1e4, 1e4), np.random.default_rng(0)
    n_exploded = 0
    for seed in range(20):
        env.reset(seed=seed)
        env._restore(spoilt(env, fields, 1.0, rng))
        env._data.time = 1.0
        for _ in range(3):
            observation, reward, terminated, _, info = env.step(np.zeros(7))
            assert all(np.isfinite(values).all() for values in observation.values())
            if env._data.time < 1.0:
                n_exploded += 1
                assert (reward, terminated, info["is_success"]) == (0.0, True, False)
                break
    assert n_exploded > 5


def test_robosuite_refuses_states_that_its_controller_cannot_invert() -> None:
    env: Any = gym.make("dpbench/Lift-v0").unwrapped
    env.reset(seed=0)
    good = env.get_state()
    counts: Counter[str] = Counter()
    rng = np.random.default_rng(0)
    for value in (1e30, -1e30, np.nan, np.inf):
        with pytest.raises(ConfigError, match=r"state\[0\] = "):
            env.set_state(np.full_like(good, value))
    for _ in range(300):
        state = good.copy()
        at = rng.integers(len(good)) if rng.random() < 0.5 else rng.integers(len(good) - 90, len(good))
        state[at] = rng.choice([*WRONG, rng.normal(), 2 * state[at]])
        try:
            env.set_state(state)
        except ConfigError:
            counts["refused"] += 1
            assert np.array_equal(env.get_state(), good)
            continue
        counts["taken"] += 1
        observation, *_ = env.step(np.zeros(7))
        assert all(np.isfinite(values).all() for values in observation.values())
        env.set_state(good)
    assert counts["refused"] > 150
    assert counts["taken"] > 20
