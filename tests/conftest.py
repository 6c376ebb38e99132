"""What all tests share: one thread (so that runs beside each other do not slow each other down), data and records."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from dpbench.data.episodes import EpisodeStore
from dpbench.data.root import data_root
from dpbench.metrics.statistics.intervals import Estimate
from dpbench.records.machine import Commit, Hardware, Latency, Percentiles, Provenance
from dpbench.records.record import Episodes, EvaluatedCell, PolicyIdentity, Record

from .attack import Attack

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


MEANS = ("max_reward", "max_score", "final_score", "length", "rms_jerk")


def made_up(policy: str, seed: int | None, score: float, step: int = 10) -> Record:
    """Two starts, one sampler seed, every metric equal to `score`."""
    trained = {"seed": seed, "step": step} if seed is not None else {}
    cell = EvaluatedCell(
        protocol_version=1,
        task="dpbench/PushTKeypoints-v0",
        starts="published",
        reset_options={},
        start_seeds=(1, 2),
        sampler_seeds=(0,),
        policy=PolicyIdentity(
            baseline=policy, preset="small", config={}, n_parameters=5, checkpoint_sha256=str(seed), **trained
        ),
    )
    times = Percentiles(p50=0.1, p95=0.1, p99=0.1)
    values = {name: (score, score) for name in MEANS}
    return Record(
        identity=cell.identity(),
        cell=cell,
        summary=dict.fromkeys(("success", *MEANS), Estimate(score, score - 0.05, score + 0.05)),
        episodes=Episodes(start_seed=(1, 2), sampler_seed=(0, 0), success=(True, False), **values),
        latency=Latency(call_s=times, control_step_s=times, n_calls=1, n_threads=1),
        provenance=Provenance(
            versions={"torch": "2", "pymunk": "6"},
            commit=Commit(id="c", dirty=False),
            hardware=Hardware(cpu="a", cores=2, gpu=None, platform="b"),
            date_utc="2026-01-01",
            command="dpbench compare",
        ),
    )


@pytest.fixture(scope="session")
def record() -> Callable[..., Record]:
    """Makes records with given metrics."""
    return made_up


@pytest.fixture
def attack() -> Attack:
    """Makes damaged and hostile inputs, the same in every run."""
    return Attack(random.Random(0))
