"""A file that says which arm and camera are there: TOML, whose keys are arguments of the task's environment.

driver = "ur-rtde"
camera = "opencv"

[driver_options]
address = "192.168.0.10"

[camera_options]
source = 0
height_px = 480
width_px = 640

[limits]
low = [0.3, -0.3, 0.02]
high = [0.7, 0.3, 0.3]
speed_m_s = 0.2
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dpbench.errors import ConfigError

TABLES = ("driver_options", "camera_options", "limits", "joint_limits", "kinematics")
"""Keys that are tables, whose entries a command line may change one by one."""
KEYS = ("driver", "camera", "camera_projection", "watchdog_s", "stale_s", *TABLES)


def read_station(path: Path) -> dict[str, Any]:
    """What a station file says.

    Raises:
        ConfigError: when it is missing, no TOML, or has an unknown key.
    """
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"station file {path} is missing: see docs/real_arm.md for one to begin with.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"station file {path} is no TOML: {error}") from error
    if unknown := sorted(set(said) - set(KEYS)):
        raise ConfigError(f"station file {path}: {', '.join(unknown)} is unknown; known are {', '.join(KEYS)}.")
    for key in TABLES:
        if not isinstance(said.get(key, {}), Mapping):
            raise ConfigError(f"station file {path}: {key} = {said[key]!r}: expected a table, [{key}].")
    return said


def with_options(said: Mapping[str, Any], table: str, texts: Sequence[str]) -> dict[str, Any]:
    """What a file says, with entries of a table changed by texts `KEY=VALUE` of a command line.

    Values are JSON (`5`, `0.5`, `true`, `[1, 2]`), anything else is text.

    Raises:
        ConfigError: for a text that is no KEY=VALUE.
    """
    changed = dict(said.get(table, {}))
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"{text!r}: expected KEY=VALUE, such as latency_s=0.05.")
        try:
            changed[key] = json.loads(value)
        except json.JSONDecodeError:
            changed[key] = value
    return {**said, table: changed} if changed else dict(said)
