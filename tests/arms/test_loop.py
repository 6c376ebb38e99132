"""The control loop by a clock of the test's own: following, holding, watchdog, latched faults."""

from __future__ import annotations

import time

import numpy as np
import pytest

from dpbench.arms.driver import ArmSpec, ArmState, Waypoint
from dpbench.arms.loop import ServoLoop
from dpbench.arms.safety import Limits
from dpbench.errors import ActionError, ArmFaultError

LIMITS = Limits(low=(0.0, -0.5, 0.0), high=(1.0, 0.5, 1.0), speed_m_s=0.5, acceleration_m_s2=4.0)
DOWN = np.array([1.0, 0.0, 0.0, 0.0])


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class FakeServo:
    """An arm that is where it was sent."""

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


def make() -> tuple[ServoLoop, FakeServo, Clock]:
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


def test_it_is_at_a_waypoint_at_its_time() -> None:
    loop, servo, clock = make()
    accepted = loop.schedule([to(0.55, clock.now_s + 0.5), to(9.0, clock.now_s - 1.0)])
    assert len(accepted) == 1, "what is past is dropped"
    run(loop, clock, 0.5)
    assert abs(servo.place[0] - 0.55) < 0.01
    assert loop.report.n_ticks == 62
    assert loop.report.n_late == 0


def test_waypoints_come_back_as_accepted() -> None:
    loop, _, clock = make()
    accepted = loop.schedule([to(7.0, clock.now_s + 1.0)])
    assert accepted[0].position[0] == 1.0


def test_a_new_chunk_replaces_what_is_later() -> None:
    loop, servo, clock = make()
    loop.schedule([to(0.7, clock.now_s + 1.0)])
    run(loop, clock, 0.2)
    loop.schedule([to(0.5, clock.now_s + 0.5)])
    run(loop, clock, 1.0)
    assert abs(servo.place[0] - 0.5) < 0.005


def test_without_fresh_commands_it_brakes_and_holds() -> None:
    loop, servo, clock = make()
    loop.schedule([to(0.9, clock.now_s + 1.6)])
    run(loop, clock, 0.5)
    moving = servo.sent[-1].position[0] - servo.sent[-2].position[0]
    assert moving > 0.001
    run(loop, clock, 0.5)
    held = servo.place.copy()
    run(loop, clock, 0.5)
    assert np.allclose(servo.place, held, atol=1e-9)
    assert held[0] < 0.85
    assert loop.report.n_held > 100


@pytest.mark.parametrize("kind", ["protective stop", "disconnect", "stale"])
def test_faults_stop_the_arm_and_stay_until_they_are_reset(kind: str) -> None:
    loop, servo, clock = make()
    loop.schedule([to(0.9, clock.now_s + 2.0)])
    run(loop, clock, 0.2)
    if kind == "protective stop":
        servo.fault = "protective stop"
    elif kind == "disconnect":
        servo.broken = True
    else:
        servo.frozen_s = clock.now_s
    run(loop, clock, 0.3)
    n_sent = len(servo.sent)
    assert loop.fault is not None
    assert servo.stopped
    run(loop, clock, 0.3)
    assert len(servo.sent) == n_sent, "nothing is sent any more"
    with pytest.raises(ArmFaultError, match="call reset_fault"):
        loop.schedule([to(0.5, clock.now_s + 1.0)])
    servo.fault, servo.broken, servo.frozen_s = None, False, None
    run(loop, clock, 0.1)
    assert len(servo.sent) == n_sent, "a fault that went away by itself is still latched"
    loop.reset_fault()
    loop.schedule([to(0.5, clock.now_s + 1.0)])
    run(loop, clock, 0.2)
    assert len(servo.sent) > n_sent


def test_a_fault_stays_where_connecting_fails_and_closing_always_closes() -> None:
    loop, servo, clock = make()
    servo.fault = "protective stop"
    run(loop, clock, 0.1)

    def fail() -> None:
        raise OSError("no route to the arm")

    servo.connect = fail  # type: ignore[method-assign]
    with pytest.raises(OSError, match="no route"):
        loop.reset_fault()
    assert loop.fault == "protective stop"
    closed = []
    servo.stop, servo.close = fail, lambda: closed.append(True)  # type: ignore[method-assign, assignment]
    loop.close()
    assert closed == [True]


def test_a_bad_waypoint_is_refused_whole() -> None:
    loop, servo, clock = make()
    with pytest.raises(ActionError, match="finite numbers"):
        loop.schedule([to(0.6, clock.now_s + 0.2), to(np.nan, clock.now_s + 0.4)])
    run(loop, clock, 0.5)
    assert np.allclose(servo.place, (0.5, 0.0, 0.5))


def test_the_thread_keeps_time_and_ends() -> None:
    servo = FakeServo(Clock())
    servo.clock = time.monotonic  # type: ignore[assignment]
    loop = ServoLoop(servo, LIMITS)
    loop.connect()
    loop.schedule([to(0.52, time.monotonic() + 0.2)])
    time.sleep(0.4)
    loop.close()
    assert servo.stopped
    assert abs(servo.place[0] - 0.52) < 0.01
    assert loop.fault is None
    n_ticks = loop.report.n_ticks
    time.sleep(0.05)
    assert loop.report.n_ticks == n_ticks


def test_before_connecting_it_says_so() -> None:
    loop = ServoLoop(FakeServo(Clock()), LIMITS)
    with pytest.raises(ArmFaultError, match=r"call connect\(\) first"):
        loop.read()
    assert loop.spec.rate_hz == 125.0
