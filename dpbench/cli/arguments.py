"""Arguments that several commands have in common, and how their texts are read."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from dpbench.errors import ConfigError

SHORTHANDS = ("sampler", "steps", "eta")
"""Options of methods that can be written without `--option`."""
TASK = "task id, in full or short, in any case; `dpbench tasks` lists them"


def add_evaluation_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how much is evaluated, and with what."""
    parser.add_argument("--episodes", type=int, help="number of start states (default: all of the protocol)")
    parser.add_argument(
        "--sampler-seeds", default="0", help="comma-separated; each start state is run once with each (default 0)"
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one per CPU core)"
    )
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")


def add_sampling_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is chosen at inference time."""
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="how the method samples; repeatable (dpbench baselines show NAME lists its options)",
    )
    for key in SHORTHANDS:
        parser.add_argument(f"--{key}", metavar="VALUE", help=f"the same as --option {key}=VALUE")
    parser.add_argument(
        "--temporal-ensemble",
        metavar="DECAY",
        help="predict a chunk at every step and average the overlapping ones (Zhao et al. 2023: 0.01)",
    )
    parser.add_argument(
        "--latency-steps", metavar="N", help="act on observations N control steps old; N actions of each chunk are lost"
    )


def sampling_options(arguments: argparse.Namespace) -> dict[str, str]:
    """The inference-time choices of a command line.

    Raises:
        ConfigError: for an --option that is not KEY=VALUE.
    """
    named = (*SHORTHANDS, "temporal_ensemble", "latency_steps")
    options = {key: value for key in named if (value := getattr(arguments, key)) is not None}
    return {**options, **key_values(arguments.option)}


def key_values(texts: Sequence[str]) -> dict[str, str]:
    """`["key=value"]` as a mapping.

    Raises:
        ConfigError: for a text without an equals sign.
    """
    options = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--option {text!r}: expected KEY=VALUE, such as temperature=1.")
        options[key] = value
    return options


def sampler_seeds(text: str) -> tuple[int, ...]:
    """`"0,1,2"` as numbers.

    Raises:
        ConfigError: for anything else.
    """
    seeds = names(text)
    if not seeds or not all(part.isdecimal() for part in seeds):
        raise ConfigError(f"--sampler-seeds {text!r}: expected whole numbers with commas between, such as 0,1,2.")
    return tuple(int(part) for part in seeds)


def names(text: str | None) -> tuple[str, ...]:
    """`"a, b"` as names; none for no text."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())
