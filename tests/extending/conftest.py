"""Distributions for one test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .strangers import Strangers, installed


@pytest.fixture
def strangers(tmp_path: Path) -> Iterator[Strangers]:
    """A place for throw-away distributions."""
    with installed(tmp_path) as place:
        yield place
