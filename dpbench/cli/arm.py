"""`dpbench arm`: check an arm, record demonstrations on it, run a policy on it; one file per action."""

from __future__ import annotations

import argparse
import sys

from dpbench.cli.actions import add_actions, run_action
from dpbench.cli.ending import INTERRUPTED, Terminated

ACTIONS = {
    "check": "check connection, latencies, limits, camera and emergency stop",
    "record": "record demonstrations by keyboard, SpaceMouse, hand guiding or a script",
    "run": "run a policy; report success, latencies and missed deadlines",
}
EXAMPLE = """examples:
  dpbench arm check --move
  dpbench arm record --operator keyboard
  dpbench arm run zoo/RealArm-v0/diffusion-cnn --episodes 5

Without --station or --driver the arm is the digital twin, a simulated arm in real time.
Each action has its own --help.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    add_actions(parser, "arm", ACTIONS)


def run(arguments: argparse.Namespace) -> int:
    """Run the action; the arm is stopped however it ends."""
    try:
        return run_action("arm", arguments)
    except Terminated:
        raise
    except KeyboardInterrupt:
        print("\ninterrupted: the arm has been stopped; recorded steps are on disk.", file=sys.stderr)
        return INTERRUPTED
