"""Every figure of the leaderboard is what it was before records, metrics and pages got rooms of their own."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def rows(path: Path) -> dict[tuple[str, str, str, str], dict[str, str]]:
    """Rows by task, policy, training seeds and training steps."""
    with path.open() as file:
        return {
            (row["task"], row["policy"], row["training_seeds"], row["step"] + row["sampling"]): row
            for row in csv.DictReader(file)
        }


BEFORE = rows(Path(__file__).parent / "records/figures_before_migration.csv")
NOW = rows(ROOT / "leaderboards/table.csv")


@pytest.mark.parametrize("key", sorted(BEFORE), ids="-".join)
def test_a_figure_is_what_it_was(key: tuple[str, str, str, str]) -> None:
    assert key in NOW
    for name, value in BEFORE[key].items():
        if name in ("identity", "sampling", "published"):
            continue
        now = NOW[key][name]
        try:
            assert float(now) == pytest.approx(float(value), rel=1e-9, abs=1e-9), name
        except ValueError:
            assert now == value, name
