"""`dpbench arm check`: one line per check, with advice for those that fail."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from dpbench.cli import kinds
from dpbench.cli.arm_actions.station_arguments import add_station_arguments, open_env, station_settings, task_of
from dpbench.cli.json_output import json_text
from dpbench.files.writing import write_bytes

if TYPE_CHECKING:
    from dpbench.arms.station import Station
    from dpbench.findings import Finding

EXAMPLE = """examples:
  dpbench arm check                                        the digital twin
  dpbench arm check --move --picture view.png
  dpbench arm check --station station.toml --checkpoint zoo/RealArm-v0/diffusion-cnn
  dpbench arm check --driver-option latency_s=0.1 --json

The exit status is 1 if a check failed. Without --move the arm does not move.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    add_station_arguments(parser)
    parser.add_argument("--move", action="store_true", help="let the arm move by 3 cm; stand clear")
    parser.add_argument(
        "--checkpoint", type=kinds.path_or_name, help="also measure the inference latency of this policy"
    )
    parser.add_argument(
        "--picture", type=kinds.new_file(".png"), metavar="FILE.png", help="write the camera's picture to a file"
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Check and print."""
    from rich.console import Console  # slow imports only when something is checked

    from dpbench.arms.station import station_of
    from dpbench.arms.station_checks import check_station
    from dpbench.cli.findings import as_json, print_findings, status_of
    from dpbench.tasks import load_task

    settings = station_settings(arguments)
    task = load_task(task_of(arguments, settings))
    env = open_env(task.id, settings)
    station, findings = station_of(env), []
    console = Console(stderr=arguments.json)
    try:
        with console.status("checking") as status:
            for finding in check_station(station, task.rate_hz, arguments.move):
                findings.append(finding)
                status.update(f"checked: {finding.name}")
            if arguments.checkpoint:
                findings.append(_inference(arguments.checkpoint, arguments.task, task.rate_hz))
        has_picture = all(finding.passed for finding in findings if finding.name in ("camera", "pictures"))
        if arguments.picture and has_picture:  # without a picture, the advice is among the findings
            _write_picture(station, arguments.picture)
    finally:
        env.close()
    if arguments.json:
        print(json_text([as_json(finding) for finding in findings]))
        return status_of(findings)
    return print_findings(findings, task.id, console)


def _inference(checkpoint: str, task_id: str | None, rate_hz: float) -> Finding:
    """Measures the inference latency of a policy."""
    import numpy as np

    from dpbench.arms.station_checks import check_inference
    from dpbench.errors import DpbenchError
    from dpbench.evaluation.latency import measure
    from dpbench.findings import Finding
    from dpbench.policies.opening import describe_policy, open_policy
    from dpbench.tasks import load_task

    try:
        described = describe_policy(checkpoint, task_id)
        policy = open_policy(described, micro_batch=None)
    except DpbenchError as error:  # the other findings are still printed
        return Finding("inference", False, "the policy cannot be opened", str(error))
    horizon, specs = policy.horizon, load_task(described.task_id).observations
    zeros = {key: np.zeros((1, horizon.n_obs_steps, *spec.shape), dtype=spec.dtype) for key, spec in specs.items()}
    measured = measure(policy, zeros, n_calls=50, max_s=10.0)
    return check_inference(described.baseline, measured.call_s.model_dump(), horizon.n_action_steps / rate_hz)


def _write_picture(station: Station, path: Path) -> None:
    import imageio.v3 as imageio

    write_bytes(path, imageio.imwrite("<bytes>", station.picture(), extension=path.suffix))
