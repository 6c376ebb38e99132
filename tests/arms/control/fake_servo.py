"""A servo without an arm and a clock that the test sets, for tests of the control loop."""

from __future__ import annotations

import numpy as np

from dpbench.arms.control.loop import ServoLoop
from dpbench.arms.control.safety import Limits
from dpbench.arms.driver import ArmSpec, ArmState, Waypoint

LIMITS = Limits(low=(0.0, -0.5, 0.0), high=(1.0, 0.5, 1.0), speed_m_s=0.5, acceleration_m_s2=4.0)

DOWN = np.array([1.0, 0.0, 0.0, 0.0])


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class FakeServo:
    """An arm that is where its last command was."""

    spec = ArmSpec("fake", n_joints=6, rate_hz=125.0, gripper_m=0.08)

    def __init__(self, clock: Clock) -> None:
        self.clock, self.sent, self.stopped = clock, [], False
        self.fault: str | None = None
        self.frozen_s: float | None = None
        self.broken = False
        self.place = np.array([0.5, 0.0, 0.5])

    def connect(self) -> None:
        self.stopped = False

    def read(self) -> ArmState:
        if self.broken:
            raise OSError("connection lost")
        measured = self.clock() if self.frozen_s is None else self.frozen_s
        return ArmState(measured, self.place, DOWN, np.zeros(6), 0.04, self.fault)

    def send(self, waypoint: Waypoint) -> None:
        self.place = waypoint.position
        self.sent.append(waypoint)

    def stop(self) -> None:
        self.stopped = True

    def close(self) -> None:
        self.stopped = True


class FreeDriveServo(FakeServo):
    """An arm with a free drive."""

    free = False

    def free_drive(self, on: bool) -> None:
        self.free = on


def connected() -> tuple[ServoLoop, FakeServo, Clock]:
    clock = Clock()
    servo = FakeServo(clock)
    loop = ServoLoop(servo, LIMITS, watchdog_s=0.5, clock=clock)
    loop.begin()
    return loop, servo, clock


def run(loop: ServoLoop, clock: Clock, duration_s: float) -> None:
    for _ in range(round(duration_s * 125)):
        clock.now_s += 1 / 125
        loop.tick()


def to(x: float, time_s: float) -> Waypoint:
    return Waypoint(time_s, np.array([x, 0.0, 0.5]), DOWN, 0.04)
