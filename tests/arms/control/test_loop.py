"""The control loop by a clock of the test's own: following, holding, watchdog, latched faults."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from dpbench.arms.control.dry_run import DryRun
from dpbench.arms.control.loop import ServoLoop
from dpbench.arms.control.safety import Limits
from dpbench.arms.driver import ArmSpec, ArmState, Waypoint
from dpbench.errors import ActionError, ArmFaultError, ConfigError

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


class HandServo(FakeServo):
    """An arm that can be moved by hand."""

    free = False

    def free_drive(self, on: bool) -> None:
        self.free = on


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


def test_what_was_commanded_and_what_is_ahead_can_be_asked() -> None:
    loop, servo, clock = make()
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


def test_a_halt_latches_brakes_and_keeps_the_first_reason() -> None:
    loop, servo, clock = make()
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
    loop, servo, _ = make()
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
    assert len(n_stops) == 1, "it is asked to stop beside the call that hangs"
    goes_on.set()
    ticking.join(30.0)
    assert len(n_stops) == 2, "and again when that has come back"
    assert not servo.sent


def test_a_halt_while_a_fault_is_reset_stays() -> None:
    loop, servo, clock = make()
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


def test_an_error_of_any_kind_is_a_fault() -> None:
    loop, servo, clock = make()

    def send(_: Waypoint) -> None:
        raise RuntimeError("thrown by a client library")

    servo.send = send  # type: ignore[method-assign]
    run(loop, clock, 0.1)
    assert "thrown by a client library" in str(loop.fault)
    assert servo.stopped


def test_by_hand_nothing_is_sent_and_work_goes_on_from_where_the_hand_left_it() -> None:
    clock = Clock()
    servo = HandServo(clock)
    loop = ServoLoop(servo, LIMITS, clock=clock)
    loop.begin()
    loop.free_drive(True)
    assert servo.free
    run(loop, clock, 0.1)
    servo.place = np.array([0.7, 0.2, 0.4])
    run(loop, clock, 0.1)
    assert loop.read().position.tolist() == [0.7, 0.2, 0.4]
    assert not servo.sent
    with pytest.raises(ArmFaultError, match="moved by hand"):
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


def test_by_hand_out_of_the_workspace_work_does_not_go_on() -> None:
    clock = Clock()
    servo = HandServo(clock)
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
    assert np.allclose(servo.place, (1.02, 0.0, 0.5)), "a little outside it holds"
    for _ in range(4):
        loop.schedule([to(0.9, clock.now_s + 0.4)])
        run(loop, clock, 0.4)
    steps = np.abs(np.diff([one.position[0] for one in servo.sent]))
    assert steps.max() < 0.5 / 125, "it comes in at its speed, without a leap"
    assert abs(servo.place[0] - 0.9) < 0.01


def test_after_the_watchdog_a_new_chunk_begins_where_the_arm_is() -> None:
    loop, servo, clock = make()
    loop.schedule([to(0.9, clock.now_s + 3.0)])
    run(loop, clock, 2.0)
    here = servo.place[0]
    assert here < 0.65
    loop.schedule([to(here - 0.1, clock.now_s + 0.45)])
    n_sent = len(servo.sent)
    run(loop, clock, 0.45)
    assert max(one.position[0] for one in servo.sent[n_sent:]) < here + 1e-9


def test_an_arm_that_cannot_be_moved_by_hand_says_so() -> None:
    loop, _, _ = make()
    with pytest.raises(ConfigError, match="'fake' cannot let the arm be moved by hand"):
        loop.free_drive(True)


@pytest.mark.parametrize(("goal", "reason"), [(0.53, None), (0.57, "for 1.0. s; is it blocked"), (0.7, "m from where")])
def test_an_arm_that_falls_behind_is_waited_for_and_one_that_stays_behind_is_a_fault(
    goal: float, reason: str | None
) -> None:
    loop, servo, clock = make()
    servo.send = servo.sent.append  # type: ignore[method-assign]  # it does not move
    for _ in range(20):
        if loop.fault is None:
            loop.schedule([to(goal, clock.now_s + 0.4)])
        run(loop, clock, 0.1)
    assert (loop.report.n_held > 0) == (reason is not None)
    assert loop.commanded().position[0] < 0.5 + 2 * LIMITS.lag_m + LIMITS.speed_m_s / 125
    if reason is None:
        assert loop.fault is None
    else:
        with pytest.raises(ArmFaultError, match=reason):
            loop.schedule([])


def test_an_arm_that_catches_up_goes_on() -> None:
    loop, servo, clock = make()
    servo.send = servo.sent.append  # type: ignore[method-assign]
    loop.schedule([to(0.57, clock.now_s + 0.3)])
    run(loop, clock, 0.5)
    servo.place = np.array([0.55, 0.0, 0.5])
    loop.schedule([to(0.57, clock.now_s + 0.1)])
    run(loop, clock, 0.4)
    assert loop.fault is None
    assert abs(loop.commanded().position[0] - 0.57) < 1e-6


def test_a_push_away_from_the_command_is_a_fault() -> None:
    loop, servo, clock = make()
    run(loop, clock, 0.1)
    servo.place = servo.place + np.array([0.0, 0.15, 0.0])
    run(loop, clock, 0.02)
    assert "0.150 m from where it was sent" in str(loop.fault)


def test_a_dry_run_shows_what_would_be_sent_and_moves_nothing() -> None:
    clock = Clock()
    servo, shown = FakeServo(clock), []
    dry = DryRun(servo, shown.append)
    loop = ServoLoop(dry, LIMITS, clock=clock)
    loop.begin()
    loop.schedule([to(0.8, clock.now_s + 1.0)])
    for _ in range(4):
        run(loop, clock, 0.4)
        if loop.queue_depth():
            loop.schedule([to(0.8, clock.now_s + 0.5)])
    assert loop.fault is None
    assert not servo.sent
    assert not servo.stopped
    assert dry.n_shown == len(shown) == loop.report.n_ticks
    assert abs(shown[-1].position[0] - 0.8) < 0.1
    assert dry.spec is servo.spec
    loop.halt("emergency stop")
    run(loop, clock, 0.1)
    assert not servo.stopped, "it never moved"
    loop.close()
    assert servo.stopped, "closing is passed on"


def test_connecting_again_does_not_leave_two_threads_that_send() -> None:
    servo = FakeServo(Clock())
    servo.clock = time.monotonic  # type: ignore[assignment]
    loop = ServoLoop(servo, LIMITS, stale_s=5.0)
    loop.connect()
    first = loop._thread
    loop.connect()
    assert first is not None
    assert not first.is_alive()
    loop.close()


def test_something_else_may_move_the_arm_and_a_latched_fault_stays() -> None:
    loop, servo, clock = make()
    loop.schedule([to(0.9, clock.now_s + 2.0)])
    run(loop, clock, 0.2)

    def carry() -> bool:
        servo.place = np.array([0.1, 0.3, 0.2])
        return True

    loop.moved_by(carry)
    run(loop, clock, 0.5)
    assert loop.fault is None
    assert np.allclose(servo.place, [0.1, 0.3, 0.2]), "it holds where it was carried"
    loop.halt("stop")
    with pytest.raises(ArmFaultError, match="call reset_fault"):
        loop.moved_by(lambda: pytest.fail("nothing moves while a fault is latched"))
    assert loop.fault == "stop"


def test_a_state_of_another_clock_is_a_fault() -> None:
    loop, servo, clock = make()
    servo.frozen_s = clock.now_s + 1e9  # as of time.time()
    run(loop, clock, 0.1)
    assert loop.fault is not None
    assert "time.monotonic" in loop.fault


def test_closing_in_free_drive_ends_it() -> None:
    clock = Clock()
    servo = HandServo(clock)
    loop = ServoLoop(servo, LIMITS, clock=clock)
    loop.begin()
    loop.free_drive(True)
    loop.close()
    assert not servo.free
    assert servo.stopped
