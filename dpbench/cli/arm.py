"""`dpbench arm`: check an arm, record demonstrations on it, run a policy on it; one file per action."""

from __future__ import annotations

import argparse
import signal
import sys
from importlib import import_module
from typing import NoReturn

from dpbench.errors import ArmFaultError

ACTIONS = {
    "check": "check connection, latencies, limits, camera and emergency stop",
    "record": "record demonstrations by keyboard, SpaceMouse, hand guiding or a script",
    "run": "run a policy; report success, latencies and missed deadlines",
}
INTERRUPTED = 130
"""Exit status after Ctrl-C, as in shells."""
TERMINATING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""By default these end the process at once, while the arm is still moving."""
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
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, summary in ACTIONS.items():
        action = actions.add_parser(name, help=summary, description=summary)
        import_module(f"dpbench.cli.arm_actions.{name}").add_arguments(action)


def run(arguments: argparse.Namespace) -> int:
    """Run the action.

    Raises:
        SystemExit: when the process is told to terminate; the arm is stopped and the terminal restored first.
        ArmFaultError: for an error of the operating system about a device or a file.
    """
    # Signals that are ignored stay ignored, so that a session under nohup continues.
    handled = [number for number in TERMINATING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _terminate) for number in handled}
    try:
        status: int = import_module(f"dpbench.cli.arm_actions.{arguments.action}").run(arguments)
    except OSError as error:
        raise ArmFaultError(str(error)) from error
    except KeyboardInterrupt:
        print("\ninterrupted: the arm has been stopped; recorded steps are on disk.", file=sys.stderr)
        return INTERRUPTED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return status


def _terminate(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)
