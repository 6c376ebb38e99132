"""What the numbers of a task mean, as a checkpoint keeps it: a policy acts only where they still mean the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from dpbench.errors import CheckpointError, shown
from dpbench.spec import TaskSpec

NOT_MEANING = ("unscaled",)
"""Fields that decide how training scales the numbers; the normalisers of a checkpoint hold the result."""


def meaning_of(task: TaskSpec) -> dict[str, Any]:
    """Flat observation key or `"action"` -> shape, type, bounds, unit and names, for a JSON file."""
    parts = {**{key: asdict(spec) for key, spec in task.observations.items()}, "action": asdict(task.action)}
    kept = {
        key: {name: value for name, value in fields.items() if name not in NOT_MEANING} for key, fields in parts.items()
    }
    plain: dict[str, Any] = json.loads(json.dumps(kept))  # tuples as lists, as they are read back
    return plain


def check_meaning(told: Mapping[str, Any] | None, task: TaskSpec) -> None:
    """Compare what a checkpoint says with the task of today.

    Args:
        told: of `meaning_of` when it was trained; None in checkpoints that do not say it.
        task: with the checkpoint's id.

    Raises:
        CheckpointError: for the first difference, with both sides.
    """
    wanted = meaning_of(task)
    if told is None or told == wanted:
        return
    if sorted(told) != sorted(wanted):
        raise CheckpointError(
            f"it was trained with {', '.join(sorted(told))}, and {task.id} now has {', '.join(sorted(wanted))}"
        )
    for key, fields in wanted.items():
        before = told[key] if isinstance(told[key], Mapping) else {}
        for name in (*fields, *before):
            if before.get(name) != fields.get(name):
                raise CheckpointError(
                    f"it was trained with {name} = {shown(before.get(name))} of {key!r}, and {task.id} now has "
                    f"{shown(fields.get(name))}"
                )
