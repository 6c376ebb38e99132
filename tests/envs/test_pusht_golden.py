"""One episode's end, whatever the version of pymunk: 6.11.1 and 7.1.0 give these bits on x86-64 Linux."""

from __future__ import annotations

import numpy as np
import pytest

from dpbench.envs.pusht.physics import Physics
from dpbench.envs.pusht.world import legacy_start

GOLDEN = (389.43161555845415, 343.99699985003355, 363.80951966612605, 371.51641696434353, -0.4480416149235849)
GOLDEN_CONTACT_POINTS = 1922


def test_a_pushing_episode_ends_where_it_did() -> None:
    rng = np.random.default_rng(0)
    physics = Physics()
    physics.set_state(legacy_start(100_000), legacy=True)
    for _ in range(200):
        *_, x, y, _angle = physics.state()
        target_x, target_y = (np.array([x, y]) + rng.normal(0, 60, size=2)).tolist()
        physics.step(target_x, target_y)
    assert physics.state() == pytest.approx(GOLDEN, abs=1e-6)
    assert physics.n_contact_points == GOLDEN_CONTACT_POINTS
