"""The leaderboard's pages: an index with a small table a family of tasks, and a page a family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dpbench.errors import DataError
from dpbench.escaping import LONGEST_FILE_NAME, in_file_name, in_markdown, in_markdown_code
from dpbench.files.reading import Kind, read_text
from dpbench.leaderboard.across import PROFILES, across, across_tasks
from dpbench.leaderboard.columns import legend, same_as_success, tables
from dpbench.leaderboard.last_checkpoints import checkpoints_section
from dpbench.leaderboard.literature import order_agreement, published_results
from dpbench.leaderboard.modes_figure import with_modes
from dpbench.leaderboard.origin import origins
from dpbench.leaderboard.overview import RULE, small_columns, small_table
from dpbench.leaderboard.pair_section import pair_sentences
from dpbench.leaderboard.real_time_figure import with_real_time
from dpbench.leaderboard.tables import as_text, by_task, markdown
from dpbench.records.record import Record
from dpbench.spec import TaskSpec
from dpbench.tasks import load_task

INDEX = "README.md"
FIGURES, PICTURES, NOTES = "figures", "pictures", "notes"
"""Folders beside the pages: drawn from the records; rendered from the tasks; written by people, a file a page."""
OLD = (
    "These tasks have a newer version, which is another task: their figures are kept, and are not to be compared with "
    "those of the newer version."
)
NO_RECORD = "There is no record of it yet; those of the version before stand at the end of this page."
NOTE = Kind(DataError, "write it again as text in UTF-8", limit_bytes=2**20)
WRITTEN = "Written by `dpbench leaderboard render` from `records/`, never edited by hand."


@dataclass(frozen=True)
class Family:
    """Tasks that share a page.

    Attributes:
        title: of the page.
        table: their rows.
        records: that the rows were made of, and those of the last checkpoints of trainings.
    """

    title: str
    table: pd.DataFrame
    records: tuple[Record, ...]

    @property
    def file(self) -> str:
        """Name of its page: the letters and digits of the title, in lower case."""
        return f"{''.join(letter for letter in self.title.lower() if letter.isalnum())[:LONGEST_FILE_NAME] or '-'}.md"

    @property
    def current(self) -> pd.DataFrame:
        """Rows of tasks that no newer version takes the place of."""
        return self.table[~self.table["task"].map(is_superseded)].reset_index(drop=True)

    @property
    def superseded(self) -> pd.DataFrame:
        """The other rows."""
        return self.table[self.table["task"].map(is_superseded)].reset_index(drop=True)


def families(table: pd.DataFrame, records: Sequence[Record]) -> tuple[Family, ...]:
    """The families of a table, in its order."""
    titles = {task: title_of(task) for task in dict.fromkeys(table["task"])}
    shown = {part for identity in table["identity"] for part in identity.split()}
    return tuple(
        Family(
            title,
            table[table["task"].map(titles) == title].reset_index(drop=True),
            tuple(
                one
                for one in records
                if titles.get(one.cell.task) == title and (one.identity[:12] in shown or one.policy.run_steps)
            ),
        )
        for title in dict.fromkeys(titles.values())
    )


def pages(table: pd.DataFrame, records: Sequence[Record], folder: Path) -> Mapping[str, str]:
    """The text of every page by its file name.

    Args:
        table: the rows of all tasks.
        records: that the rows were made of.
        folder: of the pages; the notes of people are read there.

    Raises:
        DataError: for families whose pages would have one name.
    """
    found = families(table, records)
    files = [INDEX.lower(), *(family.file for family in found)]
    if double := [name for name in files if files.count(name) > 1]:
        raise DataError(f"two families of tasks would be written to {double[0]}; give one of them another name.")
    overall = across_tasks(across(table, records), f"{FIGURES}/{PROFILES}")
    return {INDEX: _index(found, overall, folder), **{family.file: _page(family, folder) for family in found}}


def is_superseded(task_id: str) -> bool:
    """Whether a newer version takes the task's place."""
    return bool(load_task(task_id).superseded_by)


def title_of(task_id: str) -> str:
    """The title of the page that a task stands on."""
    return load_task(task_id).family or short(task_id)


def short(task_id: str) -> str:
    """A task's id without its namespace."""
    return task_id.rsplit("/", 1)[-1]


def picture_name(task_id: str) -> str:
    """The name of a task's pictures, without an ending."""
    return in_file_name(short(task_id))


