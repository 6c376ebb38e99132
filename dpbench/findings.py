"""What a check found: of a task, a baseline, a data set or an arm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dpbench.errors import ConformanceError


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        name: what was checked.
        passed: True or False; None if the check was skipped.
        measured: the result in words.
        advice: what to do if it did not pass.
        values: the result as numbers.
    """

    name: str
    passed: bool | None
    measured: str
    advice: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> Literal["ok", "failed", "skipped"]:
        """`passed` as a word."""
        return "skipped" if self.passed is None else "ok" if self.passed else "failed"


def raise_on_failure(findings: Iterable[Finding]) -> None:
    """Do nothing when no check failed; meant for tests.

    Raises:
        ConformanceError: with one line a failed check.
    """
    failed = [each for each in findings if each.passed is False]
    if failed:
        lines = (f"{each.name}: {each.measured} ({each.advice})" for each in failed)
        raise ConformanceError(f"{len(failed)} checks failed:\n" + "\n".join(lines))
