"""None of more than 10^6 random, adversarial and faulty commands leads out of the limits, by `step` and by the loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from dpbench.arms.control.loop import ServoLoop
from dpbench.arms.control.safety import Limits, Motion, step
from dpbench.arms.control.trajectory import Ahead
from dpbench.arms.driver import ArmSpec, ArmState, Waypoint
from dpbench.errors import ActionError, ArmFaultError
from dpbench.rotations import rotvec_between

LIMITS = Limits(low=(0.25, -0.45, 0.05), high=(0.77, 0.40, 0.5))
LOW, HIGH = np.array(LIMITS.low), np.array(LIMITS.high)
RATE_HZ = 125.0
DT_S = 1 / RATE_HZ
HOME = Waypoint(0.0, np.array([0.5, 0.0, 0.3]), np.array([1.0, 0.0, 0.0, 0.0]), 0.04)
N_ARMS, N_TICKS = 1000, 300
N_CALLS, N_IN_A_CALL = 505, 500


def most(vectors: np.ndarray) -> float:
    """Largest length of vectors `(..., 3)`."""
    return float(np.linalg.norm(vectors, axis=-1).max(initial=0.0))


def check(before: Waypoint, after: Waypoint) -> None:
    """Check two commands one tick apart, for many arms."""
    assert np.isfinite(after.position).all()
    assert (after.position >= LOW).all()
    assert (after.position <= HIGH).all()
    assert most(after.position - before.position) <= LIMITS.speed_m_s * DT_S * (1 + 1e-9)
    np.testing.assert_allclose(np.linalg.norm(after.quaternion, axis=-1), 1.0, atol=1e-12)
    assert most(rotvec_between(before.quaternion, after.quaternion)) <= LIMITS.turn_rad_s * DT_S * (1 + 1e-6)
    assert (np.asarray(after.gripper_m) >= 0.0).all()
    assert (np.asarray(after.gripper_m) <= LIMITS.gripper_m).all()
    assert np.abs(np.subtract(after.gripper_m, before.gripper_m)).max() <= LIMITS.gripper_m_s * DT_S * (1 + 1e-9)


def hostile(rng: np.random.Generator, last: Waypoint) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Desired poses of a random kind per arm: noise, far corners, opposite faces, unchanged, near, and absurdly far."""
    n = len(last.position)
    places = np.stack(
        [
            rng.uniform(LOW, HIGH, (n, 3)),
            rng.choice([-1e6, 1e6, 0.0], (n, 3)),
            np.where(rng.random((n, 3)) < 0.5, LOW, HIGH),
            last.position,
            last.position + rng.normal(0.0, 0.02, (n, 3)),
            rng.choice([-1e300, 1e300, 0.4], (n, 3)),
        ]
    )
    kinds = rng.integers(len(places), size=n)
    quaternions = rng.standard_normal((n, 4))
    quaternions /= np.linalg.norm(quaternions, axis=-1, keepdims=True)
    quaternions = np.where((kinds == 3)[:, None], last.quaternion, quaternions)
    return places[kinds, np.arange(n)], quaternions, np.where(kinds == 3, last.gripper_m, rng.uniform(-9, 9, n))


def onward(rng: np.random.Generator, n: int) -> Ahead:
    """Paths that do not exist: of any size and direction, and for half of the arms endless motion into a corner."""
    wild = (rng.normal(size=(n, 3)) * 10.0 ** rng.uniform(-12, 9, (n, 1)) for _ in range(4))
    corner, driven = rng.choice([-1.0, 1.0], (n, 3)), rng.random((n, 1)) < 0.5
    return Ahead(*(np.where(driven, corner, some) for some in wild))


def renewed(
    rng: np.random.Generator, share: float, fresh: Sequence[np.ndarray], old: Sequence[np.ndarray]
) -> list[Any]:
    """Give new values to a random share of the arms."""
    changed = rng.random(N_ARMS) < share
    return [np.where(changed.reshape(-1, *[1] * (new.ndim - 1)), new, was) for new, was in zip(fresh, old, strict=True)]


