"""In free drive nothing is sent, and afterwards commands resume from where the arm is."""

from __future__ import annotations

import numpy as np
import pytest

from dpbench.arms.control.loop import ServoLoop
from dpbench.errors import ArmFaultError, ConfigError

from .fake_servo import LIMITS, Clock, FreeDriveServo, connected, run, to


def test_nothing_is_sent_and_commands_resume_from_where_the_hand_left_the_arm() -> None:
    clock = Clock()
    servo = FreeDriveServo(clock)
    loop = ServoLoop(servo, LIMITS, clock=clock)
    loop.begin()
    loop.free_drive(True)
    assert servo.free
    run(loop, clock, 0.1)
    servo.place = np.array([0.7, 0.2, 0.4])
    run(loop, clock, 0.1)
    assert loop.read().position.tolist() == [0.7, 0.2, 0.4]
    assert not servo.sent
    with pytest.raises(ArmFaultError, match="is in free drive"):
        loop.schedule([to(0.5, clock.now_s + 1.0)])
    loop.free_drive(False)
    assert not servo.free
    run(loop, clock, 0.1)
    assert all(np.allclose(one.position, (0.7, 0.2, 0.4)) for one in servo.sent)
    loop.free_drive(True)
    servo.fault = "emergency stop"
    run(loop, clock, 0.1)
    assert loop.fault == "emergency stop"
    assert not servo.free


def test_outside_the_workspace_commands_do_not_resume() -> None:
    clock = Clock()
    servo = FreeDriveServo(clock)
    loop = ServoLoop(servo, LIMITS, clock=clock)
    loop.begin()
    loop.free_drive(True)
    servo.place = np.array([1.2, 0.0, 0.5])
    with pytest.raises(ArmFaultError, match=r"0\.20 m outside the workspace"):
        loop.free_drive(False)
    run(loop, clock, 0.1)
    assert not servo.sent
    servo.place = np.array([1.02, 0.0, 0.5])
    loop.reset_fault()
    run(loop, clock, 0.1)
    assert np.allclose(servo.place, (1.02, 0.0, 0.5)), "slightly outside, it holds"
    for _ in range(4):
        loop.schedule([to(0.9, clock.now_s + 0.4)])
        run(loop, clock, 0.4)
    steps = np.abs(np.diff([one.position[0] for one in servo.sent]))
    assert steps.max() < 0.5 / 125, "it moves in at its speed, without a jump"
    assert abs(servo.place[0] - 0.9) < 0.01


def test_a_driver_without_free_drive_is_named() -> None:
    loop, _, _ = connected()
    with pytest.raises(ConfigError, match="'fake' has no free drive"):
        loop.free_drive(True)


def test_closing_in_free_drive_ends_it() -> None:
    clock = Clock()
    servo = FreeDriveServo(clock)
    loop = ServoLoop(servo, LIMITS, clock=clock)
    loop.begin()
    loop.free_drive(True)
    loop.close()
    assert not servo.free
    assert servo.stopped
