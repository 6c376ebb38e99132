"""The note of a submission: how a record from elsewhere was checked before it was added."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dpbench.records.machine import Part, Text


class Submission(Part):
    """How a record from elsewhere was checked before it was added (`dpbench leaderboard add`)."""

    n_episodes: int = Field(ge=0, description="made again by the policy; 0 where figures were only computed again")
    agreement: Literal["equal", "within tolerance"] | None = Field(description="of these episodes; null for none")
    sample_seed: int | None = Field(ge=0, description="that chose them; null where all were, or none")
    dpbench: Text = Field(description="version that checked")
    cpu: Text = Field(description="that checked")
    date_utc: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$", description="of the check, ISO 8601")

    def __str__(self) -> str:
        """As a page shows it."""
        verified = f"{self.n_episodes} episodes verified" if self.n_episodes else "figures recomputed"
        return f"submitted, {verified}"
