"""Checks of a task's states: `get_state`, `set_state` and `reset(options={"state": ...})`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.checks.outcome import CheckFailed, CheckSkipped, require
from dpbench.checks.task_subject import Environment, TaskSubject, Trace
from dpbench.errors import DpbenchError
from dpbench.evaluation.stepping import steps, stored_actions

SEED, POINTS = 3, (0, 2, 5, 8)
"""States are taken after so many steps."""


def round_trip(subject: TaskSubject) -> str:
    """After a state is restored, in the same environment or another one, the episode continues as before."""
    size = 0
    for point in POINTS:
        state, newest = _after(subject, point)
        ahead = subject.trace_from(subject.first, newest, point)
        subject.trace(subject.second, SEED + 1)
        restored, _ = subject.second.reset(options={"state": state.copy()})
        _same(subject.trace_from(subject.second, restored, point), ahead, f"reset to the state of step {point}")
        _with_state(subject.first).set_state(state.copy())
        again = _with_state(subject.first).get_state()
        require(np.array_equal(again, state), "get_state after set_state gives another state", "restore all of it")
        _same(subject.trace_from(subject.first, newest, point), ahead, f"set_state to that of step {point}")
        size = state.size
    return f"{size} numbers; equal to the bit"


def is_a_copy(subject: TaskSubject) -> str:
    """Neither the state that is returned nor the one that is taken is the environment's own memory."""
    state, newest = _after(subject, POINTS[1])
    kept = state.copy()
    subject.trace_from(subject.first, newest, POINTS[1])
    require(np.array_equal(state, kept), "steps change a state that was returned before", "return a copy")
    _with_state(subject.first).set_state(state)
    state[...] = 0.0
    require(
        np.array_equal(_with_state(subject.first).get_state(), kept),
        "overwriting an array that was given to set_state changes the environment",
        "keep a copy",
    )
    return f"{kept.size} numbers"


def bad_states(subject: TaskSubject) -> str:
    """What is no state, or an impossible one, raises a DpbenchError or ValueError in one line, and changes nothing."""
    state, newest = _after(subject, POINTS[1])
    env = _with_state(subject.first)
    expected = subject.trace_from(subject.first, newest, POINTS[1])
    env.set_state(state.copy())
    bad_ones: dict[str, Any] = {
        "NaN": np.full_like(state, np.nan),
        "an infinite value": np.where(np.arange(state.size) == 0, np.inf, state),
        "numbers of 1e30": np.full_like(state, 1e30),
        "numbers of -1e30": np.full_like(state, -1e30),
        "another length": np.append(state, 0.0),
        "complex numbers": state + 1j,
        "texts": state.astype(str),
        "objects": [object()] * state.size,
        "None": None,
    }
    for name, bad in bad_ones.items():
        try:
            env.set_state(bad)
        except (DpbenchError, ValueError) as error:
            require("\n" not in str(error), f"a state with {name} is refused in several lines", "say it in one line")
            continue
        raise CheckFailed(f"a state with {name} is taken", "pass it through dpbench.states.check_state, which raises")
    _same(subject.trace_from(subject.first, newest, POINTS[1]), expected, "a rejected state")
    return f"{len(bad_ones)} are rejected"


def _after(subject: TaskSubject, n_steps: int) -> tuple[NDArray[np.float64], dict[str, Any]]:
    """The first environment's state after some of the actions, and the observation there."""
    env = subject.first
    stateful, (observation, _) = _with_state(env), env.reset(seed=SEED)
    for step in steps(env, observation, stored_actions(subject.actions[:n_steps])):
        observation = dict(step.next_observation)
    return np.asarray(stateful.get_state()), observation


def _with_state(env: Environment) -> Any:
    """The environment, for its two methods beyond Gymnasium's."""
    if not (hasattr(env, "get_state") and hasattr(env, "set_state")):
        raise CheckSkipped("it has no get_state and set_state")
    return env


def _same(found: Trace, wanted: Trace, how: str) -> None:
    difference = found.difference(wanted)
    require(not difference, f"{difference} after {how}", "let get_state hold all that the next steps need")
