"""Station files that are damaged or made to harm: a wrong one stops an arm before it moves, in one line."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from dpbench.arms.station_file import KEYS, read_station, with_options
from dpbench.envs.real_arm.options import arm_model, joint_limits, projection, tool_limits
from dpbench.errors import ConfigError

GOOD = """driver = "ur-rtde"
camera = "opencv"
watchdog_s = 0.5
camera_projection = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0.5]]
[driver_options]
address = "192.168.0.10"
[limits]
low = [0.3, -0.3, 0.02]
high = [0.7, 0.3, 0.3]
speed_m_s = 0.2
[joint_limits]
low = [-6.0, -6.0]
high = [6.0, 6.0]
speed_rad_s = [1.0, 1.0]
acceleration_rad_s2 = [4.0, 4.0]
"""
VALUES = (
    "nan", "inf", "-inf", "1e400", "-1", "0", "true", '"x"', '"\\u001B[31m"', "[]", "{}", "[[1]]", "1979-05-27",
    "07:32:00", "9" * 400, "[" * 100_000, '"' + "x" * 100_000 + '"', "", "0.3", "[0.3, nan, 0.2]",
    '[0.3, "x", 0.2]', "[9, 9, 9]",
)  # fmt: skip


def take(path: Path) -> None:
    """What an arm's environment makes of the settings; every number in them is finite."""
    settings = read_station(path)
    assert set(settings) <= set(KEYS)
    assert 0 < settings.get("watchdog_s", 1) <= 60
    for make, name in ((tool_limits, "limits"), (joint_limits, "joint_limits")):
        try:
            made = make(settings.get(name, {}) if name == "limits" else settings.get(name))
        except ConfigError as error:
            raise ConfigError(f"{path}: {str(error).rstrip('.')}; compare it with the example.") from error
        for value in vars(made).values() if made is not None else ():
            assert all(map(math.isfinite, value if isinstance(value, tuple) else (value,)))
    if settings.get("camera_projection"):
        try:
            projection(settings["camera_projection"])
        except ConfigError as error:
            raise ConfigError(f"{path}: {str(error).rstrip('.')}; compare it with the example.") from error


def test_hostile_station_files_are_taken_or_refused_in_one_line(tmp_path: Path, attack: Any) -> None:
    path, rng = tmp_path / "station.toml", attack.rng
    lines = GOOD.splitlines()
    for number in range(1100):
        if number % 2:
            path.write_bytes(attack.bytes_of(GOOD.encode()))
        else:
            changed = list(lines)
            at = rng.randrange(len(changed))
            key, equals, _ = changed[at].partition(" = ")
            kind = rng.randrange(4)
            changed[at] = (
                f"{key} = {rng.choice(VALUES)}"
                if equals and kind
                else rng.choice(("", changed[at] * 2, "x = 1", "[x]"))
            )
            path.write_text("\n".join(changed))
        attack.outcome(path, lambda: take(path))
    path.write_text(GOOD)
    take(path)
    attack.report("station files")
    for name in ("folder", "empty.bin"):
        (tmp_path / name).mkdir() if name == "folder" else (tmp_path / name).write_bytes(b"\xff")
        assert attack.outcome(tmp_path / name, lambda: take(tmp_path / name)) == "refused"  # noqa: B023


def test_options_of_the_command_line_are_json_or_text() -> None:
    for text in ("[" * 100_000, "9" * 5000, "NaN1", "tru"):
        assert with_options({}, "limits", [f"a={text}"])["limits"]["a"] == text


@pytest.mark.parametrize(
    "kinematics",
    [
        {"path": 5, "tool": "x"},
        {"path": "/dev/zero", "tool": "x"},
        {"path": "/", "tool": "x"},
        {"path": "a\0b", "tool": "x"},
        {"path": __file__, "tool": ["x"]},
        {"path": __file__, "tool": "x"},
        {"path": __file__, "tool": "x", "offset_m": [0, 0]},
        {"path": __file__, "tool": "x", "offset_m": "abc"},
    ],
)
def test_a_model_of_an_arm_that_is_none_is_refused(kinematics: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        arm_model(kinematics)
