"""The committed sweep over latencies is rendered from its rows, and its records are still those of its checkpoints."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from dpbench.comparison.cells import Cell
from dpbench.comparison.delay_sweep import delayed_cells, markdown, sweep
from dpbench.comparison.reuse import KnownRecords
from dpbench.errors import ConfigError

ROOT = Path(__file__).parents[2]
FOLDER, NAME = ROOT / "leaderboards/delay", "RealArm-v0--RealArmVelocity-v0"
CELLS = [
    Cell(str(ROOT / "zoo" / task / "diffusion-cnn"), sampler_seeds=(0,))
    for task in ("RealArm-v0", "RealArmVelocity-v0")
]


def test_the_committed_table_is_written_from_the_committed_rows() -> None:
    rows = pd.read_csv(FOLDER / f"{NAME}.csv")
    assert (FOLDER / f"{NAME}.md").read_text() == markdown(rows)


def test_the_committed_rows_come_from_records_that_are_reused() -> None:
    known = KnownRecords(FOLDER / "records")
    done: list[int] = []
    rows = sweep(delayed_cells(CELLS, range(8)), known, n_workers=1, on_done=done.append)
    assert sum(done) == rows["n_episodes"].sum() == 16 * 50
    pd.testing.assert_frame_equal(rows, pd.read_csv(FOLDER / f"{NAME}.csv"))


def test_a_sweep_is_refused_as_a_whole_before_anything_is_evaluated() -> None:
    with pytest.raises(ConfigError, match="latency_steps = 8: expected 0 to 7"):
        delayed_cells(CELLS, [0, 8])
    with pytest.raises(ConfigError, match="two checkpoints of one task are called diffusion-cnn"):
        delayed_cells([CELLS[0], CELLS[0]], [0])