@pytest.mark.parametrize(("seed", "share"), list(enumerate([0.002, 0.02, 0.2, 1.0])))
def test_no_step_leaves_the_limits(seed: int, share: float) -> None:
    """1.2 million steps in total; each arm gets a new desired pose in a share of its ticks."""
    rng = np.random.default_rng(seed)
    widths: Any = np.full(N_ARMS, 0.04)
    start = Waypoint(0.0, np.tile(HOME.position, (N_ARMS, 1)), np.tile(HOME.quaternion, (N_ARMS, 1)), widths)
    motion, wanted, ahead, moved, at_faces = Motion.at_rest(start), start, onward(rng, N_ARMS), 0.0, 0
    for _ in range(N_TICKS):
        fresh, old = hostile(rng, motion.waypoint), (wanted.position, wanted.quaternion, wanted.gripper_m)
        wanted = Waypoint(0.0, *renewed(rng, share, fresh, old))  # type: ignore[arg-type]
        fresh, old = (tuple(vars(one).values()) for one in (onward(rng, N_ARMS), ahead))  # type: ignore[assignment]
        ahead = Ahead(*renewed(rng, share, fresh, old))
        following = step(motion, wanted, DT_S, LIMITS, ahead if rng.random() < 1 - share / 2 else None)
        check(motion.waypoint, following.waypoint)
        assert most(following.velocity - motion.velocity) <= LIMITS.acceleration_m_s2 * DT_S * (1 + 1e-9)
        assert most(following.turn - motion.turn) <= LIMITS.turn_rad_s2 * DT_S * (1 + 1e-9)
        way = following.waypoint.position - motion.waypoint.position
        np.testing.assert_allclose(way, following.velocity * DT_S, atol=1e-12)
        moved += float(np.abs(way).sum())
        at_faces += int(
            ((following.waypoint.position - LOW < 1e-3) | (HIGH - following.waypoint.position < 1e-3)).sum()
        )
        motion = following
    assert moved / N_ARMS > 0.05, "the arms moved"
    assert share > 0.1 or at_faces > 1000, "and reached the faces"


