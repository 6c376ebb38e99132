"""Floors and ceilings of tasks as they were measured, in a file that an interrupted measurement is continued from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from dpbench.checks.floors import CHEAP, KINDS, SCREENED, Reached, ceiling_of, floor_of, measure
from dpbench.errors import DataError
from dpbench.files.writing import write_bytes
from dpbench.findings import Finding
from dpbench.spec import TaskSpec
from dpbench.yardsticks import NOTHING

Measured = Mapping[str, Mapping[str, Reached]]
"""Task -> kind of policies -> the best of them."""


def check_floors(
    task: TaskSpec,
    path: Path,
    n_starts: int,
    n_screened: int,
    on_done: Callable[[int], object] = lambda _: None,
) -> Sequence[Finding]:
    """Measure what is not in the file yet, and compare floor and ceiling with those that the task declares.

    Args:
        task: under test.
        path: of the file, which is written after each kind of policies.
        n_starts: of the task's first protocol.
        n_screened: starts from which held actions are tried first; those that succeed from one are tried from all.
        on_done: called with the number of episodes that have just ended.

    Raises:
        DataError: when the file holds something else.
    """
    known = read(path)
    measured = known.setdefault(task.id, {})
    for kind, make in KINDS.items():
        if kind in measured:
            continue
        reached = measure(task, make(task), n_starts, n_screened if kind in SCREENED else None, on_done)
        if reached is not None:
            measured[kind] = reached
            write(path, known)
    return (*(_told(kind, one) for kind, one in measured.items()), _declared(task, measured))


def _told(kind: str, one: Reached) -> Finding:
    best = f", by {one.best}" if one.success > 0 else ""
    text = f"success {one.success:.2f} from {one.starts} starts{best}; {one.policies} tried from {one.screened}"
    low = kind not in CHEAP or one.success <= NOTHING
    advice = "" if low else "change the task, or say in TaskSpec.floor why that is so"
    return Finding(kind, True if low else None, text, advice, asdict(one))


def _declared(task: TaskSpec, measured: Mapping[str, Reached]) -> Finding:
    """Whether the TaskSpec declares what was measured."""
    floor = floor_of(measured, task.floor.reason if task.floor is not None else "not said")
    ceiling = ceiling_of(measured)
    same = task.floor == floor and task.ceiling == ceiling
    text = f"{task.floor} and {task.ceiling}"
    return Finding("as the task says", same, text, "" if same else f"declare {floor} and {ceiling} in the TaskSpec")


def read(path: Path) -> dict[str, dict[str, Reached]]:
    """What was measured; empty when the file does not exist.

    Raises:
        DataError: when the file holds something else.
    """
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {task: {kind: Reached(**one) for kind, one in found.items()} for task, found in content.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{path} does not hold measured floors ({error}); move it away.") from error


def write(path: Path, measured: Measured) -> None:
    """Write what was measured, tasks in order."""
    content = {task: {kind: asdict(one) for kind, one in measured[task].items()} for task in sorted(measured)}
    write_bytes(path, (json.dumps(content, indent=1) + "\n").encode())
