"""Arguments that several commands have in common, and rules between arguments."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from dpbench.cli import kinds
from dpbench.cli.parser import given
from dpbench.errors import ConfigError, shown

SHORTHANDS = ("sampler", "steps", "eta")
"""Options of methods that can be written without `--option`."""
TASK = "task id, in full or short, in any case; `dpbench tasks` lists them"


def add_device_argument(parser: argparse.ArgumentParser) -> None:
    """Declare where a policy computes."""
    parser.add_argument("--device", type=kinds.device, default="cpu", help="cpu (default), cuda, cuda:1, mps")


def add_set_argument(parser: argparse.ArgumentParser) -> None:
    """Declare how fields of a preset are set."""
    parser.add_argument(
        "--set",
        action="append",
        type=kinds.key_value,
        default=[],
        metavar="FIELD=VALUE",
        help="set a field of the preset; repeatable",
    )


def add_workers_argument(parser: argparse.ArgumentParser) -> None:
    """Declare the number of processes."""
    parser.add_argument(
        "--workers", type=kinds.n_processes, default=os.cpu_count() or 1, help="processes (default: one per CPU core)"
    )


def add_evaluation_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how much is evaluated, and with what."""
    add_amount_arguments(parser)
    add_workers_argument(parser)
    add_device_argument(parser)


def add_amount_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how many episodes an evaluation has."""
    parser.add_argument("--episodes", type=kinds.count, help="number of start states (default: all of the protocol)")
    parser.add_argument(
        "--sampler-seeds",
        type=kinds.seeds,
        default="0",
        help="comma-separated; each start state is run once with each (default 0)",
    )


def add_sampling_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is chosen at inference time."""
    parser.add_argument(
        "--option",
        action="append",
        type=kinds.key_value,
        default=[],
        metavar="KEY=VALUE",
        help="how the method samples; repeatable (dpbench baselines show NAME lists its options)",
    )
    for key in SHORTHANDS:
        parser.add_argument(f"--{key}", type=kinds.name, metavar="VALUE", help=f"the same as --option {key}=VALUE")
    parser.add_argument(
        "--temporal-ensemble",
        type=kinds.as_text(kinds.number(0, 1e6)),
        metavar="DECAY",
        help="predict a chunk at every step and average the overlapping ones (Zhao et al. 2023: 0.01)",
    )
    parser.add_argument(
        "--latency-steps",
        type=kinds.as_text(kinds.whole(0)),
        metavar="N",
        help="act on observations N control steps old; N actions of each chunk are lost",
    )


def sampling_options(arguments: argparse.Namespace) -> dict[str, str]:
    """The inference-time choices of a command line.

    Raises:
        ConfigError: for a choice that is made twice.
    """
    chosen = (*SHORTHANDS, "temporal_ensemble", "latency_steps")
    named = {key: value for key in chosen if (value := getattr(arguments, key)) is not None}
    return joined(named, arguments.option)


def joined(named: dict[str, str], texts: Sequence[str]) -> dict[str, str]:
    """Options that have a name of their own, and those of `--option KEY=VALUE`.

    Raises:
        ConfigError: for an option that is given twice.
    """
    options = dict(named)
    for text in texts:
        key, _, value = text.partition("=")
        if key in options:
            raise ConfigError(f"the option {shown(key)} is there twice: leave one of them out.")
        options[key] = value
    return options


def not_both(arguments: argparse.Namespace, first: str, second: str) -> None:
    """Refuse two options of which the second would count for nothing.

    Raises:
        ConfigError: when both are given.
    """
    if {_name(first), _name(second)} <= given(arguments):
        raise ConfigError(f"{second} does nothing beside {first}: leave one of them out.")


def only_with(arguments: argparse.Namespace, condition: bool, why: str, *options: str) -> None:
    """Refuse options that would count for nothing.

    Args:
        arguments: of the command line.
        condition: whether they count.
        why: what they need, such as `"--success"`.
        *options: as they are typed.

    Raises:
        ConfigError: when one is given and does not count.
    """
    if not condition and (option := _given(arguments, options)) is not None:
        raise ConfigError(f"{option} does nothing without {why}: leave it out.")


def not_beside(arguments: argparse.Namespace, condition: bool, what: str, *options: str) -> None:
    """Refuse options that would count for nothing beside another one; arguments as for `only_with`.

    Raises:
        ConfigError: when one is given beside it.
    """
    if condition and (option := _given(arguments, options)) is not None:
        raise ConfigError(f"{option} does nothing beside {what}: leave it out.")


def _given(arguments: argparse.Namespace, options: Sequence[str]) -> str | None:
    """The first of the options that the command line has; flags, which take no value, among them."""
    there = given(arguments)
    return next((one for one in options if _name(one) in there or getattr(arguments, _name(one)) is True), None)


def _name(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")
