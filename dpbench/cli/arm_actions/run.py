"""`dpbench arm run`: run a policy on an arm, with a live view and a report of every episode."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpbench.arms.deployment.execution import EXECUTIONS, Execution, ExecutionConfig
from dpbench.cli import kinds
from dpbench.cli.arguments import add_device_argument, add_sampling_arguments, sampling_options
from dpbench.cli.arm_actions.station_arguments import (
    add_session_arguments,
    add_station_arguments,
    open_env,
    station_settings,
)
from dpbench.cli.json_output import json_text
from dpbench.errors import ConfigError
from dpbench.escaping import in_terminal, printable
from dpbench.files.locks import working_on
from dpbench.policies.ensembled import PAPER_DECAY

if TYPE_CHECKING:
    from rich.table import Table

    from dpbench.arms.deployment.episode import EpisodeReport
    from dpbench.policies.policy_source import PolicyDescription
    from dpbench.policies.protocol import Policy
    from dpbench.spec import TaskSpec

REPORT, FIGURE = "report.json", "latencies.png"
EXAMPLE = """examples:
  dpbench arm run zoo/RealArm-v0/diffusion-cnn --episodes 5                  on the digital twin
  dpbench arm run zoo/RealArm-v0/diffusion-cnn --view none --video run.mp4 --json
  dpbench arm run my-run --station station.toml --execution async --replan-steps 6
  dpbench arm run my-run --station station.toml --dry-run
  dpbench arm run zoo/RealArm-v0/diffusion-cnn --driver-option latency_s=0.2

Keys: m marks success, d ends the episode, q quits, the space bar stops the arm at once, f resets a fault.
OUT/episodes.jsonl gets one line per episode; a table and a figure of all episodes are made at the end.
"""


AUTO = "auto"


def seconds_or_auto(text: str) -> float | str:
    """A latency, or that it is measured."""
    return AUTO if text == AUTO else kinds.number(0, 10, " s, or auto")(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument(
        "checkpoint",
        type=kinds.path_or_name,
        help="folder with a checkpoint.json, or a scripted policy such as demonstrator",
    )
    add_station_arguments(parser)
    add_session_arguments(parser)
    parser.add_argument("--max-s", type=kinds.seconds, help="time limit of an episode (default: the task's)")
    parser.add_argument("--episodes", type=kinds.count, default=1, help="number of episodes (default 1)")
    parser.add_argument(
        "--execution",
        "--mode",
        choices=EXECUTIONS,
        help="predict a chunk when the last one ends (sync), before that (async, default), or at every step (ensemble)",
    )
    parser.add_argument(
        "--replan-steps", type=kinds.count, help="async: predict a chunk every so many steps (default: just in time)"
    )
    parser.add_argument(
        "--execution-latency",
        "--execution-s",
        type=seconds_or_auto,
        default="0",
        metavar="SECONDS",
        help="latency of the arm to compensate, or auto (default 0)",
    )
    parser.add_argument("--dry-run", action="store_true", help="send nothing; write the commands to OUT")
    parser.add_argument(
        "--record", type=kinds.new_folder, metavar="STORE.zarr", help="also store the episodes as demonstrations"
    )
    parser.add_argument(
        "--out", type=kinds.new_folder, default=Path("arm-run"), help="folder for reports (default arm-run)"
    )
    add_sampling_arguments(parser)
    add_device_argument(parser)
    parser.add_argument("--threads", type=kinds.n_processes, default=1, help="CPU threads of the policy (default 1)")
    parser.add_argument("--json", action="store_true", help="print the reports as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run and report."""
    import torch  # slow imports only when something is run
    from rich.console import Console

    from dpbench.policies.opening import describe_policy, open_policy
    from dpbench.tasks import load_task

    torch.set_num_threads(arguments.threads)
    settings, options = station_settings(arguments), sampling_options(arguments)
    decay = options.pop("temporal_ensemble", None)
    described = describe_policy(arguments.checkpoint, arguments.task, options)
    task = load_task(described.task_id)
    config = execution_config(arguments, decay, task.rate_hz)
    policy = open_policy(described, device=arguments.device)
    with working_on(arguments.out), working_on(arguments.record) if arguments.record else nullcontext():
        reports = _episodes(arguments, settings, policy, task, config)
        document = _report(arguments, settings, described, config, reports)
    if arguments.json:
        print(json_text(document))
    else:
        console = Console()
        console.print(_table(reports, f"{described.baseline} on {task.id}, {config.execution}"))
        console.print(_latencies(document["summary"]))
        print(f"{arguments.out / REPORT}, {arguments.out / FIGURE}")
    return int(any(report.ended_by == "fault" for report in reports))


