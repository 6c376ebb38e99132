"""A session that runs a policy on an arm for several episodes, attended by an operator or unattended."""

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
    """What a session does.

    Attributes:
        n_episodes: number of episodes.
        first_seed: seed of the first episode; later ones count up.
        unattended: episodes start by themselves, and a fault of the arm ends the session.
        adapts_latency: compensate in each episode the execution latency measured in the previous one.
        max_s: time limit of an episode; the task's by default.
    """

    n_episodes: int
    first_seed: int
    unattended: bool
    adapts_latency: bool = False
    max_s: float | None = None


def run_session(
    env: gym.Env[Any, Any],
    task: TaskSpec,
    policy: Policy,
    config: ExecutionConfig,
    interface: OperatorInterface,
    plan: DeploymentPlan,
    journal: Journal | None = None,
    on_report: Callable[[EpisodeReport], object] = lambda _: None,
) -> list[EpisodeReport]:
    """Run the episodes one by one.

    Args:
        env: environment of an arm (`station_of`).
        task: names actions, observations, rate and time limit.
        policy: to run.
        config: how its chunks are executed.
        interface: keys and view.
        plan: what the session does.
        journal: stores every episode as a demonstration, or None.
        on_report: called with the report of every episode.

    Raises:
        DataError: if the journal holds an unfinished episode.
        DpbenchError: see `run_episode`.
    """
    station, reports = station_of(env), list[EpisodeReport]()
    if journal is not None:
        journal.check_finished()
    if not plan.unattended:
        env.reset(seed=plan.first_seed)  # connects, so that the operator sees the scene
    while len(reports) < plan.n_episodes:
        if not (plan.unattended or _may_start(station, interface, reports[-1] if reports else None)):
            break
        seed = plan.first_seed + len(reports)
        try:
            report = run_episode(env, task, policy, config, interface, seed, journal, plan.max_s)
        except (ArmFaultError, OSError) as error:  # the episode could not start
            if plan.unattended:
                raise ArmFaultError(str(error)) from error
            station.loop.halt(str(error))
            continue
        reports.append(report)
        on_report(report)
        if journal is not None and journal.n_steps:
            journal.save()
        if plan.adapts_latency and report.execution_latency_s is not None:
            config = replace(config, execution_latency_s=report.execution_latency_s)
        if report.quits or (plan.unattended and station.loop.fault is not None):
            break
    return reports


def _may_start(station: Station, interface: OperatorInterface, last: EpisodeReport | None) -> bool:
    """Wait until the operator starts the next episode; False if they quit."""
    tried: tuple[str, ...] = ()
    while True:
        fault = station.loop.fault
        if fault is not None:
            lines = (f"STOPPED: {fault}", *tried, f"{RESET} reset once it is safe · {QUIT} quit")
        else:
            before = "ready" if last is None else f"ended by {last.ended_by} after {last.duration_s:.1f} s"
            lines = (before, f"{START} start · {QUIT} quit")
        interface.show(picture_of(station, interface.shows_pictures), lines)
        for key in interface.pressed():
            if key == QUIT:
                return False
            if key == START and fault is None:
                return True
            if key == RESET and fault is not None:
                tried = _reset(station)
        time.sleep(IDLE_S)


def _reset(station: Station) -> tuple[str, ...]:
    """Reset the fault; returns a line that says why if that fails."""
    try:
        station.loop.reset_fault()
    except (DpbenchError, OSError) as error:
        return (f"still stopped: {error}",)
    return ()
