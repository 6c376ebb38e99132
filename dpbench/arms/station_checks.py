"""Checks of a connected station: limits, connections, camera, control loop, execution latency and emergency stop.

Each check returns a `Finding`: what was measured, whether that is good enough, and what to do if not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from dpbench.arms.control.loop_report import LoopReport
from dpbench.arms.control.safety import Limits
from dpbench.arms.driver import Waypoint
from dpbench.arms.execution_latency import ExecutionLatencyMeter
from dpbench.arms.station import Station
from dpbench.errors import ArmFaultError, DpbenchError
from dpbench.findings import Finding
from dpbench.metrics.statistics.percentiles import percentiles

OBSERVED_S, MOVE_S = 2.0, 1.6
"""How long camera and loop are observed, and how long the trial motion takes each way."""
TRIAL_M = 0.03
"""Height of the trial motion, upwards or downwards."""
MAX_LATE_SHARE, MAX_STATE_AGE_S, MAX_STOP_S = 0.02, 0.1, 0.5
"""Share of late ticks, age of a state (p95), and time until a stopped arm is at rest, at most."""
MIN_FRAME_RATE_HZ, MAX_FRAME_AGE_S = 9.0, 0.2
"""A camera needs a new frame for every step of a policy at 10 Hz."""
MAX_RETURN_ERROR_M = 0.01
REST_M = 0.001
POLL_S = 0.004


def check_station(station: Station, rate_hz: float, moves: bool) -> Iterator[Finding]:
    """Check a station that is not connected yet; afterwards it is connected.

    Args:
        station: arm, limits and camera.
        rate_hz: of the policy's actions.
        moves: let the arm move by 3 cm, which measures its execution latency and its emergency stop.

    Yields:
        One finding per check, as soon as it is known.
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
        yield _execution_latency(station)
        yield _emergency_stop(station)
    else:
        for name in ("execution latency", "emergency stop"):
            yield Finding(name, None, "skipped", "stand clear and add --move: the arm moves by 3 cm")


def check_inference(name: str, call_s: Mapping[str, float], chunk_s: float) -> Finding:
    """Whether a policy is fast enough: a chunk must be ready well before the previous one ends.

    Args:
        name: of the policy.
        call_s: p50, p95 and p99 of its inference latency, s.
        chunk_s: duration of a chunk of its actions.
    """
    times = " / ".join(f"{1000 * value:.0f}" for value in call_s.values())
    return Finding(
        "inference",
        call_s["p99"] < chunk_s / 2,
        f"{name}: {times} ms (p50 / p95 / p99) for a chunk of {chunk_s:.1f} s",
        "sample faster (`dpbench latency` compares the settings), or use a smaller preset or a GPU",
        {"call_s": dict(call_s), "chunk_s": chunk_s},
    )


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
    """Rate and age of the camera's frames."""
    times: list[float] = []
    ages: list[float] = []
    end_s = time.monotonic() + OBSERVED_S
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
    return Finding(
        "pictures",
        rate >= min(MIN_FRAME_RATE_HZ, 0.9 * rate_hz) and age["p95"] <= MAX_FRAME_AGE_S,
        f"{shape[1]} x {shape[0]} px, {rate:.1f} a second, {_ms(age)} old on arrival",
        "use a smaller picture, fix the exposure, connect the camera to USB 3, close other programs that use it",
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
        "bring the tool into the workspace by hand or with the pendant; from just outside it moves in slowly, from "
        "further away the arm does not start",
        {"position_m": state.position.tolist(), "joints_rad": state.joints.tolist()},
    )


def _loop(station: Station) -> Finding:
    """Rate of the control loop and age of the states while the arm holds still."""
    loop = station.loop
    loop.report = LoopReport()
    ages, end_s = [], time.monotonic() + OBSERVED_S
    while time.monotonic() < end_s and loop.fault is None:
        ages.append(time.monotonic() - loop.read().time_s)
        time.sleep(POLL_S)
    report, age = loop.report, percentiles(ages)
    late = report.n_late / max(report.n_ticks, 1)
    intervals = report.percentiles_s()
    measured = f"ticks every {_ms(intervals)}, {late:.1%} late; states {_ms(age)} old"
    return Finding(
        "control loop",
        loop.fault is None and late <= MAX_LATE_SHARE and age["p95"] <= MAX_STATE_AGE_S,
        measured if loop.fault is None else f"stopped: {loop.fault}",
        "close other programs, use a wired network, give the process a higher priority (chrt) or lower rate_hz",
        {"interval_s": intervals, "late_share": late, "state_age_s": age, "fault": loop.fault},
    )


