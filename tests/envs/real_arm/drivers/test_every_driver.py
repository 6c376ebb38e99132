"""What holds for every driver: poses convert both ways, missing libraries and lost connections are named."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from dpbench.arms.control.servo import FreeDrive
from dpbench.arms.driver import Waypoint
from dpbench.envs.real_arm.drivers.franka import FrankaServo
from dpbench.envs.real_arm.drivers.lerobot import LeRobotServo
from dpbench.envs.real_arm.drivers.poses import place_and_quaternion, six_numbers
from dpbench.envs.real_arm.drivers.ufactory import UfactoryServo
from dpbench.envs.real_arm.drivers.ur_rtde import UrRtdeServo
from dpbench.errors import MissingExtraError


@pytest.mark.parametrize("seed", range(20))
def test_poses_convert_to_six_numbers_and_back(seed: int) -> None:
    quaternion = np.random.default_rng(seed).normal(size=4)
    waypoint = Waypoint(0.0, np.array([0.1, 0.2, -0.3]), quaternion / np.linalg.norm(quaternion), 0.0)
    numbers = six_numbers(waypoint, 1000.0)
    assert np.allclose(numbers[:3], (100.0, 200.0, -300.0))
    position, back = place_and_quaternion(numbers, 1000.0)
    assert np.allclose(position, waypoint.position)
    assert abs(float(back @ waypoint.quaternion)) > 1 - 1e-9


@pytest.mark.parametrize(
    ("servo", "module", "extra"),
    [
        (UrRtdeServo("127.0.0.1"), "rtde_receive", "ur"),
        (UfactoryServo("127.0.0.1"), "xarm.wrapper", "ufactory"),
        (FrankaServo("127.0.0.1"), "franky", "franka"),
        (LeRobotServo("lerobot.robots:make_robot_from_config"), "lerobot", "lerobot"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_without_its_library_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, servo: Any, module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # type: ignore[arg-type]
    with pytest.raises(MissingExtraError, match=rf"pip install 'dpbench\[{extra}\]'"):
        servo.connect()
    with pytest.raises(OSError, match=r"is lost"):
        servo.read()
    servo.close()


def test_free_drive_without_a_connection_is_a_lost_connection() -> None:
    for servo in (
        UrRtdeServo("127.0.0.1"),
        UfactoryServo("127.0.0.1"),
        FrankaServo("127.0.0.1"),
        LeRobotServo("lerobot.robots:make_robot_from_config"),
    ):
        assert isinstance(servo, FreeDrive)
        with pytest.raises(OSError, match="is lost"):
            servo.free_drive(True)
