"""`dpbench arm record`: demonstrations by keyboard, SpaceMouse, hand guiding or a script, into the task's store."""

from __future__ import annotations

import argparse
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from dpbench.cli import kinds
from dpbench.cli.arguments import not_both
from dpbench.cli.arm_actions.station_arguments import (
    add_session_arguments,
    add_station_arguments,
    open_env,
    station_settings,
    task_of,
)
from dpbench.cli.json_output import json_text
from dpbench.errors import ConfigError
from dpbench.files.locks import working_on

if TYPE_CHECKING:
    from dpbench.arms.recording.goal_sources import GoalSource
    from dpbench.arms.station import Station
    from dpbench.spec import TaskSpec

OPERATORS = ("keyboard", "spacemouse", "hand", "script")
EXAMPLE = """examples:
  dpbench arm record                                       the digital twin, with the keyboard
  dpbench arm record --operator spacemouse --station station.toml
  dpbench arm record --operator hand --driver ur-rtde --driver-option address=192.168.0.10 --camera opencv
  dpbench arm record --operator script --episodes 20 --view none

Keys: c starts an episode, s saves it, d discards it, the space bar stops the arm at once, f resets a fault, q quits.
Arrows move the tool along x and y, u and j up and down. An episode is also saved when the task is solved.
Every step is written to disk at once: after a fault or a crash the next session finds the unfinished episode and asks
whether to save or discard it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    add_station_arguments(parser)
    add_session_arguments(parser)
    parser.add_argument("--operator", choices=OPERATORS, default="keyboard", help="what moves the arm (keyboard)")
    parser.add_argument("--episodes", type=kinds.count, help="stop after this many saved ones (default: on quit)")
    parser.add_argument("--out", type=kinds.new_folder, help="store (default: that of the task, DATA_ROOT/NAME.zarr)")
    parser.add_argument("--data-dir", type=kinds.data_dir, help="data root (default $DPBENCH_DATA, else ./data)")
    parser.add_argument("--json", action="store_true", help="print a summary as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Record."""
    from dpbench.arms.recording.journal import Journal
    from dpbench.arms.recording.recording_session import RecordingPlan, RecordingSession
    from dpbench.arms.station import station_of
    from dpbench.arms.teleoperation.interface import operator_interface, say
    from dpbench.data.episodes import store_name
    from dpbench.data.root import data_root
    from dpbench.provenance import provenance
    from dpbench.tasks import load_task

    not_both(arguments, "--out", "--data-dir")
    if arguments.operator != "script" and arguments.view == "none":
        raise ConfigError("--view none has no keys, so that no episode could be started: use --operator script.")
    settings = station_settings(arguments)
    task = load_task(task_of(arguments, settings))
    path = arguments.out or data_root(arguments.data_dir) / f"{store_name(task)}.zarr"
    attributes = {
        "task": task.id,
        "source": f"recorded on {settings.get('driver', 'sim')} by {arguments.operator}",
        "provenance": provenance(),
    }
    plan = RecordingPlan(arguments.seed or 0, arguments.episodes, unattended=arguments.operator == "script")
    with ExitStack() as stack:
        stack.enter_context(working_on(path))
        env = open_env(task.id, settings)
        stack.callback(env.close)
        station = station_of(env)
        goal_source = _goal_source(arguments.operator, station, task)
        stop = lambda: station.loop.halt("emergency stop by the space bar")  # noqa: E731
        with operator_interface(arguments.view, stop, arguments.video, time.monotonic) as interface:
            journal = Journal(path, attributes)
            done = RecordingSession(env, task, journal, goal_source, interface, plan, say).run()
    if arguments.json:
        print(json_text({**vars(done), "store": str(path), "episodes": journal.n_episodes}, indent=None))
    else:
        print(f"{done.saved} saved, {done.discarded} discarded; {path} has {journal.n_episodes} episodes")
    if done.unfinished_steps:
        say(f"{done.unfinished_steps} steps of an unfinished episode are in {journal.unfinished}")
    return int(bool(done.faults))


def _goal_source(operator: str, station: Station, task: TaskSpec) -> GoalSource:
    """What moves the arm.

    Raises:
        ConfigError: if the device is missing, or the task has no scripted policy.
        MissingExtraError: without the device's library.
    """
    from dpbench.arms.recording.goal_sources import HandGuided, ScriptedGoals, TeleoperatedGoals
    from dpbench.arms.teleoperation.teleoperators import KeyboardTeleop, SpaceMouseTeleop
    from dpbench.policies.demonstrator import scripted_demonstrator

    if operator == "hand":
        return HandGuided()
    if operator == "script":
        return ScriptedGoals(scripted_demonstrator(task).policy(task), station, 1.0 / task.rate_hz)
    teleoperator = KeyboardTeleop() if operator == "keyboard" else SpaceMouseTeleop()
    return TeleoperatedGoals(teleoperator, station, 1.0 / task.rate_hz)
