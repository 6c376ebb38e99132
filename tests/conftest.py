"""What all tests share: one thread (so that runs beside each other do not slow each other down), and the data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from dpbench.data.episodes import EpisodeStore, data_root

torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")


@pytest.fixture(scope="session")
def human_demonstrations() -> EpisodeStore:
    """The 206 human Push-T episodes, where they have been fetched."""
    path = data_root() / "pusht.zarr"
    if not Path(path).exists():
        pytest.skip("needs the human demonstrations: dpbench data fetch pusht")
    return EpisodeStore.open(path)
