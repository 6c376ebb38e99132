"""The files of a sweep: its rows as JSON and CSV, its figure, and what it says in words."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from dpbench.errors import DpbenchError
from dpbench.escaping import csv_of
from dpbench.files.writing import json_bytes, write_all


def save_sweep(stem: Path, rows: pd.DataFrame, document: Mapping[str, Any], figure: Figure, text: str = "") -> None:
    """Write `STEM.json`, `.csv`, `.png`, and `.md` where there is a text.

    Args:
        stem: path without an ending.
        rows: of the sweep.
        document: JSON-able: the rows and where they come from.
        figure: of the rows.
        text: Markdown.

    Raises:
        DpbenchError: when the files cannot be written.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    files = {
        stem.with_suffix(".json"): json_bytes(document),
        stem.with_suffix(".csv"): csv_of(rows).encode(),
        stem.with_suffix(".png"): buffer.getvalue(),
    }
    try:
        write_all(files | ({stem.with_suffix(".md"): text.encode()} if text else {}))
    except OSError as error:
        raise DpbenchError(f"{stem.parent}: not written ({error}); choose another --output.") from error
