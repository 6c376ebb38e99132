"""How a single check tells its outcome, and how a list of checks is run."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from dpbench.findings import Finding

SubjectT = TypeVar("SubjectT")
Check = Callable[[SubjectT], str]
"""Returns what was found when all is well; raises CheckFailed or CheckSkipped otherwise."""


class CheckFailed(Exception):  # noqa: N818  # an outcome, not an error of the program
    """The subject does not do what the check asks for."""

    def __init__(self, measured: str, advice: str) -> None:
        super().__init__(measured)
        self.measured, self.advice = measured, advice


class CheckSkipped(Exception):  # noqa: N818
    """The check does not apply to the subject."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def require(condition: bool, measured: str, advice: str) -> None:
    """Go on only when the condition holds.

    Raises:
        CheckFailed: otherwise.
    """
    if not condition:
        raise CheckFailed(measured, advice)


def run_check(name: str, check: Callable[[], str]) -> Finding:
    """Run one check; an exception of the subject is a failure, too."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the subject; what matters is a finding
            measured = check()
    except CheckFailed as failed:
        return Finding(name, False, failed.measured, failed.advice)
    except CheckSkipped as skipped:
        return Finding(name, None, skipped.reason)
    except Exception as error:  # the code under test may raise anything
        return Finding(name, False, f"{type(error).__name__}: {error}", "find where this is raised, and why")
    return Finding(name, True, measured)


def run_checks(checks: Mapping[str, Check[SubjectT]], subject: SubjectT) -> tuple[Finding, ...]:
    """Run checks by name on one subject, in order."""
    return tuple(run_check(name, lambda check=check: check(subject)) for name, check in checks.items())  # type: ignore[misc]


def listed(names: Iterable[object]) -> str:
    """`a, b`, or `none`."""
    return ", ".join(map(str, names)) or "none"
