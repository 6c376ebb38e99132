"""Text from files and plug-ins as it may stand where people read it: one function a medium.

Names, notes and versions in a record or checkpoint are whatever its author wrote. In a terminal they could move the
cursor, in a page become links or HTML, in a spreadsheet formulas, in a picture broken mathematics, in a path other
folders.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    import pandas as pd

LONGEST_FILE_NAME = 80
"""Characters; several such parts and an ending still make a name that file systems take (255 bytes)."""

_MARKDOWN = re.compile(r"[\\`*|]|(?<!\w)_|_(?!\w)|\[(?![-\d])|\](?=[(\[:])|~(?=~)")
_ENTITIES = {"&": "&amp;", "<": "&lt;", "$": "&#36;"}
_LINKS = re.compile(r"(?<=\w):(?=//)|(?<=www)\.", re.IGNORECASE)
_NUMBERS = re.compile(r"[-+]?[\d.e][-+\d.e ]*")


def printable(text: object) -> str:
    """One line without control characters: those, and marks that turn the direction of writing, stand as escapes."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in str(text)
    )


def in_terminal(text: object) -> Text:
    """For rich: what looks like markup stays as it is."""
    return Text(printable(text))


def in_markdown(text: object) -> str:
    """Inside a paragraph, a heading or a cell of a table: no markup, no HTML, no link, no formula, no new line."""
    escaped = "".join(_ENTITIES.get(letter, letter) for letter in printable(text))
    linkless = _LINKS.sub(lambda found: f"&#{ord(found[0])};", escaped)
    return _MARKDOWN.sub(lambda found: f"\\{found[0]}", linkless)


def in_markdown_code(text: object) -> str:
    """Between backticks, outside of tables."""
    return printable(text).replace("`", "'")


def markdown_table(
    heads: Iterable[object], rows: Iterable[Sequence[object]], escape: Callable[[object], str] = in_markdown
) -> str:
    """A Markdown table.

    Args:
        heads: of the columns.
        rows: their cells.
        escape: of heads and cells; `str` for what is Markdown already.
    """
    first = [escape(head) for head in heads]
    lines = ["| " + " | ".join(first) + " |", "|" + "---|" * len(first)]
    return "\n".join([*lines, *("| " + " | ".join(map(escape, row)) + " |" for row in rows)])


def in_csv(text: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, "CSV Injection")."""
    plain = printable(text)
    return f"'{plain}" if plain[:1] in ("=", "+", "-", "@") and not _NUMBERS.fullmatch(plain) else plain


def csv_of(rows: pd.DataFrame) -> str:
    """A table as CSV, without an index."""
    texts = {
        name: [in_csv(value) if isinstance(value, str) else value for value in rows[name]]
        for name in rows
        if rows[name].dtype.kind not in "biuf"
    }
    content: str = rows.assign(**texts).rename(columns=in_csv).to_csv(index=False)
    return content


def in_figure(text: object) -> str:
    """For matplotlib: a dollar sign starts no formula, and an underscore hides no line from the legend."""
    shown = printable(text).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def in_file_name(text: str) -> str:
    """A part of a file's name: letters of any script, digits, `.`, `-` and `_`; the rest becomes `-`."""
    plain = re.sub(r"[^\w.-]", "-", text)[:LONGEST_FILE_NAME]
    return plain.lstrip(".") or "-"
