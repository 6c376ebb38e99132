"""The control loop is at each waypoint at its time, and brakes when no fresh ones arrive."""

from __future__ import annotations

import time

import numpy as np
import pytest

from dpbench.arms.control.loop import ServoLoop
from dpbench.errors import ActionError, ArmFaultError

from .fake_servo import LIMITS, Clock, FakeServo, connected, run, to


def test_it_is_at_a_waypoint_at_its_time() -> None:
    loop, servo, clock = connected()
    accepted = loop.schedule([to(0.55, clock.now_s + 0.5), to(9.0, clock.now_s - 1.0)])
    assert len(accepted) == 1, "past waypoints are dropped"
    run(loop, clock, 0.5)
    assert abs(servo.place[0] - 0.55) < 0.01
    assert loop.report.n_ticks == 62
    assert loop.report.n_late == 0


def test_waypoints_are_returned_as_accepted() -> None:
    loop, _, clock = connected()
    accepted = loop.schedule([to(7.0, clock.now_s + 1.0)])
    assert accepted[0].position[0] == 1.0


def test_a_new_chunk_replaces_waypoints_still_to_come() -> None:
    loop, servo, clock = connected()
    loop.schedule([to(0.7, clock.now_s + 1.0)])
    run(loop, clock, 0.2)
    loop.schedule([to(0.5, clock.now_s + 0.5)])
    run(loop, clock, 1.0)
    assert abs(servo.place[0] - 0.5) < 0.005


def test_the_last_command_and_the_queue_can_be_read() -> None:
    loop, servo, clock = connected()
    assert loop.commanded().position[0] == 0.5
    assert loop.queue_depth() == 0
    loop.schedule([to(0.5 + 0.01 * number, clock.now_s + 0.1 * number) for number in range(1, 5)])
    assert loop.queue_depth() == 4
    run(loop, clock, 0.25)
    assert loop.queue_depth() == 2
    assert loop.commanded() is servo.sent[-1]
    assert abs(loop.commanded().time_s - clock.now_s - 1 / 125) < 1e-9
    with pytest.raises(ArmFaultError, match=r"call connect\(\) first"):
        ServoLoop(FakeServo(Clock()), LIMITS).commanded()


def test_one_bad_waypoint_rejects_the_whole_call() -> None:
    loop, servo, clock = connected()
    with pytest.raises(ActionError, match="finite numbers"):
        loop.schedule([to(0.6, clock.now_s + 0.2), to(np.nan, clock.now_s + 0.4)])
    run(loop, clock, 0.5)
    assert np.allclose(servo.place, (0.5, 0.0, 0.5))


def test_without_fresh_waypoints_it_brakes_and_holds() -> None:
    loop, servo, clock = connected()
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


def test_after_the_watchdog_a_new_chunk_starts_where_the_arm_is() -> None:
    loop, servo, clock = connected()
    loop.schedule([to(0.9, clock.now_s + 3.0)])
    run(loop, clock, 2.0)
    here = servo.place[0]
    assert here < 0.65
    loop.schedule([to(here - 0.1, clock.now_s + 0.45)])
    n_sent = len(servo.sent)
    run(loop, clock, 0.45)
    assert max(one.position[0] for one in servo.sent[n_sent:]) < here + 1e-9


def test_reading_before_connecting_is_one_clear_error() -> None:
    loop = ServoLoop(FakeServo(Clock()), LIMITS)
    with pytest.raises(ArmFaultError, match=r"call connect\(\) first"):
        loop.read()
    assert loop.spec.rate_hz == 125.0


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


def test_connecting_again_leaves_one_thread_that_sends() -> None:
    servo = FakeServo(Clock())
    servo.clock = time.monotonic  # type: ignore[assignment]
    loop = ServoLoop(servo, LIMITS, stale_s=5.0)
    loop.connect()
    first = loop._thread
    loop.connect()
    assert first is not None
    assert not first.is_alive()
    loop.close()
