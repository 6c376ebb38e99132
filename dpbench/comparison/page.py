"""Everything that is rendered from the records: table.md, table.csv, table.png and the leaderboard's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from dpbench.comparison.figure import save_figure
from dpbench.comparison.table import frame, markdown
from dpbench.errors import DpbenchError
from dpbench.files import write_bytes
from dpbench.tasks import load_task


def render(records: Sequence[Mapping[str, Any]], folder: Path) -> pd.DataFrame:
    """Write the table as Markdown, CSV and a figure, and the page.

    Raises:
        DpbenchError: when the folder cannot be written.
    """
    table = frame(records)
    try:
        write_bytes(folder / "table.md", markdown(table).encode())
        write_bytes(folder / "table.csv", table.to_csv(index=False).encode())
        save_figure(table, folder / "table.png")
        write_bytes(folder / "README.md", page(table, records).encode())
    except OSError as error:
        raise DpbenchError(
            f"{folder}: the table is not written ({error}); choose another folder with --output."
        ) from error
    return table


def page(table: pd.DataFrame, records: Sequence[Mapping[str, Any]]) -> str:
    """The leaderboard as Markdown."""
    published = [
        f"| {task.rsplit('/', 1)[-1]} | {result.method} | {result.metric} | {result.value:.2f} | {result.source} |"
        for task in dict.fromkeys(table["task"])
        for result in load_task(task).published
    ]
    made = sorted(
        {
            f"- commit `{record['provenance']['commit']['id']}`"
            f"{' (with local changes)' if record['provenance']['commit']['dirty'] else ''}, "
            f"{record['provenance']['hardware']['cpu']} ({record['provenance']['hardware']['cores']} cores), "
            f"torch {record['provenance']['versions']['torch']}, pymunk {record['provenance']['versions']['pymunk']}"
            for record in records
        }
    )
    return f"""# Leaderboard

Rendered by `dpbench compare` from `records/`, never edited by hand. One record is one evaluation, with every episode,
seeds, versions, commit and hardware.

{markdown(table)}
![success, score and latency](table.png)

## Published figures of the same tasks

Chi et al. 2023 report for Push-T the mean over episodes of the largest reward (the column `score` above): `max` is the
best checkpoint, `avg` the average of the last ten, each over 3 training seeds and 50 starts, with networks of the
paper's size. The start states are drawn as ours are (seeds 100000 and up, legacy order); network size and training
budget differ.

| task | method | which figure | value | source |
|---|---|---|---|---|
{chr(10).join(published)}

## Where the records come from

{chr(10).join(made)}
"""
