"""What the tests of the command line share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dpbench.data.episodes import EpisodeStore


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of made-up episodes in the shapes of the human ones."""
    root = tmp_path_factory.mktemp("data")
    arrays = {"action": ((2,), "float32"), "agent_pos": ((2,), "float32"), "block_pose": ((3,), "float32"),
              "keypoints": ((18,), "float32")}  # fmt: skip
    store = EpisodeStore.create(root / "pusht.zarr", arrays)
    rng = np.random.default_rng(0)
    for _ in range(4):
        store.append({name: rng.uniform(0, 512, (40, *shape)).astype(dtype) for name, (shape, dtype) in arrays.items()})
    return root
