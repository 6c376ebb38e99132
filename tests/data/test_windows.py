"""Windows and splits are pure index arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from dpbench.data.windows import are_cumulative, shortest, split_episodes, too_short, window_indices
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


@pytest.mark.parametrize("kind", ["training", "validation"])
def test_the_message_says_which_episodes_are_too_short(kind: str) -> None:
    with pytest.raises(DataError, match=f"no {kind} episode is long enough: the longest of 2 has 5 steps.* takes 8;"):
        window_indices(np.array([4, 9]), np.array([0, 1]), Horizon(2, 16, 8), kind)


@pytest.mark.parametrize("horizon", [HORIZON, Horizon(2, 16, 8), Horizon(1, 16, 1), Horizon(1, 1, 1)])
def test_too_short_episodes_are_those_without_a_window(horizon: Horizon) -> None:
    ends = np.cumsum(np.arange(1, 30))
    found = too_short(ends, np.arange(29), horizon)
    assert len(found) == shortest(horizon) - 1
    for episode in range(29):
        if episode in found:
            with pytest.raises(DataError, match="long enough"):
                window_indices(ends, np.array([episode]), horizon)
        else:
            assert len(window_indices(ends, np.array([episode]), horizon)) > 0


@pytest.mark.parametrize("ends", [[0, 3], [3, 3], [5, 4], [-1], [1, -(2**63), -1, 8]])
def test_ends_that_are_not_cumulative_are_found_even_where_their_differences_overflow(ends: list[int]) -> None:
    assert not are_cumulative(np.array(ends))
    assert are_cumulative(np.array([1, 5, 6]))


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
