"""Where a suite keeps what is not a record yet: trainings, episodes whose policy is still to be timed, failures.

    STORE/trainings/KEY/       the folder of a training run, with its state, log and checkpoints
    STORE/trainings/KEY.json   the training has ended
    STORE/episodes/KEY.json    everything of a record but the latency; KEY.npz has the trajectories
    STORE/failed/KEY.json      why a cell failed the last time; KEY.log is what it printed

KEY is the SHA-256 of everything that decides the content. Files are old or new, never half-written, and whoever works
on a cell holds its lock, so that several processes can share a store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpbench.errors import BusyError, DataError, DpbenchError
from dpbench.files.locks import only_writer
from dpbench.files.reading import Kind, parse_json, read_bytes, read_json
from dpbench.files.writing import json_bytes, remove_leftovers, write_all

KEPT = Kind(DataError, "delete the file and run the same command again", limit_bytes=2**30)
LOG_BYTES = 64 * 2**10
"""The end of a log that is kept."""


@dataclass(frozen=True)
class Store:
    """The folders of a suite.

    Attributes:
        folder: of the store.
        records: of the records.
    """

    folder: Path
    records: Path

    @contextmanager
    def working_on(self, key: str) -> Iterator[bool]:
        """Work on a cell, or learn that another process does.

        Yields:
            False while another process works on it.

        Raises:
            DpbenchError: when nothing can be written.
        """
        path = self.folder / "cells" / key
        try:
            lock = only_writer(path, wait_s=0)
            lock.__enter__()
        except BusyError:
            yield False
            return
        try:
            yield True
        finally:
            lock.__exit__(None, None, None)

    def training(self, key: str) -> Path:
        """Folder of a training run."""
        return self.folder / "trainings" / key

    def is_trained(self, key: str) -> bool:
        """Whether a training has ended."""
        return self._ended(key).exists()

    def keep_training(self, key: str, about: Mapping[str, Any]) -> None:
        """Note that a training has ended."""
        self._write({self._ended(key): json_bytes(about)})

    def episodes(self, key: str) -> tuple[dict[str, Any], bytes] | None:
        """A record without its latency, and the content of its trajectories; None where there is none.

        Raises:
            DataError: for a file that is damaged.
        """
        path = self._episodes(key)
        if not path.exists():
            return None
        kept = parse_json(read_bytes(path, KEPT, inside=path.parent), path, KEPT)
        trajectories = read_bytes(path.with_suffix(".npz"), KEPT, inside=path.parent)
        if hashlib.sha256(trajectories).hexdigest() != kept.pop("trajectories_sha256", None):
            raise KEPT.wrong(path.with_suffix(".npz"), "its SHA-256 is not the one that was written down")
        return kept, trajectories

    def keep_episodes(self, key: str, untimed: Mapping[str, Any], trajectories: bytes) -> None:
        """Keep what a rollout gave until the policy has been timed."""
        path = self._episodes(key)
        about = {**untimed, "trajectories_sha256": hashlib.sha256(trajectories).hexdigest()}
        self._write({path.with_suffix(".npz"): trajectories, path: json_bytes(about)})

    def drop_episodes(self, key: str) -> None:
        """Remove episodes that are in a record now."""
        self._episodes(key).unlink(missing_ok=True)  # first: without it, the other counts for nothing
        self._episodes(key).with_suffix(".npz").unlink(missing_ok=True)

    def keep_failure(self, key: str, about: Mapping[str, Any], log: str) -> Path:
        """Keep why a cell failed; the path of its log is returned."""
        path = self.folder / "failed" / f"{key}.json"
        end = log.encode(errors="replace")[-LOG_BYTES:]
        self._write({path.with_suffix(".log"): end, path: json_bytes(about)})
        return path.with_suffix(".log")

    def drop_failure(self, key: str) -> None:
        """A cell that failed before has not failed now."""
        for suffix in (".json", ".log"):
            (self.folder / "failed" / f"{key}{suffix}").unlink(missing_ok=True)

    def failures(self) -> tuple[dict[str, Any], ...]:
        """What failed the last time."""
        return tuple(read_json(path, KEPT) for path in sorted((self.folder / "failed").glob("*.json")))

    def clean(self) -> None:
        """Remove what killed processes left half-written."""
        for name in ("trainings", "episodes", "failed"):
            remove_leftovers(self.folder / name, depth=0)  # a training cleans its own folder
        remove_leftovers(self.records, depth=0)

    def _ended(self, key: str) -> Path:
        return self.folder / "trainings" / f"{key}.json"

    def _episodes(self, key: str) -> Path:
        return self.folder / "episodes" / f"{key}.json"

    def _write(self, files: Mapping[Path, bytes]) -> None:
        try:
            write_all(files)
        except OSError as error:
            raise DpbenchError(
                f"{self.folder}: nothing can be written there ({error.strerror or error}); free some space, or choose "
                "another --store, and run the same command again: what is done is kept."
            ) from error
