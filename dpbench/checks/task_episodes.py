"""Checks of a task's episodes: what reset and step return, and what decides it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from dpbench.checks.outcome import CheckFailed, CheckSkipped, require
from dpbench.checks.task_subject import N_STEPS, Flat, TaskSubject
from dpbench.errors import DpbenchError
from dpbench.evaluation.stepping import steps, stored_actions
from dpbench.spaces import flatten
from dpbench.spec import ArraySpec

SEED = 3
N_SEEDS = 5


def observations(subject: TaskSubject) -> str:
    """Keys, dtypes, shapes, finite values and bounds of every observation."""
    for step, observation in enumerate(subject.trace(subject.first, SEED).observations):
        where = "reset" if step == 0 else f"step {step}"
        found, wanted = sorted(observation), sorted(subject.task.observations)
        require(found == wanted, f"{where} gives {found}", f"return {wanted}, the keys of TaskSpec.observations")
        for key, spec in subject.task.observations.items():
            _array(f"{key!r} of {where}", observation[key], spec)
    return f"{N_STEPS} steps"


def _array(name: str, values: NDArray[Any], spec: ArraySpec) -> None:
    found, wanted = (values.dtype.name, values.shape), (spec.dtype, spec.shape)
    require(found == wanted, f"{name} is {found[0]} {found[1]}", f"return {wanted[0]} {wanted[1]}")
    require(bool(np.isfinite(values).all()), f"{name} has NaN or infinite values", "return finite numbers")
    low, high = (np.asarray(bound, dtype=spec.dtype) for bound in (spec.low, spec.high))
    require(
        bool((values >= low).all() and (values <= high).all()),
        f"{name} reaches from {values.min()} to {values.max()}",
        "give its ArraySpec bounds that hold",
    )


def info(subject: TaskSubject) -> str:
    """`is_success`, the score and the mode in the info of every step."""
    task, trace = subject.task, subject.trace(subject.first, SEED)
    for step, values in enumerate(trace.infos, start=1):
        for key in ("is_success", task.score, *(["mode"] if task.modes else [])):
            require(key in values, f"info of step {step} has no {key!r}", "put it into info at every step")
        success, score = values["is_success"], values[task.score]
        require(isinstance(success, bool | np.bool_), f"is_success is {type(success).__name__}", "return True or False")
        require(
            isinstance(score, float | int | np.number) and 0.0 <= float(score) <= 1.0,
            f"{task.score} of step {step} is {score!r}",
            "return a number from 0 to 1",
        )
        if task.modes:
            _mode(values["mode"], len(task.modes), step)
    return f"is_success, {task.score}{', mode' if task.modes else ''}"


def _mode(mode: object, n_modes: int, step: int) -> None:
    require(
        isinstance(mode, int | np.integer) and -1 <= int(mode) < n_modes,
        f"mode of step {step} is {mode!r}",
        f"return a number below {n_modes}, and -1 before a mode is shown",
    )


def rewards(subject: TaskSubject) -> str:
    """Finite rewards inside `reward_range`."""
    given, (low, high) = subject.trace(subject.first, SEED).rewards, subject.task.reward_range
    require(
        all(low <= reward <= high for reward in given),
        f"rewards from {min(given)} to {max(given)}, reward_range is {low} to {high}",
        "correct reward_range, or the reward",
    )
    return f"{min(given):g} to {max(given):g} in {low:g} to {high:g}"


def same_seed(subject: TaskSubject) -> str:
    """Two environments with the same seed and actions give the same episode, to the bit; and so does the next one."""
    for seed, name in ((SEED, "reset(seed)"), (None, "the reset after it, without a seed")):
        starts = [env.reset(seed=seed)[0] for env in (subject.first, subject.second)]
        traces = [
            subject.trace_from(env, start) for env, start in zip((subject.first, subject.second), starts, strict=True)
        ]
        difference = traces[0].difference(traces[1])
        require(not difference, f"{difference}, with {name}", "draw from self.np_random only")
    return "equal to the bit"


def another_seed(subject: TaskSubject) -> str:
    """Other seeds give other starts, and so does the next reset without a seed."""
    starts = [subject.trace_from(subject.first, subject.first.reset(seed=seed)[0], N_STEPS) for seed in range(N_SEEDS)]
    same = all(not starts[0].difference(other) for other in starts[1:])
    require(not same, f"seeds 0 to {N_SEEDS - 1} give one start", "draw the start from self.np_random")
    unseeded = subject.trace_from(subject.first, subject.first.reset()[0], N_STEPS)
    require(
        bool(starts[-1].difference(unseeded)),
        "a reset without a seed repeats the start of the seed before",
        "continue the stream of self.np_random",
    )
    return f"{N_SEEDS} seeds, and a reset without one"


def used_environment(subject: TaskSubject) -> str:
    """What an environment did before does not matter after `reset(seed)`."""
    fresh = subject.trace(subject.second, SEED)
    subject.trace(subject.first, SEED + 1)
    difference = subject.trace(subject.first, SEED).difference(fresh)
    require(not difference, f"{difference}, in a used environment", "set everything anew in reset")
    return "equal to the bit"


def global_generators(subject: TaskSubject) -> str:
    """The global generators of Python and numpy do not matter."""
    traces = []
    for state in (1, 2):
        with _global_seed(state):
            traces.append(subject.trace(subject.first, SEED))
    difference = traces[0].difference(traces[1])
    require(not difference, f"{difference}, with another state of random or np.random", "draw from self.np_random only")
    return "not used"


@contextmanager
def _global_seed(seed: int) -> Iterator[None]:
    before, numpy_before = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(numpy_before)


def memory(subject: TaskSubject) -> str:
    """Observations share no memory with each other or with the environment, and actions are not kept."""
    undisturbed = subject.trace(subject.second, SEED)
    held: list[Flat] = []
    actions = iter(subject.actions)

    def overwrite(observation: Flat, _: NDArray[np.bool_]) -> NDArray[np.float32] | None:
        held.append(observation)
        for values in observation.values():
            if values.flags.writeable:
                values[...] = 0
        action = next(actions, None)
        return None if action is None else action.copy()

    first, _ = subject.first.reset(seed=SEED)
    for step, done in enumerate(steps(subject.first, first, overwrite), start=1):
        expected = undisturbed.observations[step]
        for key, values in done.next_observation.items():
            require(
                np.array_equal(values, expected[key]),
                f"{key!r} of step {step} changes when earlier observations or actions are overwritten",
                "return copies, and keep copies",
            )
            shared = any(np.shares_memory(values, earlier[key]) for earlier in held)
            require(not shared, f"{key!r} of step {step} shares memory with an earlier one", "return a new array")
        done.action[...] = subject.task.action.low
    return f"{N_STEPS} steps"


def bad_actions(subject: TaskSubject) -> str:
    """What is no action raises a ValueError (such as ActionError) in one line, and changes nothing."""
    good = subject.actions[0]
    undisturbed = subject.trace(subject.second, SEED)
    start, _ = subject.first.reset(seed=SEED)
    bad_ones: dict[str, Any] = {
        "NaN": np.full_like(good, np.nan),
        "an infinite value": np.where(np.arange(len(good)) == 0, np.inf, good).astype(np.float32),
        "another shape": np.append(good, good[:1]),
        "complex numbers": good + 1j,
        "texts": good.astype(str),
        "objects": good.astype(object),
    }
    for name, bad in bad_ones.items():
        try:
            next(steps(subject.first, start, stored_actions(bad[None])))
        except ValueError as error:
            require("\n" not in str(error), f"an action with {name} is refused in several lines", "say it in one line")
            continue
        raise CheckFailed(f"an action with {name} is taken", "pass it through ActionSpec.check, which raises")
    difference = subject.trace_from(subject.first, start).difference(undisturbed)
    require(not difference, f"{difference}, after a rejected action", "check the action before anything is changed")
    return f"{', '.join(bad_ones)} are rejected"


def before_reset(subject: TaskSubject) -> str:
    """A step before the first reset raises an error that says so in one line."""
    if not subject.registered:
        raise CheckSkipped("the environment is not the registered one")
    env = gym.make(subject.task.id, disable_env_checker=True).unwrapped
    try:
        next(steps(env, {}, stored_actions(subject.actions[:1])))
    except (DpbenchError, gym.error.ResetNeeded) as error:
        require("\n" not in str(error), "it is refused in several lines", "say it in one line")
        return str(error)
    finally:
        env.close()
    raise CheckFailed(
        "a new environment steps from nowhere", "raise gymnasium.error.ResetNeeded before the first reset"
    )


def batch(subject: TaskSubject) -> str:
    """The batched environment gives what the single one gives."""
    task = subject.task
    if not subject.registered or gym.spec(task.id).vector_entry_point is None:
        raise CheckSkipped("no batched environment is registered")
    env = gym.make_vec(task.id, num_envs=2, vectorization_mode="vector_entry_point")
    seeds = (SEED, SEED + 1)
    singles = [subject.trace(subject.first, seed) for seed in seeds]
    try:
        listed: Any = list(seeds)  # a list, as Gymnasium's environments take it
        start, _ = env.reset(seed=listed)
        given = [dict(flatten(start))]
        doubled = np.repeat(subject.actions[:, None], 2, axis=1)
        given += [dict(step.next_observation) for step in steps(env, start, stored_actions(doubled))]
        for row, single in enumerate(singles):
            for step, (ours, theirs) in enumerate(zip(single.observations, given, strict=False)):
                for key, values in ours.items():
                    require(
                        np.array_equal(values, theirs[key][row]),
                        f"{key!r} differs after step {step}, seed {seeds[row]}",
                        "make both step the same world",
                    )
    finally:
        env.close()
    return "equal to the bit"
