"""Everything that is rendered from the records: table.md, table.csv, the pictures and the leaderboard's page."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from dpbench.errors import DpbenchError
from dpbench.files import write_bytes
from dpbench.leaderboard.columns import columns_of, legend, tables
from dpbench.leaderboard.figure import save_figure
from dpbench.leaderboard.frame import frame
from dpbench.leaderboard.modes_figure import save_modes
from dpbench.leaderboard.tables import as_text, by_task, markdown
from dpbench.records.record import Record
from dpbench.spec import PublishedResults
from dpbench.tasks import load_task

NOTES = "notes.md"
"""What people have to say about the figures; rendered into the page."""


def render(records: Sequence[Record], folder: Path) -> pd.DataFrame:
    """Write the table as Markdown, CSV and a figure, and the page.

    Raises:
        DpbenchError: when the folder cannot be written.
    """
    table = frame(records)
    try:
        write_bytes(folder / "table.md", all_tables(table).encode())
        write_bytes(folder / "table.csv", table.to_csv(index=False).encode())
        save_figure(table, folder / "table.png")
        pictures = save_modes(table, folder)
        notes = (folder / NOTES).read_text() if (folder / NOTES).exists() else ""
        write_bytes(folder / "README.md", page(table, records, notes, pictures).encode())
    except OSError as error:
        raise DpbenchError(
            f"{folder}: the table is not written ({error}); choose another folder with --output."
        ) from error
    return table


def all_tables(table: pd.DataFrame) -> str:
    """The tables of every task, and the legend."""
    texts = [markdown(as_text(part, shown)) for _, part in by_task(table) for shown in tables(part) if shown]
    explained = [column for task in dict.fromkeys(table["task"]) for column in columns_of(task)]
    return "\n\n".join([*texts, legend(explained)]) + "\n"


def page(table: pd.DataFrame, records: Sequence[Record], notes: str = "", pictures: Sequence[str] = ()) -> str:
    """The leaderboard as Markdown; `pictures` are those of the modes."""
    modes = "".join(f"\n![modes of {name[6:-4]}]({name})\n" for name in pictures)
    literature = {task: load_task(task).part(PublishedResults) for task in dict.fromkeys(table["task"])}
    notes_of_tasks = "\n\n".join(dict.fromkeys(known.note for known in literature.values() if known is not None))
    published = [
        f"| {task.rsplit('/', 1)[-1]} | {result.method} | {result.metric} | {result.value:.2f} | {result.source} |"
        for task, known in literature.items()
        for result in (known.results if known is not None else ())
    ]
    made = sorted(
        {
            f"- commit `{made.commit.id}`{' (with local changes)' if made.commit.dirty else ''}, "
            f"{made.hardware.cpu} ({made.hardware.cores} cores), "
            f"torch {made.versions['torch']}, pymunk {made.versions['pymunk']}"
            for made in (record.provenance for record in records)
        }
    )
    return f"""# Leaderboard

Rendered by `dpbench compare` from `records/`, never edited by hand. One record is one evaluation, with every episode,
seeds, versions, commit and hardware.

{all_tables(table)}
![success, score and latency](table.png)
{modes}
## Published figures of the same tasks

{notes_of_tasks}

| task | method | which figure | value | source |
|---|---|---|---|---|
{chr(10).join(published)}

{order_agreement(table)}
{notes}
## Where the records come from

{chr(10).join(made)}
"""


def order_agreement(table: pd.DataFrame) -> str:
    """Which pairs of methods stand in the same order here and in the paper."""
    lines = []
    for task, rows in table[table["published_avg"].notna()].groupby("task", sort=False):
        # Of a policy with several budgets, the one with most training seeds stands for it, then the smallest.
        best = rows.assign(n_seeds=rows["training_seeds"].str.split().str.len())
        rows = best.sort_values(["n_seeds", "step"], ascending=[False, True]).drop_duplicates("policy")
        same: list[str] = []
        other: list[str] = []
        equal: list[str] = []
        for (_, first), (_, second) in itertools.combinations(rows.iterrows(), 2):
            ours, theirs = first["score"] - second["score"], first["published_avg"] - second["published_avg"]
            better, worse = (first, second) if theirs > 0 else (second, first)
            text = f"{better['policy']} over {worse['policy']} ({better['score']:.2f} and {worse['score']:.2f} here)"
            overlap = min(first["score_high"], second["score_high"]) > max(first["score_low"], second["score_low"])
            text += ", intervals overlap" if overlap else ""
            (equal if ours == 0 else same if ours * theirs > 0 else other).append(text)
        if same or other or equal:
            lines += [
                f"**{str(task).rsplit('/', 1)[-1]}**: of {len(same) + len(other) + len(equal)} pairs of published "
                f"methods {len(same)} stand in the paper's order.",
                "",
                *(f"- as in the paper: {text}" for text in same),
                *(f"- **other way round**: the paper has {text}" for text in other),
                *(f"- equal here: the paper has {text}" for text in equal),
                "",
            ]
    return "## Does our order agree with the paper's?\n\n" + "\n".join(lines) if lines else ""
