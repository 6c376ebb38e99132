"""The station file: a TOML file that describes an arm and its camera. Its keys are arguments of the task's environment.

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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from dpbench.errors import ConfigError
from dpbench.files.reading import Kind, Name, as_model, read_toml

TABLES = ("driver_options", "camera_options", "limits", "joint_limits", "kinematics")
"""Keys that are tables; the command line can change their entries one by one."""
STATION = Kind(ConfigError, "compare it with the example in docs/real_arm.md", limit_bytes=2**20)
KEYS = ("driver", "camera", "camera_projection", "watchdog_s", "stale_s", *TABLES)


class Station(BaseModel):
    """The file. What is in its tables, the driver, the camera and the limits check themselves."""

    model_config = ConfigDict(strict=True, extra="forbid")

    driver: Name = ""
    camera: Name = ""
    camera_projection: list[list[float]] = Field(default=[], max_length=3)
    watchdog_s: float = Field(default=1, gt=0, le=60)
    stale_s: float = Field(default=1, gt=0, le=60)
    driver_options: dict[str, JsonValue] = {}
    camera_options: dict[str, JsonValue] = {}
    limits: dict[str, JsonValue] = {}
    joint_limits: dict[str, JsonValue] = {}
    kinematics: dict[str, JsonValue] = {}


def read_station(path: Path) -> dict[str, Any]:
    """The settings in a station file.

    Raises:
        ConfigError: if it is missing, is not TOML, or a key is unknown or has a wrong value.
    """
    if not path.exists():
        raise ConfigError(f"station file {path} is missing: copy the example in docs/real_arm.md.")
    settings = read_toml(path, STATION)
    if unknown := sorted(set(settings) - set(KEYS)):
        raise STATION.wrong(path, f"unknown key {', '.join(unknown)}; known keys are {', '.join(KEYS)}")
    as_model(settings, Station, path, STATION)
    return settings


def with_options(settings: Mapping[str, Any], table: str, texts: Sequence[str]) -> dict[str, Any]:
    """The settings with some entries of a table replaced.

    Args:
        settings: of a station file.
        table: one of `TABLES`.
        texts: `KEY=VALUE` from the command line. A value is read as JSON (`5`, `0.5`, `true`, `[1, 2]`), or else as
            text.

    Raises:
        ConfigError: for a text that is not KEY=VALUE.
    """
    changed = dict(settings.get(table, {}))
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"{text!r}: expected KEY=VALUE, such as latency_s=0.05.")
        try:
            changed[key] = json.loads(value)
        except (ValueError, RecursionError):
            changed[key] = value
    return {**settings, table: changed} if changed else dict(settings)