def _execution_latency(station: Station) -> Finding:
    """Moves the tool up and back, and compares the measured path with the commanded one."""
    loop, meter = station.loop, ExecutionLatencyMeter()
    start = loop.commanded()
    try:
        accepted = loop.schedule(_trial_motion(start, station.limits))
        path = np.array([waypoint.position for waypoint in accepted])
        due = np.array([waypoint.time_s for waypoint in accepted])
        while (now := time.monotonic()) < due[-1] + 0.4:
            loop.schedule(())  # feeds the watchdog; raises if the arm has stopped
            state = loop.read()
            commanded = np.array([np.interp(now, due, column) for column in path.T])
            meter.add(now, commanded, state.time_s, state.position)
            time.sleep(POLL_S)
    except ArmFaultError as error:
        return Finding("execution latency", False, f"stopped: {error}", "inspect the arm, then reset the fault")
    latency_s = meter.latency_s()
    error_m = float(np.linalg.norm(loop.read().position - start.position))
    return Finding(
        "execution latency",
        latency_s is not None and error_m < MAX_RETURN_ERROR_M,
        "the arm hardly moved"
        if latency_s is None
        else f"{1000 * latency_s:.0f} ms; back within {1000 * error_m:.1f} mm",
        "check that the arm is not blocked and accepts commands; if your demonstrations hold measured poses (taught by "
        "hand), pass this latency to `dpbench arm run --execution-latency`",
        {"execution_latency_s": latency_s, "return_error_m": error_m},
    )


def _trial_motion(start: Waypoint, limits: Limits) -> list[Waypoint]:
    """A smooth motion up and back; down and back if there is no room above."""
    began_s = time.monotonic()
    up_m = TRIAL_M if start.position[2] + TRIAL_M <= limits.high[2] else -TRIAL_M
    fractions = np.linspace(0.0, 1.0, 33)[1:]
    heights = up_m * np.sin(np.pi * fractions) ** 2
    return [
        replace(
            start, time_s=began_s + 0.1 + 2 * MOVE_S * fraction, position=start.position + np.array([0.0, 0.0, height])
        )
        for fraction, height in zip(fractions.tolist(), heights.tolist(), strict=True)
    ]


def _emergency_stop(station: Station) -> Finding:
    """Stops the arm during a motion as the stop key does, then resets the fault."""
    loop = station.loop
    waypoints = _trial_motion(loop.commanded(), station.limits)
    try:
        loop.schedule(waypoints)
        while time.monotonic() < waypoints[len(waypoints) // 4].time_s:  # half of the way up, at the highest speed
            loop.schedule(())
            time.sleep(POLL_S)
    except ArmFaultError as error:
        return Finding("emergency stop", False, f"stopped: {error}", "inspect the arm, then reset the fault")
    before = loop.read().position
    began = time.monotonic()
    loop.halt("a check of the emergency stop")
    call_s, places = time.monotonic() - began, []
    while (now := time.monotonic()) - began < MAX_STOP_S + 0.3:
        places.append((now - began, loop.read().position))
        time.sleep(POLL_S)
    end = places[-1][1]
    rest_s = max((at for at, place in places if np.linalg.norm(place - end) > REST_M), default=0.0)
    moved_m, refused = float(np.linalg.norm(end - before)), False
    try:
        loop.schedule([replace(loop.commanded(), time_s=time.monotonic() + 0.1)])
    except ArmFaultError:
        refused = True
    try:
        loop.reset_fault()
    except (DpbenchError, OSError) as error:
        return Finding("emergency stop", False, "the fault cannot be reset", str(error))
    return Finding(
        "emergency stop",
        refused and rest_s <= MAX_STOP_S,
        f"at rest after {1000 * rest_s:.0f} ms and {1000 * moved_m:.1f} mm (the call took {1000 * call_s:.0f} ms), "
        f"commands {'refused until the reset' if refused else 'still accepted'}",
        "do not run a policy on this arm: its driver does not stop it",
        {"call_s": call_s, "rest_s": rest_s, "moved_m": moved_m, "refused": refused},
    )


def _ms(percentiles: Mapping[str, float]) -> str:
    return " / ".join(f"{1000 * value:.1f}" for value in percentiles.values()) + " ms"
