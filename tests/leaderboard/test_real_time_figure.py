"""The picture of success in real time against latency: where it is drawn, and what makes it another one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from dpbench.leaderboard.real_time_figure import real_time_digest, save_real_time, with_real_time


def rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "task": "dpbench/Some-v0", "policy": ["a", "b_$x", "c"], "call_p50_s": [0.001, 0.1, 0.2],
            "success_rate": [0.5, 0.9, 0.1], "real_time_success": [0.5, 0.6, np.nan],
            "real_time_success_low": [0.3, 0.4, np.nan], "real_time_success_high": [0.7, 0.8, np.nan],
        }
    )  # fmt: skip


def test_a_point_for_each_policy_that_was_evaluated_in_real_time(tmp_path: Path) -> None:
    timed = with_real_time(rows())
    assert list(timed["policy"]) == ["a", "b_$x"]
    path = tmp_path / "picture.png"
    assert save_real_time(timed, path)
    assert not save_real_time(timed, path), "it is there already"
    other = timed.assign(success_rate=[0.5, 0.8])
    assert real_time_digest(other) != real_time_digest(timed)
    assert with_real_time(rows().assign(real_time_success=np.nan)).empty
