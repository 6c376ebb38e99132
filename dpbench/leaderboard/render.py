"""Everything that is written from the records: the table as CSV, Markdown pages, the HTML page, and changed figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from dpbench.errors import DpbenchError
from dpbench.escaping import csv_of
from dpbench.files.writing import write_all
from dpbench.leaderboard.across import PROFILES, across
from dpbench.leaderboard.across_figure import save_profiles
from dpbench.leaderboard.figure import save_figure
from dpbench.leaderboard.frame import page_frame
from dpbench.leaderboard.html.content import content
from dpbench.leaderboard.html.page import PAGE, html
from dpbench.leaderboard.html.videos import read_videos
from dpbench.leaderboard.modes_figure import save_modes, with_modes
from dpbench.leaderboard.pages import FIGURES, pages, picture_name
from dpbench.leaderboard.real_time_figure import save_real_time, with_real_time
from dpbench.leaderboard.tables import by_task
from dpbench.records.record import Record

CSV = "table.csv"


def render(records: Sequence[Record], folder: Path) -> pd.DataFrame:
    """Write table, pages and figures; a figure that shows the same is left alone.

    Args:
        records: to show.
        folder: of the pages.

    Returns:
        The rows.

    Raises:
        DpbenchError: when the folder cannot be written.
    """
    table = page_frame(records)
    try:
        texts = {
            CSV: csv_of(table),
            **pages(table, records, folder),
            PAGE: html(content(table, records, read_videos(folder))),
        }
        write_all({folder / name: text.encode() for name, text in texts.items()})
        _draw(table, records, folder / FIGURES)
    except OSError as error:
        raise DpbenchError(
            f"{folder}: the table is not written ({error}); choose another folder with --output."
        ) from error
    return table


def _draw(table: pd.DataFrame, records: Sequence[Record], folder: Path) -> None:
    if (overall := across(table, records)) is not None:
        save_profiles(overall, folder / PROFILES)
    for task, part in by_task(table):
        save_figure(part, folder / f"{picture_name(task)}.png")
        modes = with_modes(part)
        if len(modes):
            save_modes(modes, folder / f"{picture_name(task)}-modes.png")
        timed = with_real_time(part)
        if len(timed):
            save_real_time(timed, folder / f"{picture_name(task)}-real-time.png")
