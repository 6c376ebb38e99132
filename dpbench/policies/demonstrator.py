"""The scripted policy that makes a task's demonstrations (numpy only)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dpbench.errors import ConfigError
from dpbench.policies.protocol import Policy
from dpbench.spec import TaskSpec


@dataclass(frozen=True)
class ScriptedDemonstrator:
    """A part of a task: its scripted demonstrator.

    Attributes:
        policy: makes the policy for a task; raises ConfigError for a task whose observations it cannot act on.
        acts_on: id of the task whose observations the policy needs, where the task itself shows too little (pictures
            only); the same seed and the same actions give the same episode in both. None: the task itself.
    """

    policy: Callable[[TaskSpec], Policy]
    acts_on: str | None = None


def has_demonstrator(task: TaskSpec) -> bool:
    """Whether the task has a scripted demonstrator; imports nothing."""
    return ScriptedDemonstrator in task.parts


def scripted_demonstrator(task: TaskSpec) -> ScriptedDemonstrator:
    """The scripted demonstrator of a task.

    Raises:
        ConfigError: for a task without one.
        TaskError: when it cannot be imported.
    """
    script = task.part(ScriptedDemonstrator)
    if script is None:
        raise ConfigError(f"{task.id} has no scripted demonstrator; its demonstrations are recorded by people.")
    return script
