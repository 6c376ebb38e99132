"""Text of strangers changes nothing where people read it: terminal, Markdown, CSV, pictures, file names."""

from __future__ import annotations

import csv
import io
import re
import warnings
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from rich.console import Console

from dpbench import cli
from dpbench.cli.findings import print_findings
from dpbench.errors import DataError
from dpbench.escaping import (
    csv_of,
    in_csv,
    in_figure,
    in_file_name,
    in_markdown,
    in_markdown_code,
    in_terminal,
    markdown_table,
)
from dpbench.findings import Finding

from .attack import HOSTILE_TEXTS, markup_in, plain


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_each_medium_shows_text_as_text(text: str) -> None:
    console = Console(file=(shown := io.StringIO()), width=300, force_terminal=True, color_system=None)
    console.print(in_terminal(text))
    assert plain(shown.getvalue())
    assert "\x1b" not in shown.getvalue()
    assert not markup_in(in_markdown(text))
    assert "`" not in in_markdown_code(text)
    table = markdown_table([text, "b"], [[text, 1]]).splitlines()
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in table] == [3, 3, 3]
    name = in_file_name(text)
    assert Path(name).name == name
    assert not name.startswith(".")
    assert len(name) <= 80


@given(st.text() | st.sampled_from(HOSTILE_TEXTS).flatmap(lambda one: st.text().map(lambda more: one + more)))
@settings(derandomize=True, max_examples=1000, deadline=None, database=None)
def test_any_text_stays_text(text: str) -> None:
    for escape in (in_markdown, in_markdown_code, in_csv, in_figure):
        assert escape(text).isprintable()
    assert not re.search(r"<|(?<!\\)(\\\\)*[`|*]", in_markdown(text))
    assert not re.match(r"[=+@]|-[^-+\d.e ]", in_csv(text)) or re.fullmatch(r"[-+\d.e ]+", in_csv(text))
    assert re.fullmatch(r"[\w-][\w.-]{0,79}", in_file_name(text))
    assert in_figure(text).count("$") == in_figure(text).count(r"\$")


def test_ordinary_text_is_left_as_it_is() -> None:
    for text in ("mlp-bc", "0.52 [0.33, 0.71]", "x86_64", "Xeon(R) @ 2.20GHz", "torch 2.13.0+cpu", "ddim 10"):
        assert in_markdown(text) == in_csv(text) == in_figure(text) == text
    assert in_csv("-0.5 0.25") == "-0.5 0.25", "numbers are no formula"
    assert in_file_name("Avoid-v0") == "Avoid-v0"


def test_a_table_as_csv_holds_no_formula() -> None:
    rows = pd.DataFrame(
        {
            "policy": list(HOSTILE_TEXTS),
            "score": [-0.5] * len(HOSTILE_TEXTS),
            "=x": [None] * len(HOSTILE_TEXTS),
        }
    )
    cells = list(csv.reader(io.StringIO(csv_of(rows))))
    assert len(cells) == len(HOSTILE_TEXTS) + 1
    assert {cell[0] for row in cells for cell in row if cell} & set("=+@") == set()
    assert {cell for row in cells for cell in row if cell.startswith("-")} == {"-0.5", "-2+3"}


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_a_picture_can_be_drawn_with_any_text(text: str) -> None:
    figure = Figure()
    axis = figure.subplots()
    axis.plot([0, 1], label=in_figure(text))
    axis.set_title(in_figure(text))
    axis.legend()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a letter that the font lacks
        figure.savefig(io.BytesIO(), format="png")


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_findings_and_errors_print_as_text(
    text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = Finding(text or "x", False, text, advice=text)
    console = Console(file=(shown := io.StringIO()), width=300, force_terminal=True, color_system=None)
    assert print_findings([finding], text, console) == 1
    assert plain(shown.getvalue())

    def fail(_: object) -> None:
        raise DataError(text)

    monkeypatch.setattr("dpbench.cli.tasks.run", fail)
    assert cli.main(["tasks"]) == 2
    assert plain(capsys.readouterr().err)
