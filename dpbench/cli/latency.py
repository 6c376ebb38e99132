"""`dpbench latency`: inference latency of a checkpoint, over the sampling settings of its method."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpbench.cli import kinds
from dpbench.cli.arguments import TASK, add_evaluation_arguments, joined, only_with
from dpbench.cli.json_output import json_text
from dpbench.errors import ConfigError
from dpbench.escaping import in_terminal, printable
from dpbench.files.locks import working_on

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

SHORTHANDS = {"samplers": "sampler", "steps": "steps"}
"""Options of methods that can be written without `--option`."""
WIDE_FROM = 115
"""Terminal width from which one table is enough."""
EXAMPLE = """examples:
  dpbench latency zoo/PushTKeypoints-v0/diffusion-cnn
  dpbench latency zoo/PushTKeypoints-v0/diffusion-cnn --samplers ddim --steps 1,2,5,10 --success --episodes 20
  dpbench latency zoo/PushTKeypoints-v0/diffusion-cnn --samplers ddim --success --real-time
  dpbench latency zoo/PushTKeypoints-v0/flow-matching --threads 1 --json

Evaluations of --success are kept as records. After an interruption, the same command resumes.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument("checkpoint", type=kinds.path_or_name, help="folder with a checkpoint.json")
    parser.add_argument("--task", type=kinds.name, help=f"{TASK} (default: the checkpoint's own)")
    parser.add_argument(
        "--option",
        action="append",
        type=kinds.key_value,
        default=[],
        metavar="KEY=VALUES",
        help="comma-separated values of a sampling option; repeatable (default: the sweep that the method declares)",
    )
    for name, key in SHORTHANDS.items():
        parser.add_argument(f"--{name}", type=kinds.name, metavar="VALUES", help=f"the same as --option {key}=VALUES")
    parser.add_argument("--threads", type=kinds.n_processes, default=1, help="CPU threads of the policy (default 1)")
    parser.add_argument("--success", action="store_true", help="also evaluate each setting")
    parser.add_argument(
        "--real-time",
        action="store_true",
        help="with --success: also with the latency in the loop, where the simulation goes on while the policy thinks",
    )
    add_evaluation_arguments(parser)
    parser.add_argument(
        "--output", type=kinds.new_folder, default=Path("latency"), help="folder of table, figure and records"
    )
    parser.add_argument("--json", action="store_true", help="print rows and provenance as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Measure, print and write the table and the figure."""
    with working_on(arguments.output):
        return _measure(arguments)


def _measure(arguments: argparse.Namespace) -> int:
    import pandas as pd  # heavy imports only when something is measured
    from tqdm import tqdm

    from dpbench.comparison.cells import Cell
    from dpbench.comparison.latency_sweep import save, settings, sweep
    from dpbench.comparison.reuse import KnownRecords
    from dpbench.policies.opening import describe_policy
    from dpbench.provenance import provenance
    from dpbench.tasks import load_task

    only_with(arguments, arguments.success, "--success", "--episodes", "--sampler-seeds", "--workers")
    if arguments.real_time and not arguments.success:
        raise ConfigError("--real-time does nothing without --success: leave it out.")
    policy = describe_policy(arguments.checkpoint, arguments.task)
    named = {key: value for option, key in SHORTHANDS.items() if (value := getattr(arguments, option)) is not None}
    options = {key: _values(key, text) for key, text in joined(named, arguments.option).items()}
    chosen = settings(policy.baseline, options)
    cell = Cell(
        policy=arguments.checkpoint,
        task_id=arguments.task,
        n_starts=arguments.episodes,
        sampler_seeds=arguments.sampler_seeds,
        device=arguments.device,
        real_time=arguments.real_time,
    )
    known = KnownRecords(arguments.output / "records") if arguments.success else None
    measured = sweep(cell, chosen, known, arguments.workers, arguments.threads)
    name = printable(policy.baseline)
    rows = pd.DataFrame(list(tqdm(measured, total=len(chosen), unit="setting", desc=name, delay=0.5)))
    document = {
        "checkpoint": policy.identity["checkpoint_sha256"],
        "baseline": policy.baseline,
        "task": policy.task_id,
        "device": arguments.device,
        "rows": rows.to_dict("records"),
        "provenance": provenance((*load_task(policy.task_id).packages, *policy.packages)),
    }
    written = save(rows, chosen[0], document, arguments.output)
    if arguments.json:
        print(json_text(document))
        return 0
    _print(rows)
    print(f"written: {written}.json, .csv and .png")
    return 0


def _values(key: str, text: str) -> tuple[str, ...]:
    try:
        return kinds.names(text)
    except argparse.ArgumentTypeError as error:
        raise ConfigError(f"the option {key} = {error}.") from error


def _print(rows: pd.DataFrame) -> None:
    from rich.console import Console

    console = Console()
    parts = [_columns(rows, ("call",)), _columns(rows, ("step",))] if console.width < WIDE_FROM else [
        _columns(rows, ("call", "step"))
    ]  # fmt: skip
    for part in parts:
        console.print(part)
    first = rows.iloc[0]
    timed = " to ".join(str(count) for count in sorted({rows["n_calls"].min(), rows["n_calls"].max()}))
    console.print(
        f"p50/p95/p99, ms. One environment, {first['n_threads']} threads, {first['clock']}, {first['n_warmup']} calls "
        f"to warm up, {timed} timed. Step: a call divided by the steps that it serves (Ta). Encode and sample: p50 of "
        "the parts of a call. Held: control rate with inference beside the control loop (Ta / p99 of a call); wait: "
        "when the loop waits for every call (1 / p99).",
        style="dim",
    )


def _columns(rows: pd.DataFrame, kinds: tuple[str, ...]) -> Table:
    """A table with the percentiles of calls, with their parts and rates, of control steps, or of both."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    heads = ["setting", *(f"{kind} ms" for kind in kinds)]
    if "call" in kinds:
        heads += ["encode", "sample", "held Hz", "wait Hz"]
    with_success = "step" in kinds and "success" in rows
    heads += ["success"] if with_success else []
    with_real_time = with_success and "real_time_success" in rows
    heads += ["real time", "stale"] if with_real_time else []
    for head in heads:
        table.add_column(head, no_wrap=True)
    for _, row in rows.iterrows():
        cells = [str(row["setting"])]
        for kind in kinds:
            cells.append("/".join(_short(row[f"{kind}_{percent}_ms"]) for percent in ("p50", "p95", "p99")))
        if "call" in kinds:
            cells += [_short(row[name]) for name in ("encode_p50_ms", "sample_p50_ms")]
            cells += [f"{row['held_rate_hz']:.0f}", f"{row['blocking_rate_hz']:.0f}"]
        if with_success:
            cells.append(_with_interval(row, "success"))
        if with_real_time:
            cells += [_with_interval(row, "real_time_success"), f"{row['stale_share']:.2f}"]
        table.add_row(*map(in_terminal, cells))
    return table


def _with_interval(row: pd.Series[Any], name: str) -> str:
    return f"{row[name]:.2f} [{row[f'{name}_low']:.2f}, {row[f'{name}_high']:.2f}]"


def _short(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"
