"""The table in a terminal fits it, and cuts nothing off."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from dpbench.leaderboard.frame import read_frame
from dpbench.leaderboard.tables import print_table

TABLE = Path(__file__).parents[2] / "leaderboards" / "table.csv"


def printed(width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_table(read_frame(TABLE), console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 120, 200])
def test_columns_that_are_shown_are_whole(width: int) -> None:
    text = printed(width)
    assert "…" not in text
    assert "diffusion-cnn           0.52 [0.33, 0.71]   ab        0.95 [0.89, 0.99]" in text


def test_a_wider_terminal_shows_more() -> None:
    heads = [next(line for line in printed(width).splitlines() if "success" in line) for width in (80, 120, 200)]
    assert len(heads[0].split()) < len(heads[1].split()) < len(heads[2].split())
