"""`dpbench arm`: check an arm, record demonstrations on it, run a policy on it; one file an action."""

from __future__ import annotations

import argparse
import signal
import sys
from importlib import import_module
from typing import NoReturn

from dpbench.errors import ArmFaultError

ACTIONS = {
    "check": "is this arm fit to be run? connection, latencies, limits, camera",
    "record": "record demonstrations with a keyboard, a SpaceMouse, by hand or by a script",
    "run": "run a policy and report success, latencies and missed deadlines",
}
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""
ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""By themselves they would end the process at once, with the arm on its way."""
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
    """Do it.

    Raises:
        SystemExit: when the process is told to end: the arm is stopped on the way, and the terminal put in order.
        ArmFaultError: for what the system says of a device or a file.
    """
    # What is ignored stays so: a session under nohup goes on.
    heard = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _end) for number in heard}
    try:
        status: int = import_module(f"dpbench.cli.arm_actions.{arguments.action}").run(arguments)
    except OSError as error:
        raise ArmFaultError(str(error)) from error
    except KeyboardInterrupt:
        print("\ninterrupted: the arm was stopped; what was recorded is on disk.", file=sys.stderr)
        return INTERRUPTED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return status


def _end(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)
