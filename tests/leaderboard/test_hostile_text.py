"""Text of a record, a policy or a task that means to harm, in every field that reaches a page, a table or a picture."""

from __future__ import annotations

import io
import re
import sys
import types
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from dpbench.comparison import delay_sweep
from dpbench.escaping import csv_of
from dpbench.leaderboard.columns import tables
from dpbench.leaderboard.frame import frame, read_frame
from dpbench.leaderboard.html.content import content
from dpbench.leaderboard.html.page import html
from dpbench.leaderboard.html.videos import Video
from dpbench.leaderboard.pages import pages
from dpbench.leaderboard.render import CSV, render
from dpbench.leaderboard.tables import print_one, print_table
from dpbench.metrics.statistics.intervals import Estimate
from dpbench.records import store
from dpbench.records.record import Record
from dpbench.registry import registry
from dpbench.spec import PublishedResult, PublishedResults, Stage
from dpbench.tasks import TaskEntry, load_task
from dpbench.training.model_card import model_card

from ..attack import HOSTILE_TEXTS, markup_in, plain

TASK = load_task("dpbench/PushTKeypoints-v0")
TEXTS = [text for text in HOSTILE_TEXTS if text != "\ud800"]  # no file can hold half of a surrogate pair


@pytest.fixture
def hostile_task(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a text into every field of a task that people read."""

    def change(text: str) -> None:
        module = types.ModuleType("hostile_part")
        results = (PublishedResult(text, text, 0.5, text), PublishedResult("bet", "success, max", 0.5, text))
        module.published = lambda _: PublishedResults(results)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "hostile_part", module)
        parts = {**TASK.parts, PublishedResults: "hostile_part:published"}
        spec = replace(TASK, success=text, family=text, stages=(Stage(text, 0.5, text),), parts=parts)
        entry: TaskEntry = registry("task").entry(TASK.id).target
        monkeypatch.setattr(entry.spec.replace(":", "."), spec)

    return change


FOLD = re.compile(
    r"<details><summary>Every two policies: the success of \d+ of \d+ pairs is told apart</summary>|^</details>$",
    re.MULTILINE,
)
"""The only markup of a page, which is ours: around the sentences of its pairs."""


def with_text(made: Record, text: str) -> Record:
    """A record with a text in every field that is text."""
    policy = made.policy.model_copy(update={"baseline": text, "preset": text})
    cell = made.cell.model_copy(update={"policy": policy, "starts": text})
    origin = made.provenance.model_copy(
        update={
            "versions": {"torch": text, "numpy": text, text: text},
            "commit": made.provenance.commit.model_copy(update={"id": text}),
            "hardware": made.provenance.hardware.model_copy(update={"cpu": text, "gpu": text, "platform": text}),
            "command": text,
        }
    )
    return made.model_copy(update={"cell": cell, "provenance": origin, "modes": (text, "b")[: 0 if not text else 2]})


def check_tables(page: str) -> None:
    """Every row of a table has as many cells as its head."""
    for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table


@pytest.fixture
def two(record: Callable[..., Record]) -> tuple[Record, Record]:
    columns = {"mode": ("b", "b")}

    def with_modes(made: Record) -> Record:
        episodes = type(made.episodes).model_validate({**made.episodes.columns(), **columns})
        summary = {**made.summary, "behaviour_entropy": Estimate(0.5, 0.4, 0.6)}
        return made.model_copy(update={"episodes": episodes, "modes": ("a", "b"), "summary": summary})

    return with_modes(record("bet", 42, 0.5)), with_modes(record("hold", None, 0.1))


@pytest.mark.parametrize("text", TEXTS)
def test_pages_and_tables_show_it_as_text(
    text: str, two: tuple[Record, Record], hostile_task: Callable[[str], None], tmp_path: Path
) -> None:
    hostile_task(text)
    made = (with_text(two[0], text), two[1])
    table = frame(made)
    for name, page in pages(table, made, tmp_path).items():
        assert Path(name).name == name
        assert plain(page)
        assert not markup_in(FOLD.sub("", page))
        check_tables(page)
    written = html(content(table, made, (Video(TASK.id.rpartition("/")[2], text, b""),)))
    assert written.count("</script") == 2, "the content, and our own script"
    assert "<" not in written.split('id="content">')[1].split("</script>")[0]
    assert plain(written)
    console = Console(file=(shown := io.StringIO()), width=250, force_terminal=True, color_system=None)
    print_table(table, console)
    print_one(table[:1], console)
    assert plain(shown.getvalue())
    assert max(len(columns) for columns in tables(table)) <= 10
    (tmp_path / CSV).write_text(csv_of(table))
    assert len(read_frame(tmp_path / CSV)) == 2


@pytest.mark.parametrize("text", ["$x_{$ [/] | <b> `", "../../\x1b[31m\u202e$"])
def test_pictures_are_drawn_and_nothing_is_written_elsewhere(
    text: str, two: tuple[Record, Record], hostile_task: Callable[[str], None], tmp_path: Path
) -> None:
    hostile_task(text)
    made, folder = (with_text(two[0], text), two[1]), tmp_path / "a/b/c"
    folder.mkdir(parents=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a letter that the font lacks
        render(made, folder)
    kept = store.add(folder / "records", made[0])
    rows = pd.DataFrame([{**delay_row(made[0]), "latency_steps": n_steps} for n_steps in (0, 1)])
    stem = delay_sweep.save(rows, {"rows": rows.to_dict("records")}, folder)
    assert not markup_in(stem.with_suffix(".md").read_text())
    check_tables(stem.with_suffix(".md").read_text())
    assert kept.policy.baseline == text
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.is_relative_to(folder) for path in written)
    assert {"figures", "records"} <= {path.parent.name for path in written}
    assert sum(path.suffix == ".png" for path in written) == 3


def delay_row(made: Record) -> dict[str, object]:
    """A row of a sweep over latencies."""
    figures = {f"{name}{end}": 0.5 for name in ("success", "score", "length") for end in ("", "_low", "_high")}
    names = {"task": made.cell.task, "policy": made.policy.baseline, "action": made.policy.baseline}
    return {**names, "latency_s": 0.1, "n_episodes": 2, "identity": "x", "commit": "=1+1", **figures}


@pytest.mark.parametrize("text", TEXTS)
def test_a_model_card_shows_it_as_text(text: str) -> None:
    described = {
        "baseline": "mlp-bc", "preset": "small", "task": TASK.id, "seed": 0, "step": 5, "config": {"width": 16},
        "training": {"n_steps": 5}, "n_parameters": 5, "precision": text, "stored_precision": text, "compile": False,
        "versions": {text: text}, "commit": text,
        "data": {"fingerprint": text, "train_windows": 1, "val_windows": 1, "store": text},
    }  # fmt: skip
    card = model_card(described, "x")
    assert plain(card)
    shown = "\n".join(line for line in card.splitlines() if not line.startswith("    "))
    assert not markup_in(shown)
    check_tables(card)
