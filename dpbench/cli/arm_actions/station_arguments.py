"""Arguments that the actions of `dpbench arm` share: station, task, view."""

from __future__ import annotations

import argparse
from typing import Any

import gymnasium as gym

from dpbench.arms.station import default_task_of
from dpbench.arms.station_file import TABLES, read_station, with_options
from dpbench.arms.teleoperation.interface import VIEWS
from dpbench.cli import kinds
from dpbench.cli.arguments import TASK
from dpbench.errors import ConfigError
from dpbench.tasks import find_task


def add_station_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that describe the station."""
    defaults = f"default {default_task_of('sim')}, with a physical arm {default_task_of('any other')}"
    parser.add_argument("--task", type=kinds.name, help=f"{TASK} ({defaults})")
    parser.add_argument(
        "--station", type=kinds.path, metavar="FILE.toml", help="arm, camera and limits; see docs/real_arm.md"
    )
    parser.add_argument(
        "--driver", type=kinds.name, help="driver of the arm, such as ur-rtde (default sim, the digital twin)"
    )
    parser.add_argument("--camera", type=kinds.name, help="driver of the camera, such as opencv")
    for table in TABLES:
        name = "kinematics" if table == "kinematics" else table.removesuffix("s").replace("_", "-")
        parser.add_argument(
            f"--{name}",
            action="append",
            type=kinds.key_value,
            default=[],
            dest=table,
            metavar="KEY=VALUE",
            help=f"an entry of [{table}]; repeatable",
        )


def add_session_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of a session."""
    parser.add_argument("--view", choices=VIEWS, default="auto", help="live view and keys (default auto)")
    parser.add_argument(
        "--video", type=kinds.new_file(".mp4"), metavar="FILE.mp4", help="also write the live view to a video"
    )
    parser.add_argument("--seed", type=kinds.seed, help="seed of the first episode's start")


def station_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings in station file and command line, as arguments of the environment.

    Raises:
        ConfigError: for an invalid file or option.
    """
    settings = read_station(arguments.station) if arguments.station else {}
    for table in TABLES:
        settings = with_options(settings, table, getattr(arguments, table))
    chosen = {"driver": arguments.driver, "camera": arguments.camera}
    return {**settings, **{key: value for key, value in chosen.items() if value is not None}}


def task_of(arguments: argparse.Namespace, settings: dict[str, Any]) -> str:
    """Id of the task; by default one that fits the driver."""
    if arguments.task is not None:
        return find_task(arguments.task)
    return default_task_of(settings.get("driver", "sim"))


def open_env(task_id: str, settings: dict[str, Any], **more: Any) -> gym.Env[Any, Any]:
    """The environment in real time, without Gymnasium's time limit; not connected yet.

    Raises:
        ConfigError: if the task is not one for an arm, or its environment does not accept the settings.
    """
    from dpbench.arms.station import station_of

    try:
        env = gym.make(task_id, real_time=True, max_episode_steps=-1, disable_env_checker=True, **settings, **more)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{task_id} does not accept {', '.join(('real_time', *settings))}: {error}") from error
    station_of(env)
    return env
