"""Distances between sets of action chunks whose answer is known."""

from __future__ import annotations

import numpy as np

from dpbench.metrics.chunks import energy_distance, invalid_share, maximum_mean_discrepancy, median_distance


def chunks(kind: str, n: int, seed: int) -> np.ndarray:
    """Straight chunks to the left or right, `(n, 8, 2)`: demonstrators, one side only, or straight ahead."""
    rng = np.random.default_rng(seed)
    sides = {"both": rng.choice([-1.0, 1.0], n), "one": np.ones(n), "average": np.zeros(n)}[kind]
    ahead = np.linspace(0, 1, 8)
    paths = np.stack([sides[:, None] * ahead, np.broadcast_to(ahead, (n, 8))], axis=2)
    return paths + 0.02 * rng.standard_normal(paths.shape)


def test_action_distances_tell_equal_from_one_sided_from_averaging() -> None:
    demonstrator, again = chunks("both", 200, 0), chunks("both", 200, 1)
    width = median_distance(demonstrator)
    for distance in (energy_distance, lambda x, y: maximum_mean_discrepancy(x, y, width)):
        floor = distance(demonstrator, again)
        one, average = (distance(chunks(kind, 200, 2), demonstrator) for kind in ("one", "average"))
        assert floor < 0.3 * min(one, average)
    assert energy_distance(demonstrator, demonstrator + 3) > energy_distance(demonstrator, demonstrator + 1)


def test_averaging_samples_lie_in_no_valid_mode() -> None:
    def nearest(samples: np.ndarray) -> np.ndarray:
        end = samples[:, -1, 0]
        return np.minimum(abs(end - 1), abs(end + 1))

    assert invalid_share(nearest(chunks("both", 200, 0)), 0.3) == 0.0
    assert invalid_share(nearest(chunks("average", 200, 0)), 0.3) == 1.0
