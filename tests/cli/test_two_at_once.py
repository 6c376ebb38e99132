"""Whatever a command writes, one process writes at a time; the second ends before it has done anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from dpbench.cli import main
from dpbench.data.episodes import EpisodeStore, step_shapes
from dpbench.demonstrations.generation import demonstrate

TASK = "dpbench/Avoid-v0"
CHECKPOINT = "zoo/Avoid-v0/mlp-bc"
WRITERS = {  # command -> what it writes; {} is the folder of the test
    "demos generate Avoid-v0 --episodes 2 --workers 1 --out {}/s.zarr": "s.zarr",
    "data fetch pusht --data-dir {} --from {}": "pusht.zarr",
    "data fetch robomimic/lift/ph --task lift --data-dir {} --from {}": "Lift-v0-robomimic-lift-ph.zarr",
    "data import {} --task lift --format robomimic-hdf5 --out {}/s.zarr": "s.zarr",
    "data export {known} --task lift --out {}/lift.hdf5": "lift.hdf5",
    "data info {known} --picture {}/p.png": "p.png",
    "train mlp-bc --task Avoid-v0 --store {known} --out {}/run": "run",
    "evaluate hold --task Avoid-v0 --episodes 1 --video {}/v.mp4": "v.mp4",
    "compare --zoo zoo/Avoid-v0 --records {}/records": "records",
    "leaderboard render --output {}/out": "out",
    f"latency {CHECKPOINT} --output {{}}/out": "out",
    f"delay {CHECKPOINT} --output {{}}/out": "out",
    "chunks demonstrator --task Avoid-v0 --output {}/c.png": "c.png",
    "arm record --operator script --view none --episodes 1 --out {}/s.zarr": "s.zarr",
    "arm record --operator script --view none --episodes 1 --out {}/s.zarr --video {}/v.mp4": "v.mp4",
    "arm run zoo/RealArm-v0/diffusion-cnn --view none --out {}/out": "out",
    "arm run zoo/RealArm-v0/diffusion-cnn --view none --out {}/out --record {}/s.zarr": "s.zarr",
}


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of one episode."""
    path = tmp_path_factory.mktemp("data") / "known.zarr"
    made = demonstrate(TASK, 0)
    EpisodeStore.create(path, step_shapes(made.arrays), {"task": TASK}).append(made.arrays, made.start_seed)
    return path


@contextmanager
def another_writer(path: Path) -> Iterator[None]:
    """Holds the lock as another process does: not the one that this process would share."""
    with FileLock(path.with_name(f".{path.name}.lock")):
        yield


@pytest.mark.parametrize("command", sorted(WRITERS))
def test_the_second_ends_at_once_with_one_line(
    command: str, tmp_path: Path, known: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / WRITERS[command]
    before = sorted(tmp_path.rglob("*"))
    with another_writer(path):
        status = main(command.replace("{}", str(tmp_path)).replace("{known}", str(known)).split())
    captured = capsys.readouterr()
    lines = [line for line in captured.err.splitlines() if line.strip()]
    assert status == 2
    assert (
        lines[-1] == f"error: {path} is being written by another process; wait until it ends, or choose another place."
    )
    assert captured.out == ""
    new = set(tmp_path.rglob("*")) - set(before)
    assert new <= {path.with_name(f".{path.name}.lock"), tmp_path / "out"}, "nothing was done"