def _index(found: Sequence[Family], overall: str, folder: Path) -> str:
    with_old = [family for family in found if len(family.superseded)]
    shown = [part for family in found for part in (family.current, family.superseded) if len(part)]
    explained = [column for part in shown for column in small_columns(part)]
    parts = [
        "# Leaderboard",
        f"{WRITTEN} A record is one evaluation, with every episode, seeds, versions, commit and machine. Each family "
        "of tasks has a page with more columns, figures, published results and notes; all numbers are in "
        "[table.csv](table.csv).",
        *(f"## {_link(family)}\n\n{small_table(family.current)}" for family in found if len(family.current)),
        overall,
        f"## Columns\n\n{legend(explained)}\n\n{RULE}",
        _notes(folder, INDEX),
        *_superseded([f"### {_link(family)}\n\n{small_table(family.superseded)}" for family in with_old]),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _page(family: Family, folder: Path) -> str:
    explained = [column for _, part in by_task(family.table) for columns in tables(part) for column in columns]
    parts = [
        f"# {in_markdown(family.title)}",
        f"{WRITTEN} [All tasks]({INDEX}); all numbers: [table.csv](table.csv).",
        *(_section(task, part, family, folder) for task, part in by_task(family.current)),
        *_awaited(family, folder),
        f"## Columns\n\n{legend(explained)}",
        published_results(family.table),
        checkpoints_section(family.records),
        order_agreement(family.table, family.records),
        _notes(folder, family.file),
        origins(family.records),
        *_superseded([f"#{_section(task, part, family, folder)}" for task, part in by_task(family.superseded)]),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _link(family: Family) -> str:
    return f"[{in_markdown(family.title)}]({family.file})"


def _superseded(sections: Sequence[str]) -> Sequence[str]:
    """The last section of a page: records of tasks that have a newer version; empty where there are none."""
    return ("## Superseded", OLD, *sections) if sections else ()


def _awaited(family: Family, folder: Path) -> Sequence[str]:
    """Newer versions that have no record yet, and what their success will be read against."""
    known = set(family.table["task"])
    newer = (load_task(load_task(old).superseded_by) for old in dict.fromkeys(family.superseded["task"]))
    return [
        "\n\n".join(
            filter(
                None,
                (
                    f"## {in_markdown(short(task.id))}",
                    _picture(in_markdown(short(task.id)), picture_name(task.id), folder),
                    NO_RECORD,
                    floor_and_ceiling(task),
                ),
            )
        )
        for task in newer
        if task.id not in known
    ]


def _section(task_id: str, part: pd.DataFrame, family: Family, folder: Path) -> str:
    """One task: its picture, what it asks for, its tables and its figures."""
    task, name, picture, row = load_task(task_id), in_markdown(short(task_id)), picture_name(task_id), part.iloc[0]
    first, second = tables(part)
    same = " Success is the only reward: the score is the success rate." if same_as_success(part) else ""
    newer = f"Superseded by `{in_markdown_code(task.superseded_by)}`. " if task.superseded_by else ""
    facts = (
        f"{newer}Success: {in_markdown(task.success)}. {task.rate_hz:g} control steps a second, at most "
        f"{task.max_episode_steps} an episode. Evaluated from {row['n_starts']} start states "
        f"(`{in_markdown_code(row['starts'])}`).{same}"
    )
    parts = [
        f"## {name}",
        _picture(name, picture, folder),
        facts,
        floor_and_ceiling(task) if row["starts"] == task.starts().name else "",
        markdown(as_text(part, first)),
        f"![Policies on {name}]({FIGURES}/{picture}.png)",
        f"More about the same policies:\n\n{markdown(as_text(part, second))}" if second else "",
        f"![Modes on {name}]({FIGURES}/{picture}-modes.png)" if len(with_modes(part)) else "",
        f"![{name} in real time]({FIGURES}/{picture}-real-time.png)" if len(with_real_time(part)) else "",
        "" if task.superseded_by else pair_sentences(part, family.records),
    ]
    return "\n\n".join(filter(None, parts))


def floor_and_ceiling(task: TaskSpec) -> str:
    """What policies that know nothing reach from the first protocol, and the script; empty where neither is known."""
    parts = []
    if (floor := task.floor) is not None:
        blind = "" if floor.replayed is None else f", {floor.replayed:.2f} by a demonstration that is replayed blindly"
        reason = f": {in_markdown(floor.reason)}" if floor.reason else ""
        parts.append(f"**Floor** (success): {floor.success:.2f} by held actions and noise{blind}{reason}.")
    if (ceiling := task.ceiling) is not None:
        parts.append(f"**Ceiling**: {ceiling.success:.2f} by the task's script, in {ceiling.steps:.0f} steps.")
    return " ".join(parts)


def _picture(name: str, picture: str, folder: Path) -> str:
    """The picture of a task, beside the pages or one folder up; empty where there is none."""
    for place in (f"{PICTURES}/{picture}.png", f"../{PICTURES}/{picture}.png"):
        if (folder / place).exists():
            return f"![{name}]({place})"
    return ""


def _notes(folder: Path, page: str) -> str:
    path = folder / NOTES / page
    return read_text(path, NOTE).strip() if path.exists() else ""
