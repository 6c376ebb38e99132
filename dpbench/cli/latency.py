"""`dpbench latency`: inference latency of a checkpoint, over the settings that its method samples with."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpbench.errors import DpbenchError

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from dpbench.policies.sampling import Sampling

SHORTHANDS = {"samplers": "sampler", "steps": "steps"}
"""Options of methods that can be written without `--option`."""
WIDE_FROM = 115
"""Terminal width from which one table is enough."""
EXAMPLE = """examples:
  dpbench latency zoo/PushTKeypoints-v0/diffusion-cnn
  dpbench latency zoo/PushTKeypoints-v0/diffusion-cnn --samplers ddim --steps 1,2,5,10 --success --episodes 20
  dpbench latency zoo/PushTKeypoints-v0/flow-matching --threads 1 --json

Settings that were evaluated with --success are kept as records: killed, the same command goes on.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument("checkpoint", help="folder with a checkpoint.json")
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUES",
        help="comma-separated values of a sampling option; repeatable (default: the settings that the method names)",
    )
    for name, key in SHORTHANDS.items():
        parser.add_argument(f"--{name}", metavar="VALUES", help=f"the same as --option {key}=VALUES")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the policy (default 1)")
    parser.add_argument("--success", action="store_true", help="evaluate each setting too")
    parser.add_argument("--episodes", type=int, help="number of starts for --success (default: all of the protocol)")
    parser.add_argument("--sampler-seeds", default="0", help="each start runs once with each (default 0)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)")
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--output", type=Path, default=Path("latency"), help="folder of table, figure and records")
    parser.add_argument("--json", action="store_true", help="print the rows and where they come from as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Measure, print and write the table and the figure."""
    import pandas as pd  # heavy imports only when something is measured
    from tqdm import tqdm

    from dpbench.cli.evaluate import key_values, sampler_seeds
    from dpbench.comparison.cells import Cell
    from dpbench.comparison.latency_sweep import settings, sweep
    from dpbench.policies.checkpoint import read_description
    from dpbench.provenance import provenance

    description = read_description(Path(arguments.checkpoint))
    name, task_id = str(description["baseline"]), str(description["task"])
    named = {key: value for option, key in SHORTHANDS.items() if (value := getattr(arguments, option)) is not None}
    options = {**named, **key_values(arguments.option)}
    chosen = settings(name, {key: parts for key, value in options.items() if (parts := _parts(value))})
    cell = Cell(
        policy=arguments.checkpoint,
        task_id=task_id,
        n_starts=arguments.episodes,
        sampler_seeds=sampler_seeds(arguments.sampler_seeds),
        device=arguments.device,
    )
    records = arguments.output / "records" if arguments.success else None
    measured = sweep(cell, chosen, records, arguments.workers, arguments.threads)
    rows = pd.DataFrame(list(tqdm(measured, total=len(chosen), unit="setting", desc=name)))
    document = {
        "checkpoint": description["weights_sha256"],
        "baseline": name,
        "task": task_id,
        "device": arguments.device,
        "rows": rows.to_dict("records"),
        "provenance": provenance(),
    }
    written = _write(rows, chosen[0], document, arguments.output)
    if arguments.json:
        print(json.dumps(document, indent=2))
        return 0
    _print(rows)
    print(f"written: {written}.json, .csv and .png")
    return 0


def _write(rows: pd.DataFrame, setting: Sampling | None, document: Mapping[str, Any], folder: Path) -> Path:
    """Table, figure and everything as JSON; the path without its ending is returned."""
    from dpbench.comparison.latency_sweep import save_figure
    from dpbench.files import write_bytes, write_json

    name, task = str(document["baseline"]), str(document["task"])
    stem = folder / f"{task.rsplit('/', 1)[-1]}--{name}"
    try:
        write_json(stem.with_suffix(".json"), document)
        write_bytes(stem.with_suffix(".csv"), rows.to_csv(index=False).encode())
        save_figure(rows, setting, f"{name} on {task}", stem.with_suffix(".png"))
    except OSError as error:
        raise DpbenchError(f"{folder}: not written ({error}); choose another --output.") from error
    return stem


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


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
        f"to warm up, {timed} timed. Step: a call's share of each executed "
        "step. Encode and denoise: p50 of a call's parts. Held: control rate with inference beside the loop (Ta / p99 "
        "of a call); wait: when the loop waits (1 / p99).",
        style="dim",
    )


def _columns(rows: pd.DataFrame, kinds: tuple[str, ...]) -> Table:
    """A table with the percentiles of calls, of control steps, or of both; their parts and rates stand beside calls."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    heads = ["setting", *(f"{kind} ms" for kind in kinds)]
    if "call" in kinds:
        heads += ["encode", "sample", "held Hz", "wait Hz"]
    with_success = "step" in kinds and "success" in rows
    heads += ["success"] if with_success else []
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
            cells.append(f"{row['success']:.2f} [{row['success_low']:.2f}, {row['success_high']:.2f}]")
        table.add_row(*cells)
    return table


def _short(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"
