"""Windows and splits are pure index arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from dpbench.data.windows import split_episodes, window_indices
from dpbench.errors import DataError
from dpbench.spec import Horizon

HORIZON = Horizon(n_obs_steps=2, horizon=4, n_action_steps=2)


def test_padding_repeats_the_first_and_the_last_step() -> None:
    windows = window_indices(np.array([5]), np.array([0]), HORIZON)
    assert windows.tolist() == [[0, 0, 1, 2], [0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 4]]


def test_windows_stay_inside_their_episode() -> None:
    ends = np.array([6, 13, 20])
    windows = window_indices(ends, np.array([1]), HORIZON)
    assert windows.min() == 6
    assert windows.max() == 12


def test_every_step_is_the_first_executed_one_once_but_where_the_window_would_leave_too_far() -> None:
    windows = window_indices(np.array([9]), np.array([0]), HORIZON)
    assert windows[:, HORIZON.executed.start].tolist() == list(range(8))


def test_published_configuration_counts_its_windows() -> None:
    """For To/Tp/Ta = 2/16/8 an episode of T steps gives T + 1 + 7 - 16 + 1 windows."""
    horizon = Horizon(2, 16, 8)
    assert len(window_indices(np.array([100]), np.array([0]), horizon)) == 93


def test_too_short_episodes_are_named() -> None:
    with pytest.raises(DataError, match="no episode is long enough"):
        window_indices(np.array([1]), np.array([0]), Horizon(1, 16, 1))


def test_split_is_a_function_of_its_seed_and_leaves_nothing_out() -> None:
    train, val = split_episodes(206, 0.02, seed=42)
    assert len(val) == 4
    assert sorted([*train, *val]) == list(range(206))
    assert np.array_equal(val, split_episodes(206, 0.02, seed=42)[1])
    assert not np.array_equal(val, split_episodes(206, 0.02, seed=43)[1])


@pytest.mark.parametrize(("n_episodes", "ratio"), [(206, 1.0), (206, -0.1), (1, 0.5), (0, 0.0)])
def test_impossible_splits_are_named(n_episodes: int, ratio: float) -> None:
    with pytest.raises(DataError):
        split_episodes(n_episodes, ratio, seed=0)
