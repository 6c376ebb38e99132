"""Several episodes of a policy on an arm: a person starts each, looks after stops, and quits."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import gymnasium as gym

from dpbench.arms.deployment.episode import EpisodeReport, run_episode
from dpbench.arms.deployment.execution import ExecutionConfig
from dpbench.arms.recording.journal import Journal
from dpbench.arms.station import Station, picture_of, station_of
from dpbench.arms.teleoperation.interface import OperatorInterface
from dpbench.arms.teleoperation.keys import QUIT, RESET, START
from dpbench.errors import ArmFaultError, DpbenchError
from dpbench.policies.protocol import Policy
from dpbench.spec import TaskSpec

IDLE_S = 1 / 30


@dataclass(frozen=True)
class DeploymentPlan:
    """What a session is to do.

    Attributes:
        n_episodes: how many.
        first_seed: of the first episode; later ones count up.
        unattended: episodes start by themselves, and a stop of the arm ends the session.
        learns_execution: compensate in each episode the execution latency that was measured in the one before.
        max_s: time limit of an episode; the task's by default.
    """

    n_episodes: int
    first_seed: int
    unattended: bool
    learns_execution: bool = False
    max_s: float | None = None


def run_session(
    env: gym.Env[Any, Any],
    task: TaskSpec,
    policy: Policy,
    timing: ExecutionConfig,
    interface: OperatorInterface,
    plan: DeploymentPlan,
    journal: Journal | None = None,
    on_report: Callable[[EpisodeReport], object] = lambda _: None,
) -> list[EpisodeReport]:
    """Run episodes one by one.

    Args:
        env: of an arm.
        task: names actions, observations, rate and time limit.
        policy: acts.
        timing: how it is run.
        interface: keys and view.
        plan: see there.
        journal: takes the steps of every episode as demonstrations, or None.
        on_report: given every report as soon as there is one.

    Raises:
        DataError: when the journal holds an unfinished episode.
        DpbenchError: see `run_episode`.
    """
    station, reports = station_of(env), list[EpisodeReport]()
    if journal is not None:
        journal.check_finished()
    env.reset(seed=plan.first_seed)
    while len(reports) < plan.n_episodes:
        if not (plan.unattended or _may_start(station, interface, reports[-1] if reports else None)):
            break
        seed = plan.first_seed + len(reports)
        try:
            report = run_episode(env, task, policy, timing, interface, seed, journal, plan.max_s)
        except (ArmFaultError, OSError) as error:  # it could not begin
            if plan.unattended:
                raise ArmFaultError(str(error)) from error
            station.loop.halt(str(error))
            continue
        reports.append(report)
        on_report(report)
        if journal is not None and journal.n_steps:
            journal.save()
        if plan.learns_execution and report.execution_s is not None:
            timing = replace(timing, execution_s=report.execution_s)
        if report.quits or (plan.unattended and station.loop.fault is not None):
            break
    return reports


def _may_start(station: Station, interface: OperatorInterface, last: EpisodeReport | None) -> bool:
    """Wait until the person starts the next episode; False when they quit."""
    tried: tuple[str, ...] = ()
    while True:
        fault = station.loop.fault
        if fault is not None:
            lines = (f"STOPPED: {fault}", *tried, f"{RESET} take up again, when it is safe · {QUIT} quit")
        else:
            before = "ready" if last is None else f"ended by {last.ended_by} after {last.duration_s:.1f} s"
            lines = (before, f"{START} start · {QUIT} quit")
        interface.show(picture_of(station), lines)
        for key in interface.pressed():
            if key == QUIT:
                return False
            if key == START and fault is None:
                return True
            if key == RESET and fault is not None:
                tried = _reset(station)
        time.sleep(IDLE_S)


def _reset(station: Station) -> tuple[str, ...]:
    """Take up work again; what stands against it."""
    try:
        station.loop.reset_fault()
    except (DpbenchError, OSError) as error:
        return (f"still stopped: {error}",)
    return ()