class Clock:
    """Seconds that pass when the test says so."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class FaultyServo:
    """An arm that is where its last command was, and sometimes fails for one call.

    Attributes:
        runs: the commands that were sent from one connection to the next, and before them where the arm was.
        goes_wrong: what the next call does, or None.
    """

    spec = ArmSpec("faulty", n_joints=6, rate_hz=RATE_HZ, gripper_m=0.08)

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.runs: list[list[Waypoint]] = []
        self.goes_wrong: str | None = None
        self._here = HOME

    def connect(self) -> None:
        self.goes_wrong = None
        self.runs.append([self._here])

    def read(self) -> ArmState:
        wrong, here = self.goes_wrong, self._here
        if wrong == "read":
            raise OSError("connection lost")
        place = here.position + {"near": 0.03, "behind": 0.07, "far": 0.4, "nan": np.nan}.get(wrong or "", 0.0)
        measured_s = self._clock() - (9.0 if wrong == "stale" else 0.0)
        fault = "protective stop" if wrong == "protective stop" else None
        return ArmState(measured_s, place, here.quaternion, np.zeros(6), here.gripper_m, fault)

    def send(self, waypoint: Waypoint) -> None:
        if self.goes_wrong == "send":
            raise OSError("connection lost")
        if self.goes_wrong == "library":
            raise RuntimeError("what a client library throws")
        self.runs[-1].append(waypoint)
        self._here = waypoint

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass


WRONG = ("read", "near", "behind", "far", "nan", "stale", "protective stop", "send", "library")
BAD: tuple[tuple[object, object], ...] = (  # position and quaternion
    ((np.nan, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0)),
    ((0.5, np.inf, 0.0), (1.0, 0.0, 0.0, 0.0)),
    ((0.5, 0.0), (1.0, 0.0, 0.0, 0.0)),
    ((0.5, 0.0, 0.3, 0.1), (1.0, 0.0, 0.0, 0.0)),
    ((0.5, 0.0, 0.3), (0.0, 0.0, 0.0, 0.0)),
    ((0.5, 0.0, 0.3), (np.nan, 0.0, 0.0, 1.0)),
    ((0.5, 0.0, 0.3), (1.0, 0.0, 0.0)),
)


def hostile_call(rng: np.random.Generator, now_s: float, here: Waypoint) -> list[Waypoint]:
    """Waypoints far and near, past and far ahead, out of order, at equal times; 40% of calls hold an invalid one."""
    n = N_IN_A_CALL
    times = now_s + rng.choice([-1.0, 1e-9, 0.02, 0.5, 2.0, 1e300]) * rng.random(n)
    times[rng.random(n) < 0.1] = now_s + rng.choice([0.008, 0.5, -1e300])
    spread = 10.0 ** rng.uniform(-5, 1)
    places = here.position + rng.normal(0.0, spread, (n, 3))
    places[rng.random(n) < 0.05] *= 10.0 ** rng.uniform(0, 299)
    quaternions = here.quaternion + rng.normal(0.0, 10.0 ** rng.uniform(-5, 2), (n, 4))
    widths = rng.normal(0.04, 10.0 ** rng.uniform(-3, 6), n)
    call = [
        Waypoint(time_s, place, quaternion, width)
        for time_s, place, quaternion, width in zip(times.tolist(), places, quaternions, widths.tolist(), strict=True)
    ]
    if rng.random() < 0.4:
        place, quaternion = BAD[rng.integers(len(BAD))]
        bad = Waypoint(now_s + 0.1, np.array(place), np.array(quaternion), 0.0)
        call[rng.integers(n)] = rng.choice([bad, Waypoint(np.nan, HOME.position, HOME.quaternion, 0.0)])  # type: ignore[arg-type]
    return call


@pytest.mark.parametrize("seed", range(4))
def test_no_waypoint_leads_out_of_the_limits(seed: int) -> None:
    """1.01 million waypoints in total."""
    rng, clock = np.random.default_rng(seed), Clock()
    servo = FaultyServo(clock)
    loop = ServoLoop(servo, LIMITS, watchdog_s=0.2, clock=clock)
    loop.begin()
    n_refused = n_faults = 0
    for _ in range(N_CALLS):
        try:
            loop.schedule(hostile_call(rng, clock.now_s, loop.commanded()))
        except ActionError:
            n_refused += 1
        for _ in range(int(rng.choice([1, 3, 40], p=[0.5, 0.4, 0.1]))):
            clock.now_s += DT_S * float(rng.choice([1.0, 0.1, 3.0], p=[0.9, 0.05, 0.05]))
            servo.goes_wrong = str(rng.choice(WRONG)) if rng.random() < 0.01 else None
            loop.tick()
            if loop.fault is not None:
                n_faults += 1
                with pytest.raises(ArmFaultError, match="call reset_fault"):
                    loop.schedule([])
                loop.reset_fault()
    assert n_refused > N_CALLS // 4
    assert n_faults > 5
    assert sum(len(run) for run in servo.runs) > 1000
    for run in servo.runs:
        check_run(run)
    assert max(most(np.diff([one.position for one in run], axis=0)) for run in servo.runs if len(run) > 1) > 1e-3


def check_run(run: list[Waypoint]) -> None:
    """Check the commands between two connections; the first starts at rest."""
    places, quaternions = np.array([one.position for one in run]), np.array([one.quaternion for one in run])
    widths = np.array([one.gripper_m for one in run])
    if len(run) > 1:
        check(
            Waypoint(0.0, places[:-1], quaternions[:-1], widths[:-1]),  # type: ignore[arg-type]
            Waypoint(0.0, places[1:], quaternions[1:], widths[1:]),  # type: ignore[arg-type]
        )
    velocities = np.diff(np.concatenate([places[:1], places]), axis=0) / DT_S
    assert most(np.diff(velocities, axis=0)) <= LIMITS.acceleration_m_s2 * DT_S * (1 + 1e-6)
