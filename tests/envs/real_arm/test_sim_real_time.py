"""The control loop with the digital twin in real time, and all injected faults.

Bounds are wide, since the machine may be loaded; `test_sim.py` has the exact ones.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from dpbench.arms.control.loop import ServoLoop
from dpbench.arms.control.safety import Limits
from dpbench.arms.driver import Waypoint
from dpbench.envs.real_arm.drivers.sim import SimServo
from dpbench.envs.real_arm.scene import DOWN, HOME_M, WORKSPACE_HIGH_M, WORKSPACE_LOW_M
from dpbench.errors import ArmFaultError, ConfigError

LIMITS = Limits(WORKSPACE_LOW_M, WORKSPACE_HIGH_M, gripper_m=0.0)
STILL_M = 0.001
LATCHED_WITHIN_S, STILL_WITHIN_S, ENDED_WITHIN_S = 1.0, 0.8, 5.0
PATIENT_S = 2.0
"""Age at which a state is a fault, where staleness is not tested."""


@contextmanager
def connected(stale_s: float = PATIENT_S, **link: Any) -> Iterator[tuple[SimServo, ServoLoop]]:
    servo = SimServo(**link)
    loop = ServoLoop(servo, LIMITS, watchdog_s=10.0, stale_s=stale_s)
    loop.connect()
    try:
        yield servo, loop
    finally:
        loop.close()
    assert servo.pid is None


def move(loop: ServoLoop, y: float, duration_s: float) -> None:
    place = np.array([HOME_M[0], y, 0.1])
    loop.schedule([Waypoint(time.monotonic() + duration_s, place, np.array(DOWN), 0.0)])


def arrive(loop: ServoLoop, y: float) -> None:
    move(loop, y, 0.8)
    wait_until(lambda: abs(float(loop.read().position[1]) - y) < 0.005, within_s=4.0)


def wait_until(condition: Callable[[], bool], within_s: float) -> None:
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until, f"not within {within_s} s"
        time.sleep(0.002)


def still_after_s(servo: SimServo) -> float:
    """Time until the rod stays within 1 mm of its final position, s."""
    start, samples = time.monotonic(), []
    while time.monotonic() - start < STILL_WITHIN_S + 0.3:
        samples.append((time.monotonic() - start, servo.scene().tip))
        time.sleep(0.004)
    end = samples[-1][1]
    return max((at for at, tip in samples if math.dist(tip, end) > STILL_M), default=0.0)


def has_ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_the_twin_keeps_its_own_time_until_it_is_closed() -> None:
    servo = SimServo(seed=3)
    servo.connect()
    before = servo.scene()
    time.sleep(1.0)
    after = servo.scene()
    assert 60 < (after.n_ticks - before.n_ticks) / (after.time_s - before.time_s) < 130
    assert 0.0 <= time.monotonic() - servo.read().time_s < 0.5
    assert before.block == pytest.approx(after.block, abs=1e-4)
    pid = servo.pid
    assert pid is not None
    servo.connect()
    assert servo.pid == pid, "connecting again keeps the twin"
    first, second, again = servo.reset(4), servo.reset(5), servo.reset(4)
    assert first.target == again.target != second.target
    servo.fault(disconnected=True)
    with pytest.raises(ConfigError, match="the link to the simulated arm is cut"):
        servo.connect()
    servo.close()
    servo.close()
    assert has_ended(pid)
    with pytest.raises(ArmFaultError, match=r"call connect\(\) first"):
        servo.read()


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be suspended there")
def test_a_twin_that_is_suspended_while_it_writes_is_still_read() -> None:
    with connected() as (servo, _):
        pid, shared = servo.pid, servo._twin._shared  # type: ignore[union-attr]
        assert pid is not None
        wait_until(lambda: servo.scene().n_ticks >= 2, within_s=4.0)  # both slots are written
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(0.05)
            half, before = len(shared) // 2, bytes(shared)
            for slot in (0, half):
                shared[slot + 5] = bytes([before[slot + 5] ^ 255])
                assert servo.read().position == pytest.approx(HOME_M, abs=0.001), "the other slot is complete"
                shared[slot + 5] = before[slot + 5 : slot + 6]
        finally:
            os.kill(pid, signal.SIGCONT)


def test_it_reaches_waypoints_over_any_link() -> None:
    clean = {"latency_s": 0.0, "jitter_s": 0.0, "drop_share": 0.0, "reorder_share": 0.0}
    with connected() as (servo, loop):
        for number, (name, value) in enumerate(zip(clean, (0.04, 0.04, 0.3, 0.3), strict=True)):
            servo.fault(**clean | {name: value})
            y = 0.06 * (1 - number % 2)
            arrive(loop, y)
            time.sleep(0.2)
            assert loop.fault is None, name
            assert loop.read().position == pytest.approx((HOME_M[0], y, 0.1), abs=0.01), name


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("frozen", "s old"), ("protective_stop", "protective stop"), ("disconnected", "link .* is cut")],
)
def test_faults_stop_the_arm(fault: str, reason: str) -> None:
    with connected(stale_s=0.3) as (servo, loop):
        move(loop, 0.4, 2.0)
        time.sleep(0.5)
        servo.fault(**{fault: True})
        still_s = still_after_s(servo)
        with pytest.raises(ArmFaultError, match=reason):
            move(loop, 0.0, 1.0)
        assert still_s < STILL_WITHIN_S
        assert servo.scene().tip[1] < 0.35, "it stopped before the goal"
        servo.fault(**{fault: False})
        assert loop.fault is not None, "a fault that disappears by itself stays latched"
        loop.reset_fault()
        arrive(loop, 0.0)


@pytest.mark.parametrize("how", ["kill -9", "crash"])
def test_after_a_crash_the_loop_stops_and_can_restart(how: str) -> None:
    with connected() as (servo, loop):
        move(loop, 0.3, 2.0)
        time.sleep(0.3)
        pid = servo.pid
        assert pid is not None
        if how == "crash":
            servo.fault(crash=True)
        else:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: loop.fault is not None, LATCHED_WITHIN_S)
        assert "has ended" in str(loop.fault)
        n_ticks = loop.report.n_ticks
        time.sleep(0.1)
        assert loop.report.n_ticks == n_ticks, "nothing more is sent"
        loop.reset_fault()
        assert has_ended(pid)
        assert servo.pid not in (None, pid)
        assert loop.read().position == pytest.approx(HOME_M, abs=0.001)


def test_after_a_reset_the_loop_starts_from_home() -> None:
    with connected(latency_s=0.03) as (servo, loop):
        arrive(loop, 0.2)
        servo.reset(7)
        loop.reset_fault()
        time.sleep(0.3)
        assert loop.fault is None
        assert servo.scene().tip == pytest.approx(HOME_M[:2], abs=0.01)


def test_the_twin_ends_when_its_host_is_killed() -> None:
    code = (
        "import time\n"
        "from dpbench.envs.real_arm.drivers.sim import SimServo\n"
        "servo = SimServo(); servo.connect(); print(servo.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        pid = int(host.stdout.readline())
        assert not has_ended(pid)
        host.kill()
        # Host and twin write to the same pipe, which closes when both have ended.
        host.communicate(timeout=ENDED_WITHIN_S)
