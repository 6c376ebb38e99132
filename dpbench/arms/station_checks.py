"""Is this arm fit to be run? One check after the other, each with what was measured and what to do when it failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dpbench.arms.control.loop_report import LoopReport
from dpbench.arms.control.safety import Limits
from dpbench.arms.driver import Waypoint
from dpbench.arms.execution_latency import ExecutionLatencyMeter
from dpbench.arms.station import Station
from dpbench.errors import ArmFaultError, DpbenchError
from dpbench.metrics.statistics.percentiles import percentiles

HOLD_S, MOVE_S = 2.0, 1.6
"""How long the loop is watched while the arm holds, and how long a trial move takes each way."""
WAY_M = 0.03
"""Of the trial move, upwards or downwards."""
LATE_SHARE, OLD_S, STILL_WITHIN_S = 0.02, 0.1, 0.5
"""What may be late of the control loop's ticks, how old a state may be, and how soon a stopped arm must be still."""
FRAME_HZ, FRAME_OLD_S = 9.0, 0.2
"""A camera must give a frame every step of a policy at 10 Hz."""
STILL_M = 0.001
POLL_S = 0.004


@dataclass(frozen=True)
class Finding:
    """One result.

    Attributes:
        name: what was checked.
        passed: True or False, None where it was left out.
        measured: in words.
        advice: what to do when it failed.
        values: the same as numbers.
    """

    name: str
    passed: bool | None
    measured: str
    advice: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


def check_station(station: Station, rate_hz: float, moves: bool) -> Iterator[Finding]:
    """Check a station that is not connected; it is connected at the end.

    Args:
        station: the arm in its place.
        rate_hz: of the policy.
        moves: the arm may move by 3 cm, which measures its execution latency and its stop.
    """
    spec = station.loop.spec
    yield Finding("driver", True, f"{spec.name}, {spec.n_joints} joints, commands at {spec.rate_hz:.0f} Hz")
    yield _limits(station.limits)
    connected = _connection("arm", station.loop.connect)
    yield connected
    camera = _connection("camera", station.camera.connect)
    yield camera
    if camera.passed:
        yield _frames(station, rate_hz)
    if not connected.passed:
        return
    yield _pose(station)
    yield _loop(station)
    if moves:
        yield _execution(station)
        yield _stop(station)
    else:
        for name in ("execution latency", "emergency stop"):
            yield Finding(name, None, "left out", "stand clear and add --move: the arm moves by 3 cm")


def _limits(limits: Limits) -> Finding:
    low, high = ([f"{value:.2f}" for value in corner] for corner in (limits.low, limits.high))
    box = ", ".join(f"{axis} {first} to {last}" for axis, first, last in zip("xyz", low, high, strict=True))
    speed = f"{limits.speed_m_s} m/s, {limits.acceleration_m_s2} m/s^2, {limits.turn_rad_s} rad/s"
    return Finding("limits", True, f"{box} m; {speed}", values=vars(limits))


def _connection(name: str, connect: Callable[[], None]) -> Finding:
    began = time.monotonic()
    try:
        connect()
    except (DpbenchError, OSError) as error:
        return Finding(name, False, "not connected", str(error))
    took_s = time.monotonic() - began
    return Finding(name, True, f"connected in {took_s:.2f} s", values={"connected_s": took_s})


def _frames(station: Station, rate_hz: float) -> Finding:
    """Rate and age of the camera's pictures over some time."""
    times: list[float] = []
    ages: list[float] = []
    end_s = time.monotonic() + HOLD_S
    try:
        shape = station.camera.read().picture.shape
        while time.monotonic() < end_s:
            frame_s = station.camera.read().time_s
            if not times or frame_s > times[-1]:
                times.append(frame_s)
                ages.append(time.monotonic() - frame_s)
            time.sleep(POLL_S)
    except (ArmFaultError, OSError) as error:
        return Finding("pictures", False, "none", str(error))
    rate, age = (len(times) - 1) / max(times[-1] - times[0], 1e-9), percentiles(ages)
    good = rate >= min(FRAME_HZ, 0.9 * rate_hz) and age["p95"] <= FRAME_OLD_S
    return Finding(
        "pictures",
        good,
        f"{shape[1]} x {shape[0]} px, {rate:.1f} a second, {_ms(age)} old when they came",
        "ask for a smaller picture, fix the exposure, plug the camera into USB 3, close other programs that use it",
        {"rate_hz": rate, "age_s": age, "shape": shape},
    )


def _pose(station: Station) -> Finding:
    state, limits = station.loop.read(), station.limits
    place = ", ".join(f"{value:.3f}" for value in state.position)
    inside = bool((state.position >= limits.low).all() and (state.position <= limits.high).all())
    return Finding(
        "pose",
        inside and state.fault is None,
        f"tool at {place} m" + ("" if state.fault is None else f"; {state.fault}"),
        "move the tool into the workspace by hand or pendant; from outside it comes in slowly, or does not start",
        {"position_m": state.position.tolist(), "joints_rad": state.joints.tolist()},
    )


