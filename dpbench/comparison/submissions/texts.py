"""Names and texts of a record from elsewhere: what could pass for markup, or act on a terminal, is refused.

Pages and tables escape what they show (`dpbench.escaping`); a record that needs it was not written by dpbench.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from dpbench.errors import shown
from dpbench.escaping import printable
from dpbench.plugins.names import PLAIN
from dpbench.records.record import Record

LONGEST = 1000
"""Characters of a text; the longest is the command."""
MARKUP = re.compile(r"[<>`$]|&#?\w+;|\*\*|~~|\]\(|\[/|://|javascript:|\bwww\.", re.IGNORECASE)
PRESET = re.compile(rf"{PLAIN.pattern}\*?", re.ASCII)
"""A star marks fields that were set by hand."""
KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,79}", re.ASCII)
COMMIT = re.compile(r"[0-9a-f]{7,64}")
SHA256 = re.compile(r"[0-9a-f]{64}")


def objections_to_texts(record: Record) -> Iterator[str]:
    """What no name or text of a record may be, one sentence each."""
    policy, made = record.policy, (record.provenance, record.episodes_provenance)
    commits = [one.commit.id for one in made if one is not None]
    for place, text, pattern, expected in (
        ("cell.policy.baseline", policy.baseline, PLAIN, "letters, digits and . _ -, at most 80"),
        ("cell.policy.preset", policy.preset, PRESET, "letters, digits and . _ -, at most 80"),
        ("cell.policy.checkpoint_sha256", policy.checkpoint_sha256, SHA256, "a SHA-256"),
        *(("provenance.commit.id", commit, COMMIT, "a commit's hash") for commit in commits),
    ):
        if text is not None and not pattern.fullmatch(text):
            yield f"{place} = {shown(text)}: expected {expected}"
    for place, text in _texts(record.as_json(), ()):
        if not text.isprintable():
            yield f"{place} = {shown(text)} holds control characters"
        elif found := MARKUP.search(text):
            yield f"{place} = {shown(text)} holds markup ({shown(found[0])})"
        elif len(text) > LONGEST:
            yield f"{place} has {len(text):,} characters, expected at most {LONGEST:,}"
    for place, key in _keys(record.as_json(), ()):
        if not KEY.fullmatch(key):
            yield f"{place} has a field {shown(key)}: expected letters, digits and . _ -, at most 80"


def _texts(value: Any, place: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Every text of a JSON value, with its place."""
    if isinstance(value, str):
        yield ".".join(place), value
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part, place)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _texts(part, (*place, printable(key)[:80]))


def _keys(value: Any, place: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Every name of a field, with the place of the object that has it."""
    if isinstance(value, list):
        for part in value:
            yield from _keys(part, place)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield ".".join(place) or "the record", key
            yield from _keys(part, (*place, printable(key)[:80]))
