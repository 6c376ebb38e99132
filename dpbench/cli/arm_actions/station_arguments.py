"""What the actions of `dpbench arm` have in common: which arm, which camera, which view."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import gymnasium as gym

from dpbench.arms.station_file import TABLES, read_station, with_options
from dpbench.arms.teleoperation.interface import VIEWS
from dpbench.errors import ConfigError

DEFAULT_TASK = "dpbench/RealArm-v0"
DEFAULT_REAL_TASK = "dpbench/RealArmImage-v0"
"""On a table nobody knows the poses of objects."""


def add_station_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which arm it is."""
    parser.add_argument("--task", help=f"Gymnasium id (default {DEFAULT_TASK}, on a real arm {DEFAULT_REAL_TASK})")
    parser.add_argument(
        "--station", type=Path, metavar="FILE.toml", help="arm, camera and limits; see docs/real_arm.md"
    )
    parser.add_argument("--driver", help="of the arm, such as ur-rtde (default sim, the twin)")
    parser.add_argument("--camera", help="of the table, such as opencv")
    for table in TABLES:
        name = "kinematics" if table == "kinematics" else table.removesuffix("s").replace("_", "-")
        parser.add_argument(
            f"--{name}", action="append", default=[], dest=table, metavar="KEY=VALUE", help=f"of [{table}]; repeatable"
        )


def add_session_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how a person takes part."""
    parser.add_argument("--view", choices=VIEWS, default="auto", help="where picture and keys are (default: auto)")
    parser.add_argument("--video", type=Path, metavar="FILE.mp4", help="also write the view to a video")
    parser.add_argument("--data-dir", help="data root (default $DPBENCH_DATA, else ./data)")
    parser.add_argument("--seed", type=int, help="start of the first episode")


def whole_number(text: str) -> int:
    """How many of something there are to be.

    Raises:
        ArgumentTypeError: unless it is 1 or more.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected 1 or more")
    return int(text)


def seconds(text: str) -> float:
    """A time of the command line, s.

    Raises:
        ArgumentTypeError: unless it is above 0.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: expected seconds above 0")
    return value


def station_said(arguments: argparse.Namespace) -> dict[str, Any]:
    """What file and command line say of the station, as arguments of the environment.

    Raises:
        ConfigError: for a broken file or option.
    """
    said = read_station(arguments.station) if arguments.station else {}
    for table in TABLES:
        said = with_options(said, table, getattr(arguments, table))
    chosen = {"driver": arguments.driver, "camera": arguments.camera}
    return {**said, **{key: value for key, value in chosen.items() if value is not None}}


def task_of(arguments: argparse.Namespace, said: dict[str, Any]) -> str:
    """The task, by default the one that fits the driver."""
    from dpbench.cli.demos import task_id

    if arguments.task is not None:
        return task_id(arguments.task)
    return DEFAULT_TASK if said.get("driver", "sim") == "sim" else DEFAULT_REAL_TASK


def open_env(task_id: str, said: dict[str, Any], **more: Any) -> gym.Env[Any, Any]:
    """The environment, in real time and without Gymnasium's time limit; not connected yet.

    Raises:
        ConfigError: when the task is no arm, or its environment does not take what was said.
    """
    from dpbench.arms.station import station_of

    try:
        env = gym.make(task_id, real_time=True, max_episode_steps=-1, disable_env_checker=True, **said, **more)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{task_id} does not take {', '.join(('real_time', *said))}: {error}") from error
    station_of(env)
    return env