def _report(
    arguments: argparse.Namespace,
    settings: Mapping[str, Any],
    described: PolicyDescription,
    config: ExecutionConfig,
    reports: Sequence[EpisodeReport],
) -> dict[str, Any]:
    """Write the report and its figure."""
    from dpbench.arms.deployment.report import summary, write_figure
    from dpbench.files.writing import write_json
    from dpbench.provenance import provenance

    document = {
        "policy": dict(described.identity),
        "task": described.task_id,
        "station": settings,
        "execution": vars(config),
        "dry_run": arguments.dry_run,
        "summary": summary(reports),
        "episodes": [report.as_json() for report in reports],
        "provenance": provenance(),
    }
    write_json(arguments.out / REPORT, document)
    write_figure(reports, arguments.out / FIGURE)
    return document


def execution_config(arguments: argparse.Namespace, decay: str | None, rate_hz: float) -> ExecutionConfig:
    """How chunks are executed; `--temporal-ensemble DECAY` is `--execution ensemble` with that decay.

    Raises:
        ConfigError: for values that do not fit together.
    """
    default: Execution = "async" if decay is None else "ensemble"
    execution: Execution = arguments.execution or default
    if decay is not None and execution != "ensemble":
        raise ConfigError(f"--temporal-ensemble with --execution {execution}: leave one of them out.")
    return ExecutionConfig(
        rate_hz,
        execution,
        arguments.replan_steps,
        PAPER_DECAY if decay is None else _decay(decay),
        0.0 if arguments.execution_latency == AUTO else arguments.execution_latency,
    )


def _decay(text: str) -> float:
    try:
        return kinds.number(0, 1e6)(text)
    except argparse.ArgumentTypeError as error:
        raise ConfigError(f"temporal_ensemble = {error}.") from error


def _episodes(
    arguments: argparse.Namespace, settings: dict[str, Any], policy: Policy, task: TaskSpec, config: ExecutionConfig
) -> list[EpisodeReport]:
    """Run all episodes; each report is written at once, so that a killed session keeps the earlier ones."""
    from dpbench.arms.control.dry_run import CommandFile
    from dpbench.arms.deployment.deployment_session import DeploymentPlan, run_session
    from dpbench.arms.deployment.report import in_a_line
    from dpbench.arms.recording.journal import Journal
    from dpbench.arms.station import station_of
    from dpbench.arms.teleoperation.interface import operator_interface

    plan = DeploymentPlan(
        arguments.episodes,
        task.starts().first_seed if arguments.seed is None else arguments.seed,
        unattended=arguments.view == "none",
        adapts_latency=arguments.execution_latency == AUTO,
        max_s=arguments.max_s,
    )
    journal = Journal(arguments.record, {"task": task.id, "source": arguments.checkpoint}) if arguments.record else None
    arguments.out.mkdir(parents=True, exist_ok=True)
    commands = CommandFile(arguments.out / "commands.jsonl") if arguments.dry_run else None
    env = open_env(task.id, settings, **({"dry_run": commands} if commands else {}))
    station = station_of(env)

    def write(report: EpisodeReport) -> None:
        with (arguments.out / "episodes.jsonl").open("a", encoding="utf-8") as file:
            file.write(json_text(report.as_json(), indent=None) + "\n")
        print(f"\r{printable(in_a_line(report))}", file=sys.stderr, flush=True)

    def stop() -> None:
        station.loop.halt("emergency stop by the space bar")

    try:
        with operator_interface(arguments.view, stop, arguments.video, time.monotonic) as interface:
            return run_session(env, task, policy, config, interface, plan, journal, write)
    finally:
        env.close()
        if commands is not None:
            commands.close()


def _table(reports: Sequence[EpisodeReport], title: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=in_terminal(title), box=box.SIMPLE)
    for heading in ("seed", "success", "ended by", "time", "chunks", "late chunks", "late ticks", "execution latency"):
        table.add_column(heading, justify="right")
    for report in reports:
        latency_s = report.execution_latency_s
        table.add_row(
            str(report.seed),
            "yes" if report.outcome["is_success"] else "no",
            in_terminal(report.fault or report.ended_by),
            f"{report.duration_s:.1f} s",
            str(len(report.policy.inference_latency_s)),
            str(report.policy.n_late),
            f"{report.loop.n_late} of {report.loop.n_ticks}",
            "" if latency_s is None else f"{1000 * latency_s:.0f} ms",
        )
    return table


def _latencies(values: Mapping[str, Any]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        title=f"success {values['n_success']} of {values['n_episodes']}, "
        f"{values['n_late_chunks']} of {values['n_chunks']} chunks late",
        box=box.SIMPLE,
    )
    for heading in ("", "p50", "p95", "p99"):
        table.add_column(heading, justify="right")
    for name in ("observation_latency_s", "inference_latency_s", "execution_latency_s", "tick_interval_s"):
        if values[name] is not None:
            label = name.removesuffix("_s").replace("_", " ")
            table.add_row(label, *(f"{1000 * values[name][key]:.1f} ms" for key in ("p50", "p95", "p99")))
    table.add_row("waypoints ahead", *(f"{values['queue_depth'][key]:.0f}" for key in ("p50", "p95", "p99")))
    return table
