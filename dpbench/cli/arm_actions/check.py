"""`dpbench arm check`: one line a check, advice for what failed."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dpbench.cli.arm_actions.station_arguments import add_station_arguments, open_env, station_said, task_of

if TYPE_CHECKING:
    from rich.table import Table

    from dpbench.arms.station import Station
    from dpbench.arms.station_checks import Finding

EXAMPLE = """examples:
  dpbench arm check                                        the twin
  dpbench arm check --move --picture view.png
  dpbench arm check --station station.toml --checkpoint zoo/RealArm-v0/diffusion-cnn
  dpbench arm check --driver-option latency_s=0.1 --json

The exit status is 1 when a check failed. Without --move the arm stays where it is.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    add_station_arguments(parser)
    parser.add_argument("--move", action="store_true", help="the arm may move by 3 cm; stand clear")
    parser.add_argument("--checkpoint", help="also time this policy")
    parser.add_argument("--picture", type=Path, metavar="FILE.png", help="write what the camera sees")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Check and print."""
    from rich.console import Console  # heavy imports only when something is checked

    from dpbench.arms.station import station_of
    from dpbench.arms.station_checks import check_station
    from dpbench.tasks import load_task

    said = station_said(arguments)
    task = load_task(task_of(arguments, said))
    env = open_env(task.id, said)
    station, done = station_of(env), []
    console = Console(stderr=arguments.json)
    try:
        with console.status("checking") as status:
            for check in check_station(station, task.rate_hz, arguments.move):
                done.append(check)
                status.update(f"checked: {check.name}")
            if arguments.checkpoint:
                done.append(_inference(arguments.checkpoint, task.rate_hz))
        has_picture = all(check.passed for check in done if check.name in ("camera", "pictures"))
        if arguments.picture and has_picture:  # else its advice is among the others
            _write_picture(station, arguments.picture)
    finally:
        env.close()
    if arguments.json:
        print(json.dumps([vars(check) for check in done], indent=2))
    else:
        console.print(_table(done, task.id))
        for check in done:
            if check.passed is not True and check.advice:
                console.print(f"[bold]{check.name}[/bold]: {check.advice}", highlight=False, soft_wrap=True)
    return int(any(check.passed is False for check in done))


def _inference(checkpoint: str, rate_hz: float) -> Finding:
    """Times a policy: an answer must come well before the chunk before it ends."""
    import numpy as np
    import torch

    from dpbench.arms.station_checks import Finding
    from dpbench.errors import DpbenchError
    from dpbench.evaluation.latency import measure
    from dpbench.policies.opening import describe_policy, open_policy
    from dpbench.tasks import load_task

    try:
        described = describe_policy(checkpoint)
        policy = open_policy(described, micro_batch=None)
    except DpbenchError as error:  # the other checks are still told
        return Finding("inference", False, "not opened", str(error))
    horizon, specs = policy.horizon, load_task(described.task_id).observations
    seen = {key: np.zeros((1, horizon.n_obs_steps, *spec.shape), dtype=spec.dtype) for key, spec in specs.items()}
    call_s = measure(policy, seen, n_calls=50, n_threads=torch.get_num_threads(), max_s=10.0).call_s
    chunk_s = horizon.n_action_steps / rate_hz
    times = " / ".join(f"{1000 * value:.0f}" for value in (call_s.p50, call_s.p95, call_s.p99))
    return Finding(
        "inference",
        call_s.p99 < chunk_s / 2,
        f"{described.baseline}: {times} ms (p50 / p95 / p99) for a chunk of {chunk_s:.1f} s",
        "take fewer denoising steps (--sampler ddim --steps 8), a smaller preset, or a GPU",
        {"call_s": call_s.model_dump(), "chunk_s": chunk_s},
    )


def _write_picture(station: Station, path: Path) -> None:
    import imageio.v3 as imageio

    path.parent.mkdir(parents=True, exist_ok=True)
    imageio.imwrite(path, station.picture())


def _table(done: Sequence[Finding], title: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE)
    for heading in ("", "check", "measured"):
        table.add_column(heading)
    for check in done:
        sign = {True: "[green]ok[/green]", False: "[red]FAILED[/red]", None: "-"}[check.passed]
        table.add_row(sign, check.name, check.measured)
    return table
