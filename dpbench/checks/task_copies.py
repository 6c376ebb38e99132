"""Checks that a copy of an environment is equal to it and independent of it, or refused in one sentence."""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from dpbench.checks.outcome import CheckFailed, CheckSkipped, require
from dpbench.checks.task_subject import N_STEPS, Environment, TaskSubject, Trace
from dpbench.errors import DpbenchError
from dpbench.evaluation.stepping import steps, stored_actions
from dpbench.spaces import flatten

Way = Callable[[Any], Any]
SEED, POINT = 3, 5
"""Copies are taken after so many steps."""
WAYS: dict[str, Way] = {
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    "pickle": lambda env: pickle.loads(pickle.dumps(env)),
}
ADVICE = (
    "copy the whole simulation, or let `__reduce_ex__` raise dpbench.errors.CopyError, which says what to do instead"
)
SHALLOW = "define `__copy__` as `return copy.deepcopy(self)`: two environments must not share a simulation"


def copies(subject: TaskSubject) -> str:
    """A copy, a deep copy and a pickle step as the original does, and neither moves the other."""
    expected = _ahead(subject, subject.second)
    told = {name: _told(subject, subject.first, name, expected) for name in WAYS}
    return _summary(told)


def wrapped_copies(subject: TaskSubject) -> str:
    """A deep copy of what `gym.make` gives has the same steps left to its time limit.

    Not `copy.copy`: Python copies the outermost wrapper alone, which is Gymnasium's.
    """
    if not subject.registered:
        raise CheckSkipped("the environment is not the registered one")
    env = gym.make(subject.task.id, max_episode_steps=N_STEPS - 1, disable_env_checker=True)
    try:
        expected = _ahead(subject, env)
        return _summary({"copy.deepcopy": _told(subject, env, "copy.deepcopy", expected)})
    finally:
        env.close()


def _told(subject: TaskSubject, env: Environment, name: str, expected: Trace) -> str:
    """Empty for a good copy, or the sentence with which it is refused."""
    newest = _begun(subject, env)
    try:
        twin = WAYS[name](env)
    except DpbenchError as error:
        require("\n" not in str(error), f"{name} is refused in several lines", "say it in one sentence")
        return str(error)
    except Exception as error:  # whatever the parts of an environment raise
        raise CheckFailed(f"{name} raises {type(error).__name__}: {error}", ADVICE) from error
    _same(subject.trace_from(twin, newest, POINT), expected, name, "in its result")
    _same(subject.trace_from(env, newest, POINT), expected, name, "in the original, once its result was stepped")
    restarted, wanted = (dict(flatten(one.reset()[0])) for one in (twin, env))
    different = [key for key, values in restarted.items() if not np.array_equal(values, wanted[key])]
    require(not different, f"{name}: {different} differ after another reset", "copy the generator, too")
    if name == "copy.deepcopy":
        newest = _begun(subject, twin)
        twin = copy.deepcopy(twin)  # now nobody holds what it was copied from
        gc.collect()
        _same(subject.trace_from(twin, newest, POINT), expected, name, "in its result, once the original was deleted")
    return ""


def _begun(subject: TaskSubject, env: Environment) -> Mapping[str, Any]:
    """Start an episode, take the first steps, and return the newest observation."""
    newest: Mapping[str, Any] = env.reset(seed=SEED)[0]
    for step in steps(env, newest, stored_actions(subject.actions[:POINT])):
        newest = dict(step.next_observation)
    return newest


def _ahead(subject: TaskSubject, env: Environment) -> Trace:
    return subject.trace_from(env, _begun(subject, env), POINT)


def _same(found: Trace, wanted: Trace, name: str, where: str) -> None:
    difference = found.difference(wanted)
    require(not difference, f"{name}: {difference} {where}", SHALLOW if name == "copy.copy" else ADVICE)


def _summary(told: Mapping[str, str]) -> str:
    refused = [name for name, sentence in told.items() if sentence]
    if refused:
        return f"{', '.join(refused)} refused: {next(sentence for sentence in told.values() if sentence)}"
    return f"{', '.join(told)}: equal to the bit and independent"
