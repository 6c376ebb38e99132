"""Training logs: always a CSV file, and TensorBoard on request."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from dpbench.errors import DpbenchError, MissingExtraError
from dpbench.files.reading import Kind, read_bytes
from dpbench.files.writing import write_bytes

COLUMNS = ("step", "loss", "learning_rate", "samples_per_s", "val_loss", "success_rate", "mean_max_reward")

LOG = Kind(DpbenchError, "remove it, or choose another --out", limit_bytes=2**30)


class Logger(Protocol):
    """Writes the values of one step."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write the values of `step`; steps rise from call to call."""
        ...


class CsvLogger:
    """One row a call. When a run resumes, rows beyond its saved step, and one that was cut off, are dropped first."""

    def __init__(self, path: Path, first_step: int) -> None:
        self._path = path
        rows = [row for row in _rows(path) if float(row["step"]) <= first_step] if path.exists() else []
        lines = [",".join(COLUMNS), *(",".join(row.get(column, "") for column in COLUMNS) for row in rows)]
        try:
            write_bytes(path, ("\n".join(lines) + "\n").encode())
        except OSError as error:
            raise DpbenchError(f"{path}: log not written ({error}); free some space and run again.") from error

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Append one row."""
        try:
            with self._path.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, COLUMNS, lineterminator="\n").writerow({"step": step, **values})
        except OSError as error:
            raise DpbenchError(f"{self._path}: log not written ({error}); free some space and run again.") from error


class TensorBoardLogger:
    """The same values as scalars.

    Raises:
        MissingExtraError: without the package tensorboard.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter  # optional extra
        except ImportError as error:
            raise MissingExtraError("TensorBoard logs need: pip install 'dpbench[tensorboard]'") from error
        self._writer = SummaryWriter(str(folder), purge_step=first_step)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Add one scalar a value."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """The whole rows of a log; one that was cut off, or holds something else than numbers, is dropped.

    Raises:
        DpbenchError: for something else than a file.
    """
    whole, _, _ = read_bytes(path, LOG).decode("utf-8", errors="replace").rpartition("\n")
    head, *lines = whole.split("\n")
    columns = head.split(",")
    for line in lines:
        values = line.split(",")
        row = dict(zip(columns, values, strict=False))
        if (
            len(values) == len(columns)
            and _is_number(row.get("step", ""))
            and all(map(_is_number, filter(None, values)))
        ):
            yield row


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()