def _loop(station: Station) -> Finding:
    """Rate of the control loop and age of the states, while the arm holds."""
    loop = station.loop
    loop.report = LoopReport()
    ages, end_s = [], time.monotonic() + HOLD_S
    while time.monotonic() < end_s and loop.fault is None:
        ages.append(time.monotonic() - loop.read().time_s)
        time.sleep(POLL_S)
    report, age = loop.report, percentiles(ages)
    late = report.n_late / max(report.n_ticks, 1)
    good = loop.fault is None and late <= LATE_SHARE and age["p95"] <= OLD_S
    intervals = report.percentiles_s()
    measured = f"ticks every {_ms(intervals)}, {late:.1%} late; states {_ms(age)} old"
    return Finding(
        "control loop",
        good,
        measured if loop.fault is None else f"stopped: {loop.fault}",
        "close other programs, use a wired network, give the process a higher priority (chrt) or a lower rate_hz",
        {"interval_s": intervals, "late_share": late, "state_age_s": age, "fault": loop.fault},
    )


def _execution(station: Station) -> Finding:
    """A small move there and back: how late the arm is where it was meant to be."""
    loop, meter = station.loop, ExecutionLatencyMeter()
    here = loop.commanded()
    try:
        accepted = loop.schedule(_there_and_back(here, station.limits))
        path = np.array([waypoint.position for waypoint in accepted])
        due = np.array([waypoint.time_s for waypoint in accepted])
        while (now := time.monotonic()) < due[-1] + 0.4:
            loop.schedule(())  # for the watchdog; raises when the arm has stopped
            state = loop.read()
            planned = np.array([np.interp(now, due, column) for column in path.T])
            meter.add(now, planned, state.time_s, state.position)
            time.sleep(POLL_S)
    except ArmFaultError as error:
        return Finding("execution latency", False, f"stopped: {error}", "look at the arm; then reset the fault")
    lag_s = meter.execution_s()
    off_m = float(np.linalg.norm(loop.read().position - here.position))
    return Finding(
        "execution latency",
        lag_s is not None and off_m < 0.01,
        "the arm hardly moved" if lag_s is None else f"{1000 * lag_s:.0f} ms; back within {1000 * off_m:.1f} mm",
        "check that the arm is not blocked and takes commands; where demonstrations hold measured poses (by hand), "
        "give this latency to `dpbench arm run --execution-s`",
        {"execution_s": lag_s, "off_m": off_m},
    )


def _there_and_back(here: Waypoint, limits: Limits) -> list[Waypoint]:
    """A smooth move from now on, up and down again, or down and up where there is no room above."""
    began_s = time.monotonic()
    up_m = WAY_M if here.position[2] + WAY_M <= limits.high[2] else -WAY_M
    shares = np.linspace(0.0, 1.0, 33)[1:]
    heights = up_m * np.sin(np.pi * shares) ** 2
    return [
        replace(here, time_s=began_s + 0.1 + 2 * MOVE_S * share, position=here.position + np.array([0.0, 0.0, height]))
        for share, height in zip(shares.tolist(), heights.tolist(), strict=True)
    ]


def _stop(station: Station) -> Finding:
    """Halt the arm in the middle of a move as the stop key does, and take up work again."""
    loop = station.loop
    waypoints = _there_and_back(loop.commanded(), station.limits)
    try:
        loop.schedule(waypoints)
        while time.monotonic() < waypoints[len(waypoints) // 4].time_s:  # half of the way up, where it is fastest
            loop.schedule(())
            time.sleep(POLL_S)
    except ArmFaultError as error:
        return Finding("emergency stop", False, f"stopped: {error}", "look at the arm; then reset the fault")
    before = loop.read().position
    began = time.monotonic()
    loop.halt("a check of the emergency stop")
    asked_s, places = time.monotonic() - began, []
    while (now := time.monotonic()) - began < STILL_WITHIN_S + 0.3:
        places.append((now - began, loop.read().position))
        time.sleep(POLL_S)
    end = places[-1][1]
    still_s = max((at for at, place in places if np.linalg.norm(place - end) > STILL_M), default=0.0)
    moved_m, refused = float(np.linalg.norm(end - before)), False
    try:
        loop.schedule([replace(loop.commanded(), time_s=time.monotonic() + 0.1)])
    except ArmFaultError:
        refused = True
    try:
        loop.reset_fault()
    except (DpbenchError, OSError) as error:
        return Finding("emergency stop", False, "cannot be reset", str(error))
    return Finding(
        "emergency stop",
        refused and still_s <= STILL_WITHIN_S,
        f"asked for in {1000 * asked_s:.0f} ms, still after {1000 * still_s:.0f} ms and {1000 * moved_m:.1f} mm, "
        f"commands {'refused until reset' if refused else 'still taken'}",
        "do not run a policy on this arm: its driver does not stop it",
        {"asked_s": asked_s, "still_s": still_s, "moved_m": moved_m, "refused": refused},
    )


def _ms(percentiles: Mapping[str, float]) -> str:
    return " / ".join(f"{1000 * value:.1f}" for value in percentiles.values()) + " ms"
