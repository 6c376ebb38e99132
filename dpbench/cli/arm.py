"""`dpbench arm`: check an arm, record demonstrations on it, run a policy on it; one file an action."""

from __future__ import annotations

import argparse
from importlib import import_module

ACTIONS = {
    "check": "is this arm fit to be run? connection, latencies, limits, camera",
    "record": "record demonstrations with a keyboard, a SpaceMouse, by hand or by a script",
    "run": "run a policy and report success, latencies and missed deadlines",
}
EXAMPLE = """examples:
  dpbench arm check --move
  dpbench arm record --operator keyboard
  dpbench arm run zoo/RealArm-v0/diffusion-cnn --episodes 5

Without --station or --driver the arm is its own twin in simulation, in real time.
Each action has its own --help.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, summary in ACTIONS.items():
        action = actions.add_parser(
            name, help=summary, description=summary, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        import_module(f"dpbench.cli.arm_actions.{name}").add_arguments(action)


def run(arguments: argparse.Namespace) -> int:
    """Do it."""
    status: int = import_module(f"dpbench.cli.arm_actions.{arguments.action}").run(arguments)
    return status
