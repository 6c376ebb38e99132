"""`--fail-below` and `--against`: an evaluation as a regression gate."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from dpbench.cli import kinds
from dpbench.escaping import printable

if TYPE_CHECKING:
    from dpbench.comparison.cells import ResolvedCell
    from dpbench.records.record import Record


def add_gate_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what an evaluation must reach."""
    parser.add_argument(
        "--fail-below",
        action="append",
        type=kinds.key_value,
        default=[],
        metavar="METRIC=VALUE",
        help="exit status 1 when the metric is below the value, such as success=0.8; repeatable",
    )
    parser.add_argument(
        "--against",
        type=kinds.path,
        metavar="RECORD",
        help="exit status 1 when success or score is worse than an earlier record's, by a paired test on its starts",
    )


def gate_of(arguments: argparse.Namespace, cell: ResolvedCell) -> Callable[[Record], int]:
    """What tells, on stderr, how a record comes through the gate, and gives the exit status.

    Raises:
        ConfigError: for a metric that the task does not have, or an earlier record from other starts.
        DataError: for an earlier record that cannot be read.
    """
    from dpbench.comparison.gate import against, at_least, bounds, check_comparable
    from dpbench.records.reading import read

    lowest = bounds(tuple(arguments.fail_below), cell.task)
    earlier = read(arguments.against) if arguments.against else None
    if earlier is not None:
        check_comparable(cell, earlier)

    def judge(record: Record) -> int:
        judged = [*at_least(record, lowest), *([against(record, earlier)] if earlier is not None else [])]
        for one in judged:
            print(printable(f"{'pass' if one.passed else 'fail'}: {one.why}"), file=sys.stderr)
        return 0 if all(one.passed for one in judged) else 1

    return judge
