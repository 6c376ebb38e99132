"""The UR driver with the real library `ur_rtde` against an emulated controller on loopback.

`test_ur_rtde.py` runs these in a process of their own.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dpbench.arms.control.loop import ServoLoop
from dpbench.arms.control.safety import Limits
from dpbench.arms.control.servo import FreeDrive
from dpbench.arms.driver import ArmState, Waypoint
from dpbench.envs.real_arm.drivers.poses import six_numbers
from dpbench.envs.real_arm.drivers.ur_rtde import UrRtdeServo
from dpbench.errors import ConfigError

from .rtde_emulator import (
    EMERGENCY_STOP,
    END_TEACH,
    NORMAL,
    PROTECTIVE_STOP,
    SERVO_L,
    SERVO_STOP,
    SET_TCP,
    SET_WATCHDOG,
    STOP_SCRIPT,
    TEACH,
)

NUMBERS = itertools.count(1)
LIMITS = Limits(low=(0.2, -0.5, 0.1), high=(0.8, 0.5, 0.6), speed_m_s=0.25, acceleration_m_s2=2.0)


class Robot:
    """The emulator in a process of its own, at a loopback address of its own."""

    def __init__(self) -> None:
        # The library reconnects by itself, even to the robot of the next test if that has the same address.
        high, low = divmod(os.getpid(), 250)
        self.address = f"127.{next(NUMBERS)}.{high % 250}.{low + 2}"
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("rtde_emulator.py")), self.address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def do(self, name: str, **arguments: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": name, **arguments}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def robot() -> Iterator[Robot]:
    one = Robot()
    yield one
    one.end()


@pytest.fixture
def servo(robot: Robot) -> Iterator[UrRtdeServo]:
    one = UrRtdeServo(robot.address)
    one.connect()
    yield one
    one.close()


def patient_loop(robot: Robot) -> ServoLoop:
    """A loop for a loaded machine, on which neither it nor the emulator keeps its deadlines."""
    return ServoLoop(UrRtdeServo(robot.address), LIMITS, watchdog_s=60.0, stale_s=1.0)


def until(condition: Any, seconds: float = 15.0) -> None:
    end_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end_s, "it did not happen in time"
        time.sleep(0.005)


def read_until(servo: UrRtdeServo, condition: Any) -> ArmState:
    until(lambda: condition(servo.read()))
    return servo.read()


def test_states_are_those_of_the_robot(robot: Robot, servo: UrRtdeServo) -> None:
    state = servo.read()
    assert time.monotonic() - state.time_s < 1.0
    assert np.allclose(state.position, (0.4, -0.1, 0.3))
    assert np.allclose(six_numbers(Waypoint(0.0, state.position, state.quaternion, 0.0))[3:], (3.0, 0.2, 0.0))
    assert np.allclose(state.joints, (0.1, -1.5, 1.5, -1.6, -1.5, 0.0))
    assert state.fault is None
    later = read_until(servo, lambda one: one.time_s > state.time_s)
    assert later.time_s - state.time_s < 5.0
    report = robot.do("report")
    assert report["tcp"] == [0.0, 0.0, 0.13, 0.0, 0.0, 0.0]
    assert report["watchdog_hz"] == 2.0
    assert len(report["scripts"]) == 1


def test_servo_l_moves_it_as_published(robot: Robot, servo: UrRtdeServo) -> None:
    state = servo.read()
    goal = Waypoint(0.0, np.array([0.41, -0.1, 0.3]), state.quaternion, 0.0)
    servo.send(goal)
    moved = read_until(servo, lambda one: abs(one.position[0] - 0.41) < 1e-9)
    assert abs(float(moved.quaternion @ state.quaternion)) > 1 - 1e-9
    target = robot.do("report")["targets"][-1]
    assert np.allclose(target[:6], six_numbers(goal))
    assert np.allclose(target[6:], (1 / 125, 0.1, 300.0))
    servo.stop()
    assert robot.do("report")["commands"] == [SET_TCP, SET_WATCHDOG, SERVO_L, SERVO_STOP]
    servo.close()
    servo.close()
    assert robot.do("report")["commands"][-1] == STOP_SCRIPT


def test_the_loop_drives_it_to_a_waypoint(robot: Robot) -> None:
    loop = patient_loop(robot)
    loop.connect()
    here = loop.read()
    loop.schedule([Waypoint(time.monotonic() + 0.4, np.array([0.43, -0.1, 0.3]), here.quaternion, 0.0)])
    until(lambda: abs(loop.read().position[0] - 0.43) < 0.002)
    loop.close()
    assert loop.fault is None
    steps = np.diff(np.array(robot.do("report")["targets"])[:, 0])
    assert (np.abs(steps) <= LIMITS.speed_m_s / 125 + 1e-9).all()


def test_the_robots_watchdog_is_fed_until_a_command_is_sent(robot: Robot, servo: UrRtdeServo) -> None:
    """In a dry run none ever is, and without feeding the robot would end its program."""
    until(lambda: servo.read().fault is None and robot.do("report")["n_kicks"] >= 3)
    state = servo.read()
    servo.send(Waypoint(0.0, state.position, state.quaternion, 0.0))
    until(lambda: robot.do("report")["targets"])
    n_kicks, end_s = robot.do("report")["n_kicks"], time.monotonic() + 0.5
    while time.monotonic() < end_s:
        servo.read()
    assert robot.do("report")["n_kicks"] == n_kicks, "who commands it and falls silent must not keep it going"


def test_a_hand_moves_the_arm_only_in_free_drive(robot: Robot, servo: UrRtdeServo) -> None:
    assert isinstance(servo, FreeDrive)
    assert robot.do("push", metres=0.05) is False
    servo.free_drive(True)
    n_kicks = robot.do("report")["n_kicks"]
    assert robot.do("push", metres=0.05) is True
    state = read_until(servo, lambda one: abs(one.position[0] - 0.45) < 1e-9)
    # No commands are sent meanwhile; unfed, the robot's watchdog would end the program.
    until(lambda: servo.read().fault is None and robot.do("report")["n_kicks"] >= n_kicks + 3)
    servo.free_drive(False)
    assert robot.do("push", metres=0.05) is False
    servo.send(Waypoint(0.0, state.position, state.quaternion, 0.0))
    until(lambda: robot.do("report")["targets"])
    commands = robot.do("report")["commands"]
    assert [one for one in commands if one not in (SET_TCP, SET_WATCHDOG)] == [TEACH, END_TEACH, SERVO_L]


def test_after_free_drive_the_loop_resumes_where_the_arm_is(robot: Robot) -> None:
    loop = patient_loop(robot)
    loop.connect()
    loop.free_drive(True)
    robot.do("push", metres=0.04)
    until(lambda: abs(loop.read().position[0] - 0.44) < 1e-9)
    n_targets = len(robot.do("report")["targets"])
    loop.free_drive(False)
    until(lambda: len(robot.do("report")["targets"]) > n_targets)
    assert abs(robot.do("report")["targets"][-1][0] - 0.44) < 1e-6
    loop.free_drive(True)
    loop.halt("the emergency stop was pressed")
    assert robot.do("push", metres=0.04) is False, "a halt ends free drive"
    loop.close()


@pytest.mark.parametrize(("bits", "words"), [(PROTECTIVE_STOP, "protective stop"), (EMERGENCY_STOP, "emergency stop")])
def test_a_stop_of_the_robot_is_a_latched_fault(robot: Robot, bits: int, words: str) -> None:
    loop = patient_loop(robot)
    loop.connect()
    robot.do("safety", bits=bits)
    until(lambda: loop.fault is not None)
    assert loop.fault is not None
    assert words in loop.fault
    with pytest.raises(ConfigError, match=words):
        loop.reset_fault()
    robot.do("safety", bits=NORMAL)
    loop.reset_fault()
    until(lambda: loop.report.n_ticks > 5 or loop.fault is not None)
    assert loop.fault is None
    assert len(robot.do("report")["scripts"]) == 2, "a stop ends the control script"
    loop.close()


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("unplug", "connection|script|reached|take a command"),
        ("kill", "connection|reached|take a command"),
        ("freeze", "old"),
        ("end_program", "control script"),
    ],
)
def test_a_lost_connection_is_a_fault_and_nothing_more_is_sent(robot: Robot, event: str, words: str) -> None:
    loop = patient_loop(robot)
    loop.connect()
    until(lambda: loop.report.n_ticks > 5)
    if event == "kill":
        robot.end()
    elif event == "freeze":
        robot.process.send_signal(signal.SIGSTOP)
    elif event == "end_program":
        robot.do("running", is_running=False)
    else:
        robot.do(event)
    until(lambda: loop.fault is not None)
    assert loop.fault is not None
    assert any(word in loop.fault for word in words.split("|")), loop.fault
    n_ticks = loop.report.n_ticks
    time.sleep(0.1)
    assert loop.report.n_ticks == n_ticks
    loop.close()


def test_without_a_robot_there_is_advice() -> None:
    with pytest.raises(ConfigError, match="check the address and the cable"):
        UrRtdeServo("127.250.250.250").connect()
