"""Every fault stops the arm and stays latched until it is reset."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from dpbench.arms.driver import ArmState, Waypoint
from dpbench.errors import ArmFaultError

from .fake_servo import FakeServo, connected, run, to


@pytest.mark.parametrize("kind", ["protective stop", "disconnect", "stale"])
def test_faults_stop_the_arm_and_stay_until_they_are_reset(kind: str) -> None:
    loop, servo, clock = connected()
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
    assert len(servo.sent) == n_sent, "nothing more is sent"
    with pytest.raises(ArmFaultError, match="call reset_fault"):
        loop.schedule([to(0.5, clock.now_s + 1.0)])
    servo.fault, servo.broken, servo.frozen_s = None, False, None
    run(loop, clock, 0.1)
    assert len(servo.sent) == n_sent, "a fault that disappears by itself stays latched"
    loop.reset_fault()
    loop.schedule([to(0.5, clock.now_s + 1.0)])
    run(loop, clock, 0.2)
    assert len(servo.sent) > n_sent


def test_a_fault_stays_if_reconnecting_fails_and_closing_always_closes() -> None:
    loop, servo, clock = connected()
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


def test_an_error_of_any_kind_is_a_fault() -> None:
    loop, servo, clock = connected()

    def send(_: Waypoint) -> None:
        raise RuntimeError("thrown by a client library")

    servo.send = send  # type: ignore[method-assign]
    run(loop, clock, 0.1)
    assert "thrown by a client library" in str(loop.fault)
    assert servo.stopped


def test_a_state_of_another_clock_is_a_fault() -> None:
    loop, servo, clock = connected()
    servo.frozen_s = clock.now_s + 1e9  # as of time.time()
    run(loop, clock, 0.1)
    assert loop.fault is not None
    assert "time.monotonic" in loop.fault


def test_a_halt_latches_brakes_and_keeps_the_first_reason() -> None:
    loop, servo, clock = connected()
    loop.schedule([to(0.9, clock.now_s + 2.0)])
    run(loop, clock, 0.2)
    n_sent = len(servo.sent)
    loop.halt("the person pressed the space bar")
    assert servo.stopped
    loop.halt("a camera is gone")
    run(loop, clock, 0.2)
    assert len(servo.sent) == n_sent
    assert loop.queue_depth() == 0
    with pytest.raises(ArmFaultError, match="space bar"):
        loop.schedule([to(0.5, clock.now_s + 1.0)])
    loop.reset_fault()
    loop.schedule([to(0.5, clock.now_s + 1.0)])
    run(loop, clock, 0.1)
    assert len(servo.sent) > n_sent


def test_a_halt_does_not_wait_for_a_driver_that_hangs() -> None:
    loop, servo, _ = connected()
    hangs, goes_on, n_stops = threading.Event(), threading.Event(), []

    def read() -> ArmState:
        hangs.set()
        assert goes_on.wait(30.0)
        return FakeServo.read(servo)

    servo.read, servo.stop = read, lambda: n_stops.append(1)  # type: ignore[method-assign, assignment]
    ticking = threading.Thread(target=loop.tick)
    ticking.start()
    assert hangs.wait(30.0)
    began = time.monotonic()
    loop.halt("emergency stop")
    assert time.monotonic() - began < 5.0
    assert len(n_stops) == 1, "stop is called while the other call hangs"
    goes_on.set()
    ticking.join(30.0)
    assert len(n_stops) == 2, "and again once that call has returned"
    assert not servo.sent


def test_a_halt_during_a_reset_stays_latched() -> None:
    loop, servo, clock = connected()
    loop.halt("first")

    def connect() -> None:
        halting = threading.Thread(target=loop.halt, args=("second",))
        halting.start()
        while loop._n_latched < 2:
            time.sleep(0.001)

    servo.connect = connect  # type: ignore[method-assign]
    loop.reset_fault()
    assert loop.fault is not None
    run(loop, clock, 0.1)
    assert not servo.sent


def test_commands_resume_where_something_else_moved_the_arm() -> None:
    loop, servo, clock = connected()
    loop.schedule([to(0.9, clock.now_s + 2.0)])
    run(loop, clock, 0.2)

    def carry() -> bool:
        servo.place = np.array([0.1, 0.3, 0.2])
        return True

    loop.moved_by(carry)
    run(loop, clock, 0.5)
    assert loop.fault is None
    assert np.allclose(servo.place, [0.1, 0.3, 0.2]), "it holds where it was moved"
    loop.halt("stop")
    with pytest.raises(ArmFaultError, match="call reset_fault"):
        loop.moved_by(lambda: pytest.fail("nothing moves while a fault is latched"))
    assert loop.fault == "stop"
