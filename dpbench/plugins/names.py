"""Which names a plug-in may add, and what they may point to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from dpbench.errors import TaskError
from dpbench.plugins.failures import safely_shown
from dpbench.plugins.importing import OWN

PLAIN = re.compile(r"(?=.{1,80}\Z)[A-Za-z0-9]+([._-]+[A-Za-z0-9]+)*", re.ASCII)
"""A name becomes a part of folders, of command lines and of pages."""
TASK = re.compile(r"(?=.{1,80}\Z)[A-Za-z0-9]+([._-]+[A-Za-z0-9]+)*/[A-Za-z0-9]+([._-]+[A-Za-z0-9]+)*", re.ASCII)
"""Gymnasium's ids: PACKAGE/Name-v0."""
TARGET = re.compile(r"(?=.{1,200}\Z)[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True)
class TaskEntry:
    """One row of a task table; only strings and numbers, so that registering imports no simulator.

    Attributes:
        spec: `"module:attribute"` of the TaskSpec, or of a table that has it under its id.
        env: `"module:Class"` of the Gymnasium environment.
        vector_env: `"module:Class"` of a batched environment, or None.
        max_episode_steps: control steps after which an episode is truncated.
        kwargs: arguments of the environment's constructor.
        default_for: what it is taken for where no task is named, such as `"simulated arm"`.

    Raises:
        TaskError: for a field of another type.
    """

    spec: str
    env: str
    vector_env: str | None
    max_episode_steps: int
    kwargs: Mapping[str, object] = field(default_factory=dict)
    default_for: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        targets = [self.spec, self.env] + ([] if self.vector_env is None else [self.vector_env])
        for target in targets:
            if not is_target(target):
                raise TaskError(f"TaskEntry: {safely_shown(target)}: expected 'module:attribute'.")
        steps: object = self.max_episode_steps
        if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
            raise TaskError(f"TaskEntry: max_episode_steps = {safely_shown(steps)}: expected a whole number from 1.")
        if not isinstance(self.kwargs, Mapping) or not isinstance(self.default_for, tuple):
            raise TaskError("TaskEntry: expected a mapping as kwargs and a tuple as default_for.")


def is_name(kind: str, name: object) -> bool:
    """Whether a plug-in may add such a name."""
    return isinstance(name, str) and (TASK if kind == "task" else PLAIN).fullmatch(name) is not None


def is_target(target: object) -> bool:
    """Whether it is written as `"module:attribute"`."""
    return isinstance(target, str) and TARGET.fullmatch(target) is not None


def misfit(kind: str, name: object, target: object) -> str | None:
    """Why a row of a plug-in's table cannot be taken, in a sentence; None where it can."""
    if not is_name(kind, name):
        example = "PACKAGE/Name-v0, of letters, digits and . _ -" if kind == "task" else "letters, digits and . _ -"
        return f"the name {safely_shown(name)} cannot be used; expected {example}, at most 80 characters."
    if kind == "task" and str(name).casefold().startswith(f"{OWN}/"):
        return f"{name!r} begins with {OWN}/, which is kept for tasks of dpbench; rename it there."
    if kind == "task" and not isinstance(target, TaskEntry):
        return f"{name!r} points to {safely_shown(target)}, expected a TaskEntry."
    if kind != "task" and not is_target(target):
        return f"{name!r} points to {safely_shown(target)}, expected 'module:attribute'."
    return None
