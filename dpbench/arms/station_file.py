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
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dpbench.errors import ConfigError

TABLES = ("driver_options", "camera_options", "limits", "joint_limits", "kinematics")
"""Keys that are tables; the command line can change their entries one by one."""
KEYS = ("driver", "camera", "camera_projection", "watchdog_s", "stale_s", *TABLES)


def read_station(path: Path) -> dict[str, Any]:
    """The settings in a station file.

    Raises:
        ConfigError: if it is missing, is not TOML, or has an unknown key.
    """
    if path.exists() and not path.is_file():
        raise ConfigError(f"station file {path} is not a file: copy the example in docs/real_arm.md.")
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"station file {path} is missing: copy the example in docs/real_arm.md.") from error
    except OSError as error:
        raise ConfigError(f"station file {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"station file {path} is not valid TOML: {error}") from error
    if unknown := sorted(set(settings) - set(KEYS)):
        raise ConfigError(f"station file {path}: unknown key {', '.join(unknown)}; known keys are {', '.join(KEYS)}.")
    for key in TABLES:
        if not isinstance(settings.get(key, {}), Mapping):
            raise ConfigError(f"station file {path}: {key} = {settings[key]!r}: expected a table, [{key}].")
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
