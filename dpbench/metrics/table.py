"""The table of metrics: what records hold, tables show, legends and documentation explain, and the CSV lists.

To add a metric, add a row here and the function that it names. Records of earlier evaluations show it where their
trajectories tell it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dpbench.metrics import of_episode
from dpbench.metrics.behaviour import Behaviour
from dpbench.metrics.chunks import chunk_statistics
from dpbench.metrics.metric import Metric, OfEpisode, OfRecords, OfSet, RecordedMetrics, Shown, Tasks
from dpbench.metrics.modes import histogram_distance, jensen_shannon, mode_statistics, total_variation
from dpbench.metrics.plans import plan_statistics
from dpbench.metrics.real_time import DIFFERENCE, FRESH_RATE, STALE_SHARE
from dpbench.metrics.statistics.estimators import MEAN, PROPORTION
from dpbench.metrics.statistics.intervals import Estimate
from dpbench.spec import Stage, TaskSpec

D3IL = "Jia et al. 2024 (D3IL, arXiv 2402.14606)"
OVER_ROLLOUTS = "basic bootstrap over rollouts (Davison & Hinkley 1997, Eq. 5.6)"
OVER_STATES = "bootstrap over the probed states"
PAIRED = "adjusted Wald for pairs, effective number of trials; over training seeds, bootstrap"
OVER_BOTH = "basic bootstrap over the rollouts of both"


def _behaviour(task: TaskSpec) -> Behaviour:
    return task.part(Behaviour) or Behaviour()


EVERY_TASK = Tasks("every task", lambda _: True)
WITH_MODES = Tasks("tasks that name their modes", lambda task: bool(task.modes))
WITH_PLANS = Tasks("tasks that read plans from chunks", lambda task: _behaviour(task).plan_of is not None)
KNOWN = Tasks("tasks whose demonstrator is a known distribution", lambda task: _behaviour(task).conditional is not None)
WITH_STAGES = Tasks("tasks with stages", lambda task: bool(task.stages))


def score_of(task: TaskSpec) -> str:
    """The metric that counts as the score of a task: the largest reward or, where rewards come in stages, their sum."""
    return "max_score" if task.stages else "max_reward"


def _energy_ratio(records: RecordedMetrics) -> float | None:
    energy, floor = records.number("energy_distance"), records.number("energy_distance_floor")
    return energy / floor if energy is not None and floor else None


def _from_demonstrator(
    distance: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]],
) -> Callable[[RecordedMetrics], Estimate | None]:
    """A distance between the mode histograms of policy and demonstrator; None where one of them is missing."""

    def of(records: RecordedMetrics) -> Estimate | None:
        theirs = records.demonstrator.mode_counts() if records.demonstrator is not None else None
        ours = records.mode_counts()
        return histogram_distance(distance, ours, theirs) if ours is not None and theirs is not None else None

    return of


METRICS: tuple[Metric, ...] = (
    Metric(
        "success", "share of episodes", "higher", "share of episodes in which the task was solved at some step",
        OfEpisode(of_episode.success, PROPORTION), EVERY_TASK, Shown.IN_TABLE, "success",
        csv="success_rate", with_interval=True,
    ),
    Metric(
        "score", "the task's reward", "higher",
        "mean over episodes of the largest reward; where rewards come in stages, of their sum",
        OfRecords(lambda records: records.estimate(score_of(records.task)), MEAN.interval), EVERY_TASK, Shown.IN_TABLE,
        "score", source="Chi et al. 2023 (arXiv 2303.04137), Tab. 1", with_interval=True,
    ),
    Metric(
        "max_reward", "the task's reward", "higher", "mean over episodes of the largest reward",
        OfEpisode(of_episode.max_reward, MEAN), EVERY_TASK, Shown.IN_RECORDS,
    ),
    Metric(
        "max_score", "the task's score", "higher", "mean over episodes of the largest value of the task's own score",
        OfEpisode(of_episode.max_score, MEAN), EVERY_TASK, Shown.IN_CSV, format=".3f",
    ),
    Metric(
        "final_score", "the task's score", "higher", "mean over episodes of the task's own score at the last step",
        OfEpisode(of_episode.final_score, MEAN), EVERY_TASK, Shown.IN_SECOND_TABLE, "final score", ".3f",
    ),
    Metric(
        "behaviour_entropy", "base-K bits", "neither",
        "entropy of the modes of successful episodes, from 0 (one mode) to 1 (all equally often), without correction",
        OfSet(mode_statistics, OVER_ROLLOUTS), WITH_MODES, Shown.IN_RECORDS, source=f"{D3IL}, Eq. 1",
    ),
    Metric(
        "behaviour_entropy_corrected", "base-K bits", "neither",
        "entropy of the modes of successful episodes, from 0 (one mode) to 1 (all equally often), with the "
        "Miller-Madow correction",
        OfSet(mode_statistics, OVER_ROLLOUTS), WITH_MODES, Shown.IN_TABLE, "entropy",
        source=f"{D3IL}, Eq. 1; Miller 1955", csv="behaviour_entropy",
    ),
    Metric(
        "conditional_behaviour_entropy", "base-K bits", "neither",
        "mean over starts of the entropy of the episodes from each; a start without success counts as 0; needs several "
        "sampler seeds",
        OfSet(mode_statistics, "bootstrap over starts"), WITH_MODES, Shown.IN_RECORDS, source=f"{D3IL}, Eq. 2",
    ),
    Metric(
        "mode_coverage", "share of modes", "higher", "share of the task's modes that a successful episode showed",
        OfSet(mode_statistics, OVER_ROLLOUTS), WITH_MODES, Shown.IN_SECOND_TABLE, "modes seen",
    ),
    Metric(
        "total_variation", "0 to 1", "lower",
        "total variation between the mode histograms of policy and demonstrator, from 0 (equal) to 1 (disjoint)",
        OfRecords(_from_demonstrator(total_variation), OVER_BOTH), WITH_MODES, Shown.IN_SECOND_TABLE, "mode distance",
        with_interval=True,
    ),
    Metric(
        "jensen_shannon", "bits", "lower", "Jensen-Shannon divergence between the same histograms",
        OfRecords(_from_demonstrator(jensen_shannon), OVER_BOTH), WITH_MODES, Shown.IN_CSV,
        source="Lin 1991", with_interval=True,
    ),
    Metric(
        "plan_consistency", "share of episodes", "higher", "share of episodes in which no chunk goes back on a plan",
        OfSet(plan_statistics, PROPORTION.interval), WITH_PLANS, Shown.IN_TABLE, "plan consistency", csv="commitment",
    ),
    Metric(
        "invalid_share", "share of chunks", "lower", "share of sampled chunks that lie in no valid mode",
        OfSet(chunk_statistics, OVER_STATES), KNOWN, Shown.IN_TABLE, "invalid chunks",
    ),
    Metric(
        "invalid_share_floor", "share of chunks", "neither", "the same of the demonstrator's own chunks",
        OfSet(chunk_statistics, ""), KNOWN, Shown.IN_RECORDS,
    ),
    Metric(
        "energy_ratio", "multiples of the floor", "lower",
        "energy distance of sampled chunks from the demonstrator's, in multiples of that between two sets of the "
        "demonstrator's",
        OfRecords(_energy_ratio), KNOWN, Shown.IN_SECOND_TABLE, "energy distance", source="Szekely & Rizzo 2013",
    ),
    Metric(
        "energy_distance", "units of the action, root mean square a coordinate", "lower",
        "sqrt(2 E|X - Y| - E|X - X'| - E|Y - Y'|) of sampled chunks X and the demonstrator's Y",
        OfSet(chunk_statistics, OVER_STATES), KNOWN, Shown.IN_RECORDS, source="Szekely & Rizzo 2013",
    ),
    Metric(
        "energy_distance_floor", "units of the action", "neither", "the same of two sets of the demonstrator's chunks",
        OfSet(chunk_statistics, ""), KNOWN, Shown.IN_RECORDS,
    ),
    Metric(
        "mmd", "none", "lower",
        "root of the unbiased squared maximum mean discrepancy of sampled chunks and the demonstrator's, with a "
        "Gaussian kernel as wide as the median distance of the demonstrator's",
        OfSet(chunk_statistics, OVER_STATES), KNOWN, Shown.IN_RECORDS, source="Gretton et al. 2012, Eq. 3",
    ),
    Metric(
        "mmd_floor", "none", "neither", "the same of two sets of the demonstrator's chunks",
        OfSet(chunk_statistics, ""), KNOWN, Shown.IN_RECORDS,
    ),
    Metric(
        "probe_states", "states", "neither", "states at which chunks were sampled",
        OfSet(chunk_statistics, ""), KNOWN, Shown.IN_RECORDS,
    ),
    Metric(
        "probe_samples", "chunks", "neither", "chunks that were sampled at each state",
        OfSet(chunk_statistics, ""), KNOWN, Shown.IN_RECORDS,
    ),
    Metric(
        "real_time_success", "share of episodes", "higher",
        "success where the simulation goes on while the policy thinks: each call takes one of the policy's measured "
        "latencies, and the previous chunk is executed meanwhile; calls shorter than a control period delay nothing",
        OfRecords(lambda records: records.real_time("success"), PROPORTION.interval), EVERY_TASK, Shown.IN_TABLE,
        "real-time success", with_interval=True,
    ),
    Metric(
        "real_time_difference", "share of episodes", "higher",
        "success in real time minus success in lock-step, where the simulation waits; the same trials",
        OfRecords(lambda records: records.real_time(DIFFERENCE), PAIRED), EVERY_TASK, Shown.IN_TABLE,
        "real-time change", "+.2f", source="Bonett & Price 2012", with_interval=True,
    ),
    Metric(
        "stale_share", "share of actions", "lower",
        "share of actions in real time whose observation was Ta or more control steps old, which is older than lock-"
        "step allows, or that had none: the agent waited, or a chunk came after all of its steps",
        OfRecords(lambda records: records.real_time(STALE_SHARE), MEAN.interval), EVERY_TASK, Shown.IN_SECOND_TABLE,
        "stale actions",
    ),
    Metric(
        "fresh_rate_hz", "1/s", "higher",
        "effective control rate: actions per second in real time that were not stale; at most the task's control rate",
        OfRecords(lambda records: records.real_time(FRESH_RATE), MEAN.interval), EVERY_TASK, Shown.IN_SECOND_TABLE,
        "effective Hz", ".1f",
    ),
    Metric(
        "length", "control steps", "neither", "mean length of an episode",
        OfEpisode(of_episode.length, MEAN), EVERY_TASK, Shown.IN_SECOND_TABLE, "episode steps", ".0f",
    ),
    Metric(
        "rms_jerk", "agent units / s^3", "lower",
        "root mean square of the third difference of the agent's path, mean over episodes",
        OfEpisode(of_episode.jerk, MEAN), EVERY_TASK, Shown.IN_SECOND_TABLE, "jerk", ".2g", source="Flash & Hogan 1985",
    ),
    Metric(
        "mode", "name", "neither", "mode that the episode has shown in the end",
        OfEpisode(of_episode.mode, None), WITH_MODES, Shown.IN_RECORDS,
    ),
    Metric(
        "call_p50_s", "s", "lower", "median inference latency of a call (one chunk), one environment",
        OfRecords(lambda records: records.latency_s("call_s", "p50")), EVERY_TASK, Shown.IN_CSV, format=".4f",
    ),
    Metric(
        "call_p95_s", "s", "lower", "95th percentile of the same",
        OfRecords(lambda records: records.latency_s("call_s", "p95")), EVERY_TASK, Shown.IN_CSV, format=".4f",
    ),
    Metric(
        "call_p99_s", "s", "lower", "99th percentile of the same",
        OfRecords(lambda records: records.latency_s("call_s", "p99")), EVERY_TASK, Shown.IN_CSV, format=".4f",
    ),
    Metric(
        "step_p50_s", "s", "lower", "median inference latency of a call, divided by the control steps that it serves",
        OfRecords(lambda records: records.latency_s("control_step_s", "p50")), EVERY_TASK, Shown.IN_CSV, format=".4f",
    ),
)  # fmt: skip


def stage_metric(stage: Stage) -> Metric:
    """The share of episodes that passed a task's stage."""
    return Metric(
        stage.name, "share of episodes", "higher", f"share of episodes in which {stage.meaning}",
        OfRecords(lambda records: records.share_above("max_score", stage.above), PROPORTION.interval),
        WITH_STAGES, Shown.IN_TABLE, stage.name, with_interval=True,
    )  # fmt: skip


def metrics_of(task: TaskSpec) -> tuple[Metric, ...]:
    """The metrics that are measured in a task, its stages after the score."""
    rows = [metric for metric in METRICS if metric.tasks.include(task)]
    place = next(number for number, metric in enumerate(rows) if metric.name == "score") + 1
    return (*rows[:place], *(stage_metric(stage) for stage in task.stages), *rows[place:])
