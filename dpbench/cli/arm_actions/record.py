"""`dpbench arm record`: demonstrations by keyboard, SpaceMouse, hand or script, into the task's store."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from dpbench.cli.arm_actions.station_arguments import (
    add_session_arguments,
    add_station_arguments,
    open_env,
    station_said,
    task_of,
    whole_number,
)
from dpbench.errors import ConfigError

if TYPE_CHECKING:
    from dpbench.arms.recording.goal_sources import GoalSource
    from dpbench.arms.station import Station
    from dpbench.spec import TaskSpec

OPERATORS = ("keyboard", "spacemouse", "hand", "script")
EXAMPLE = """examples:
  dpbench arm record                                       the twin, with the keyboard
  dpbench arm record --operator spacemouse --station station.toml
  dpbench arm record --operator hand --driver ur-rtde --driver-option address=192.168.0.10 --camera opencv
  dpbench arm record --operator script --episodes 20 --view none

c starts an episode, s saves it, d discards it, the space bar stops the arm at once, f takes up work again after a
stop, q quits. An episode is also saved when the task is solved. Arrows move the tool along x and y, u and j up and
down. Every step is on disk as soon as it is made: after a stop or a crash the next session finds the unfinished
episode, and saves or discards it with the same keys.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    add_station_arguments(parser)
    add_session_arguments(parser)
    parser.add_argument("--operator", choices=OPERATORS, default="keyboard", help="who leads the arm (keyboard)")
    parser.add_argument("--episodes", type=whole_number, help="end after so many saved ones (default: when you quit)")
    parser.add_argument("--out", type=Path, help="store (default: that of the task, DATA_ROOT/NAME.zarr)")
    parser.add_argument("--json", action="store_true", help="print what was recorded as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Record."""
    from dpbench.arms.recording.journal import Journal
    from dpbench.arms.recording.recording_session import RecordingPlan, RecordingSession
    from dpbench.arms.station import station_of
    from dpbench.arms.teleoperation.interface import operator_interface, say
    from dpbench.data.episodes import data_root, store_name
    from dpbench.provenance import provenance
    from dpbench.tasks import load_task

    if arguments.operator != "script" and arguments.view == "none":
        raise ConfigError("--view none has no keys, so that nobody could start an episode: use --operator script.")
    said = station_said(arguments)
    task = load_task(task_of(arguments, said))
    path = arguments.out or data_root(arguments.data_dir) / f"{store_name(task)}.zarr"
    attributes = {
        "task": task.id,
        "source": f"recorded on {said.get('driver', 'sim')} by {arguments.operator}",
        "provenance": provenance(),
    }
    plan = RecordingPlan(arguments.seed or 0, arguments.episodes, unattended=arguments.operator == "script")
    env = open_env(task.id, said)
    station = station_of(env)
    try:
        goal_source = _goal_source(arguments.operator, station, task)
        halt = lambda: station.loop.halt("emergency stop by the space bar")  # noqa: E731
        with operator_interface(arguments.view, halt, arguments.video, time.monotonic) as interface:
            journal = Journal(path, attributes)
            done = RecordingSession(env, task, journal, goal_source, interface, plan, say).run()
    finally:
        env.close()
    if arguments.json:
        print(json.dumps({**vars(done), "store": str(path), "episodes": journal.n_episodes}))
    else:
        print(f"{done.saved} saved, {done.discarded} discarded; {path} has {journal.n_episodes} episodes")
    if done.unfinished_steps:
        say(f"{done.unfinished_steps} unfinished steps are kept in {journal.unfinished}; the next session finds them")
    return int(bool(done.faults))


def _goal_source(operator: str, station: Station, task: TaskSpec) -> GoalSource:
    """Who leads the arm.

    Raises:
        ConfigError: when the device is not there, or the task has no script.
        MissingExtraError: without the device's library.
    """
    from dpbench.arms.recording.goal_sources import HandGuided, ScriptedGoals, TeleoperatedGoals
    from dpbench.arms.teleoperation.teleoperators import KeyboardTeleop, SpaceMouseTeleop
    from dpbench.policies.demonstrator import scripted_demonstrator

    if operator == "hand":
        return HandGuided()
    if operator == "script":
        return ScriptedGoals(scripted_demonstrator(task).policy(task), station, 1.0 / task.rate_hz)
    device = KeyboardTeleop() if operator == "keyboard" else SpaceMouseTeleop()
    return TeleoperatedGoals(device, station, 1.0 / task.rate_hz)
