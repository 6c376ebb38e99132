"""Archives of other projects: small files written in their layouts, read back as a task's store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from dpbench.cli import main
from dpbench.data.episodes import EpisodeStore
from dpbench.data.importing import import_archive
from dpbench.errors import ConfigError, DataError
from dpbench.tasks import load_task

LENGTHS = (3, 5)
RNG = np.random.default_rng(0)
OBSERVATIONS = RNG.uniform(0.1, 0.6, (2, 5, 16))
ACTIONS = RNG.uniform(-0.03, 0.03, (2, 5, 2))
MASKS = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], dtype=np.float64)
TASK = "dpbench/BlockPush-v0"


def write_bet(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for name, values in (("observations", OBSERVATIONS), ("actions", ACTIONS), ("masks", MASKS)):
        np.save(folder / f"multimodal_push_{name}.npy", values)
    return folder


def write_zarr(path: Path) -> Path:
    group = zarr.open_group(path, mode="w", zarr_format=2)
    inside = MASKS > 0
    for name, values in (("obs", OBSERVATIONS[inside]), ("action", ACTIONS[inside])):
        group.create_array(f"data/{name}", data=values.astype(np.float32))
    group.create_array("meta/episode_ends", data=np.cumsum(LENGTHS))
    return path


def check(store: EpisodeStore) -> None:
    assert store.episode_ends.tolist() == [3, 8]
    inside = MASKS > 0
    np.testing.assert_allclose(store.read("action"), ACTIONS[inside], rtol=1e-5)
    np.testing.assert_allclose(store.read("agent_pos"), OBSERVATIONS[inside][:, 6:8], rtol=1e-5)
    np.testing.assert_allclose(
        store.read("environment_state"), np.delete(OBSERVATIONS[inside], [6, 7], axis=1), rtol=1e-5
    )


def test_bets_files_are_read(tmp_path: Path) -> None:
    folder, out = write_bet(tmp_path / "bet"), tmp_path / "store.zarr"
    main(["data", "import", str(folder), "--task", "blockpush", "--format", "bet-npy", "--out", str(out)])
    check(EpisodeStore.open(out))


def test_diffusion_policys_zarr_is_read(tmp_path: Path) -> None:
    source, out = write_zarr(tmp_path / "multimodal_push_seed.zarr"), tmp_path / "store.zarr"
    check(import_archive(load_task(TASK), source, "diffusion-policy-zarr", out))
    with pytest.raises(DataError, match="exists already"):
        import_archive(load_task(TASK), source, "diffusion-policy-zarr", out)


def test_absolute_actions_are_the_next_targets(tmp_path: Path) -> None:
    store = import_archive(
        load_task("dpbench/BlockPushAbs-v0"), write_bet(tmp_path / "bet"), "bet-npy", tmp_path / "store.zarr"
    )
    inside = MASKS > 0
    np.testing.assert_allclose(store.read("action"), (OBSERVATIONS[..., 8:10] + ACTIONS)[inside], rtol=1e-5)


def test_a_broken_archive_leaves_nothing_behind(tmp_path: Path) -> None:
    folder, out = write_bet(tmp_path / "bet"), tmp_path / "store.zarr"
    whole = (folder / "multimodal_push_actions.npy").read_bytes()
    (folder / "multimodal_push_actions.npy").write_bytes(whole[:100])
    with pytest.raises(DataError, match="not a complete array"):
        import_archive(load_task(TASK), folder, "bet-npy", out)
    np.save(folder / "multimodal_push_actions.npy", ACTIONS[:1])
    with pytest.raises(DataError, match="do not fit"):
        import_archive(load_task(TASK), folder, "bet-npy", out)
    np.save(folder / "multimodal_push_actions.npy", np.array([{"code": 1}], dtype=object))
    with pytest.raises(DataError, match="not a complete array"):
        import_archive(load_task(TASK), folder, "bet-npy", out)
    np.save(folder / "multimodal_push_actions.npy", ACTIONS)
    np.save(folder / "multimodal_push_masks.npy", 1 - MASKS)
    with pytest.raises(DataError, match="ones followed by zeros"):
        import_archive(load_task(TASK), folder, "bet-npy", out)
    (folder / "multimodal_push_masks.npy").unlink()
    with pytest.raises(DataError, match="0 files named"):
        import_archive(load_task(TASK), folder, "bet-npy", out)
    with pytest.raises(ConfigError, match="reads no public archives"):
        import_archive(load_task("dpbench/Avoid-v0"), folder, "bet-npy", out)
    assert [path.name for path in tmp_path.iterdir()] == ["bet"]
