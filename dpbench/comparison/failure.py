"""A row of a comparison that has no figures, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dpbench.errors import DpbenchError


@dataclass(frozen=True)
class Failure:
    """One policy on one task that could not be evaluated; the next comparison tries it again.

    Attributes:
        policy: as the comparison names it.
        task: Gymnasium id; None where not even that is known.
        reason: the sentence of the error.
    """

    policy: str
    task: str | None
    reason: str

    @property
    def title(self) -> str:
        """Policy and task in words."""
        return self.policy if self.task is None else f"{self.policy} on {self.task}"

    def as_row(self) -> dict[str, str | None]:
        """For JSON, beside the rows of the table."""
        return {"task": self.task, "policy": self.policy, "failed": self.reason}


OnFailure = Callable[[Failure, DpbenchError], object]
"""Is told of a row that failed, and of the error."""


def raise_error(_: Failure, error: DpbenchError) -> None:
    """An `OnFailure` for where one failed row is one too many."""
    raise error
