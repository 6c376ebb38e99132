"""A path is followed closely, within the limits, and the arm brakes at its end."""

from __future__ import annotations

import numpy as np
import pytest

from dpbench.arms.control.safety import Limits, Motion, at_rest_after, step
from dpbench.arms.control.trajectory import Trajectory
from dpbench.arms.driver import Waypoint
from dpbench.rotations import rotate_quat, rotvec_between

LIMITS = Limits((0.0, -1.0, 0.0), (2.0, 1.0, 1.0))
DOWN = np.array([1.0, 0.0, 0.0, 0.0])
START_S, PERIOD_S = 0.5, 0.1


def through(places: np.ndarray, quaternions: np.ndarray | None = None) -> Trajectory:
    """Waypoints at 10 Hz."""
    turns = np.tile(DOWN, (len(places), 1)) if quaternions is None else quaternions
    times = START_S + PERIOD_S * np.arange(len(places))
    return Trajectory(
        tuple(Waypoint(t, place, turn, 0.0) for t, place, turn in zip(times.tolist(), places, turns, strict=True))
    )


def follow(path: Trajectory, rate_hz: float) -> tuple[np.ndarray, np.ndarray, list[Waypoint]]:
    """Times (T,), distances from the path (T,) m, and the commands."""
    motion, dt_s = Motion.at_rest(path.at(0.0)), 1 / rate_hz
    times = np.arange(1, int((path.end_s + 1.5) * rate_hz)) * dt_s
    commands = []
    for time_s in times.tolist():
        motion = step(motion, path.at(time_s), dt_s, LIMITS, path.ahead(time_s, dt_s))
        commands.append(motion.waypoint)
    away = [one.position - path.at(t).position for one, t in zip(commands, times.tolist(), strict=True)]
    return times, np.linalg.norm(away, axis=-1), commands


@pytest.mark.parametrize("rate_hz", [125.0, 500.0])
@pytest.mark.parametrize("speed_m_s", [0.05, 0.1, 0.2])
def test_a_steady_path_is_followed_and_its_end_not_passed(speed_m_s: float, rate_hz: float) -> None:
    xs = 0.2 + speed_m_s * PERIOD_S * np.arange(26)
    path = through(np.stack([xs, np.zeros(26), np.full(26, 0.5)], axis=-1))
    times, away, commands = follow(path, rate_hz)
    steady = (times > START_S + 1.2) & (times < path.end_s - speed_m_s / LIMITS.acceleration_m_s2 - 0.05)
    assert away[steady].max() < 1e-4
    assert max(one.position[0] for one in commands) < xs[-1] + 1e-6
    assert abs(commands[-1].position[0] - xs[-1]) < 1e-6


def test_a_circle_is_followed_within_half_a_millimetre() -> None:
    angles = np.linspace(0.0, 4 * np.pi, 81)
    path = through(np.stack([0.5 + 0.1 * np.cos(angles), 0.1 * np.sin(angles), np.full(81, 0.5)], axis=-1))
    times, away, commands = follow(path, 125.0)
    assert away[(times > START_S + 1.2) & (times < path.end_s - 0.2)].max() < 5e-4
    assert max(one.position[0] for one in commands[-150:]) < 0.6 + 1e-4


def test_turning_back_does_not_overshoot() -> None:
    ys = np.concatenate([np.linspace(0.0, 0.2, 11), np.linspace(0.2, 0.0, 11)[1:]])
    path = through(np.stack([np.full(21, 0.5), ys, np.full(21, 0.5)], axis=-1))
    _, _, commands = follow(path, 125.0)
    assert 0.17 < max(one.position[1] for one in commands) < 0.2 + 1e-6


def test_a_steady_turn_is_followed_and_its_end_not_passed() -> None:
    turns = np.stack([rotate_quat(DOWN, np.array([0.0, 0.0, 0.04 * number])) for number in range(31)])
    path = through(np.tile([0.5, 0.0, 0.5], (31, 1)), turns)
    times, _, commands = follow(path, 125.0)
    behind = [
        float(np.linalg.norm(rotvec_between(path.at(t).quaternion, one.quaternion)))
        for t, one in zip(times.tolist(), commands, strict=True)
    ]
    assert max(np.array(behind)[(times > START_S + 0.6) & (times < path.end_s - 0.2)]) < 1e-3
    assert all(float(rotvec_between(DOWN, one.quaternion)[2]) < 0.04 * 30 + 1e-6 for one in commands)


def test_rest_is_where_braking_ends() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        motion = Motion(
            Waypoint(0.0, np.array([1.0, 0.0, 0.5]), DOWN, 0.0), rng.normal(0, 0.07, 3), rng.normal(0, 0.2, 3)
        )
        rest = at_rest_after(motion, 1 / 125, LIMITS)
        while np.linalg.norm(motion.velocity) > 0 or np.linalg.norm(motion.turn) > 0:
            motion = step(motion, None, 1 / 125, LIMITS)
        np.testing.assert_allclose(motion.waypoint.position, rest.position, atol=1e-9)
        assert np.linalg.norm(rotvec_between(motion.waypoint.quaternion, rest.quaternion)) < 1e-6
