"""`dpbench arm run`: a policy on an arm, with a live view, and a report of every episode."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpbench.arms.deployment.execution import EXECUTIONS
from dpbench.cli.arm_actions.station_arguments import (
    add_session_arguments,
    add_station_arguments,
    open_env,
    seconds,
    station_said,
    whole_number,
)
from dpbench.cli.evaluate import add_sampling_arguments, sampling_options
from dpbench.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table

    from dpbench.arms.deployment.episode import EpisodeReport
    from dpbench.arms.driver import Waypoint
    from dpbench.policies.protocol import Policy
    from dpbench.spec import TaskSpec

EXAMPLE = """examples:
  dpbench arm run zoo/RealArm-v0/diffusion-cnn --episodes 5                  on the twin
  dpbench arm run zoo/RealArm-v0/diffusion-cnn --view none --video run.mp4 --json
  dpbench arm run my-run --station station.toml --mode async --replan-steps 6
  dpbench arm run my-run --station station.toml --dry-run
  dpbench arm run zoo/RealArm-v0/diffusion-cnn --driver-option latency_s=0.2

m marks success, d ends the episode, q quits, the space bar stops the arm at once, f takes up work again after a stop.
Reports go to OUT/episodes.jsonl, one line an episode, and a table and a figure of all of them are made at the end.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument("checkpoint", help="folder with a checkpoint.json, or a scripted policy such as demonstrator")
    add_station_arguments(parser)
    add_session_arguments(parser)
    parser.add_argument("--max-s", type=seconds, help="time limit of an episode (default: the task's)")
    parser.add_argument("--episodes", type=whole_number, default=1, help="how many (default 1)")
    parser.add_argument(
        "--mode", choices=EXECUTIONS, default="async", help="how chunks follow each other (default async)"
    )
    parser.add_argument(
        "--replan-steps", type=int, help="async: a new chunk every so many steps (default: just in time)"
    )
    parser.add_argument(
        "--execution-s", default="0", help="the arm's own delay to compensate: seconds, or auto (default 0)"
    )
    parser.add_argument("--dry-run", action="store_true", help="send nothing: write what would be sent to OUT")
    parser.add_argument("--record", type=Path, metavar="STORE.zarr", help="also keep the episodes as demonstrations")
    parser.add_argument("--out", type=Path, default=Path("arm-run"), help="folder of reports (default arm-run)")
    add_sampling_arguments(parser)
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the policy (default 1)")
    parser.add_argument("--json", action="store_true", help="print the reports as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run and report."""
    import torch  # heavy imports only when something is run
    from rich.console import Console

    from dpbench.arms.deployment.report import summary, write_figure
    from dpbench.cli.demos import task_id
    from dpbench.files import write_json
    from dpbench.policies.opening import describe_policy, open_policy
    from dpbench.provenance import provenance
    from dpbench.tasks import load_task

    torch.set_num_threads(arguments.threads)
    said = station_said(arguments)
    wanted = None if arguments.task is None else task_id(arguments.task)
    described = describe_policy(arguments.checkpoint, wanted, sampling_options(arguments))
    task = load_task(described.task_id)
    reports = _episodes(arguments, said, open_policy(described, device=arguments.device), task)
    document = {
        "policy": dict(described.identity),
        "task": task.id,
        "station": said,
        "mode": arguments.mode,
        "dry_run": arguments.dry_run,
        "summary": summary(reports),
        "episodes": [report.as_json() for report in reports],
        "provenance": provenance(),
    }
    write_json(arguments.out / "report.json", document)
    figure = write_figure(reports, arguments.out / "latencies.png")
    if arguments.json:
        print(json.dumps(document, indent=2))
    else:
        console = Console()
        console.print(_table(reports, f"{described.baseline} on {task.id}, {arguments.mode}"))
        console.print(_latencies(document["summary"]))
        print(f"{arguments.out / 'report.json'}, {figure}")
    return int(any(report.ended_by == "fault" for report in reports))


def _episodes(
    arguments: argparse.Namespace, said: dict[str, Any], policy: Policy, task: TaskSpec
) -> list[EpisodeReport]:
    """All episodes; the file of reports grows by a line an episode, so that a killed session has those before."""
    from dpbench.arms.deployment.deployment_session import DeploymentPlan, run_session
    from dpbench.arms.deployment.execution import ExecutionConfig
    from dpbench.arms.deployment.report import in_a_line
    from dpbench.arms.recording.journal import Journal
    from dpbench.arms.station import station_of
    from dpbench.arms.teleoperation.interface import operator_interface

    learns = arguments.execution_s == "auto"
    timing = ExecutionConfig(
        task.rate_hz,
        arguments.mode,
        arguments.replan_steps,
        execution_s=0.0 if learns else _seconds(arguments.execution_s),
    )
    first = task.starts().first_seed if arguments.seed is None else arguments.seed
    plan = DeploymentPlan(arguments.episodes, first, arguments.view == "none", learns, arguments.max_s)
    journal = Journal(arguments.record, {"task": task.id, "source": arguments.checkpoint}) if arguments.record else None
    arguments.out.mkdir(parents=True, exist_ok=True)
    commands = CommandFile(arguments.out / "commands.jsonl") if arguments.dry_run else None
    env = open_env(task.id, said, **({"dry_run": commands} if commands else {}))
    station = station_of(env)

    def write(report: EpisodeReport) -> None:
        with (arguments.out / "episodes.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(report.as_json()) + "\n")
        print(f"\r{in_a_line(report)}", file=sys.stderr, flush=True)

    def halt() -> None:
        station.loop.halt("emergency stop by the space bar")

    try:
        with operator_interface(arguments.view, halt, arguments.video, time.monotonic) as interface:
            return run_session(env, task, policy, timing, interface, plan, journal, write)
    finally:
        env.close()
        if commands is not None:
            commands.close()


class CommandFile:
    """Where a dry run writes what would be sent, a line a command."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")
        self.close = self._file.close

    def __call__(self, waypoint: Waypoint) -> None:
        """Write a command."""
        values = {key: getattr(value, "tolist", lambda value=value: value)() for key, value in vars(waypoint).items()}
        self._file.write(json.dumps(values) + "\n")


def _seconds(text: str) -> float:
    """`--execution-s`.

    Raises:
        ConfigError: unless it is a number.
    """
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f"--execution-s {text!r}: expected seconds, such as 0.05, or auto.") from error


def _table(reports: Sequence[EpisodeReport], title: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE)
    for heading in ("seed", "success", "ended by", "time", "chunks", "late", "late ticks", "execution"):
        table.add_column(heading, justify="right")
    for report in reports:
        lag = "" if report.execution_s is None else f"{1000 * report.execution_s:.0f} ms"
        table.add_row(
            str(report.seed),
            "yes" if report.outcome["is_success"] else "no",
            report.fault or report.ended_by,
            f"{report.duration_s:.1f} s",
            str(len(report.policy.inference_s)),
            str(report.policy.n_late),
            f"{report.loop.n_late} of {report.loop.n_ticks}",
            lag,
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
    for name in ("observation_s", "inference_s", "execution_s", "tick_s"):
        if values[name] is not None:
            label = name.removesuffix("_s")
            table.add_row(label, *(f"{1000 * values[name][key]:.1f} ms" for key in ("p50", "p95", "p99")))
    table.add_row("waypoints ahead", *(f"{values['queue_depth'][key]:.0f}" for key in ("p50", "p95", "p99")))
    return table
