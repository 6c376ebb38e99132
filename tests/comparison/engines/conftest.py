"""What the tests of engines share."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from dpbench.errors import DpbenchError

os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # read when Ray is imported: all on the loopback
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"


def one_line(work: Callable[[], object]) -> str:
    with pytest.raises(DpbenchError) as caught:
        work()
    line = str(caught.value)
    assert line.isprintable()
    return line


@pytest.fixture
def refusal() -> Callable[[Callable[[], object]], str]:
    """The one line with which something is refused."""
    return one_line
