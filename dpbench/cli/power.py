"""`dpbench power`: before a run, how many starts tell two policies apart."""

from __future__ import annotations

import argparse
from typing import Any

from dpbench.cli import kinds
from dpbench.cli.json_output import json_text
from dpbench.errors import ConfigError

EXAMPLE = """examples:
  dpbench power                                        success of 0.50 against 0.55
  dpbench power --base 0.8 --difference 0.1
  dpbench power --difference 0.1 --correlation 0.3     both succeed on the easy starts
  dpbench power --difference 0.1 --comparisons 45      every pair of ten policies, with Holm's correction
  dpbench power --base 0.8 --json

Both policies run the same starts, once each, and are compared by McNemar's exact test. The correlation is that of their
successes over starts. It shortens the run; with 0, the answer is on the safe side.
"""
OTHERS = (0.02, 0.05, 0.1, 0.2, 0.3)
"""Differences that are told beside the one that is asked for."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument(
        "--difference", type=kinds.number(0.005, 1), default=0.05, help="of the two success rates (default 0.05)"
    )
    parser.add_argument(
        "--base", type=kinds.number(0, 1), default=0.5, help="success rate of the weaker policy (default 0.5)"
    )
    parser.add_argument(
        "--power", type=kinds.number(0.05, 0.999), default=0.8, help="chance to find the difference (default 0.8)"
    )
    parser.add_argument(
        "--alpha", type=kinds.number(1e-6, 0.5), default=0.05, help="chance of a false alarm (default 0.05)"
    )
    parser.add_argument(
        "--correlation",
        type=kinds.number(-1, 1),
        default=0.0,
        help="of the two policies' successes over starts (default 0)",
    )
    parser.add_argument(
        "--comparisons",
        type=kinds.count,
        default=1,
        help="pairs that are tested together, with Holm's correction (default 1)",
    )
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Compute and print the number of starts."""
    asked = _answer(arguments, arguments.difference)
    others = [found for other in OTHERS if (found := _answer_or_none(arguments, other)) is not None]
    if arguments.json:
        print(json_text({**asked, "other_differences": others}))
        return 0
    level = f"{arguments.alpha:g}"
    if arguments.comparisons > 1:
        level += f" for {arguments.comparisons:,} comparisons together"
    print(
        f"{asked['starts']:,} starts: success of {arguments.base:g} and {arguments.base + arguments.difference:g} is "
        f"told apart with a power of {asked['power']:.2f} (McNemar's exact test, level {level}).\n"
        f"About {asked['starts'] * asked['discordant_share']:,.0f} of them end differently for the two policies; the "
        "others say nothing about which is better."
    )
    print("\ndifference  starts")
    for other in others:
        print(f"{other['difference']:<10g}  {other['starts']:,}")
    return 0


def _answer(arguments: argparse.Namespace, difference: float) -> dict[str, Any]:
    """The number of starts, and what it was computed from."""
    from dpbench.metrics.statistics.power import discordance, power, starts_for

    pairs = discordance(arguments.base, difference, arguments.correlation)
    level = arguments.alpha / arguments.comparisons
    starts = starts_for(pairs, arguments.power, level)
    return {
        "starts": starts,
        "difference": difference,
        "base": arguments.base,
        "correlation": arguments.correlation,
        "discordant_share": pairs.share,
        "alpha": arguments.alpha,
        "comparisons": arguments.comparisons,
        "wanted_power": arguments.power,
        "power": power(starts, pairs, level),
    }


def _answer_or_none(arguments: argparse.Namespace, difference: float) -> dict[str, Any] | None:
    """None for a difference that such policies cannot have."""
    try:
        return _answer(arguments, difference)
    except ConfigError:
        return None
