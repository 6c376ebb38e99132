"""`dpbench train`: one method on one task."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from dpbench.cli import kinds
from dpbench.cli.arguments import TASK, add_device_argument, add_set_argument, only_with
from dpbench.errors import ConfigError, DpbenchError, shown
from dpbench.escaping import printable
from dpbench.plugins.importing import printing_kept
from dpbench.registry import note, registry

EXAMPLE = """examples:
  dpbench train diffusion-cnn --task PushTKeypoints-v0 --preset small
  dpbench train mlp-bc --task PushT-v0 --set n_steps=2000 --set width=256
  dpbench train mlp-bc --task PushTKeypoints-v0 --keep-checkpoints 10
  dpbench train diffusion-cnn --task LiftAbs-v1 --store LiftAbs-v1-robomimic-lift-ph
  torchrun --nproc-per-node 4 -m dpbench.cli train diffusion-cnn --task PushTKeypoints-v0 --device cuda --bf16

After an interruption, the same command resumes from the last saved state.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument("baseline", type=kinds.name, help="method to train; `dpbench baselines` lists them")
    parser.add_argument("--task", required=True, type=kinds.name, help=TASK)
    parser.add_argument(
        "--preset",
        type=kinds.name,
        default="small",
        help="small (default: trains on two CPU cores) or paper (the published size)",
    )
    parser.add_argument("--seed", type=kinds.seed, default=42, help="decides everything random (default 42)")
    parser.add_argument(
        "--out", type=kinds.new_folder, help="folder of the run (default runs/TASK/BASELINE-PRESET-seedSEED)"
    )
    parser.add_argument("--data-dir", type=kinds.data_dir, help="data root (default $DPBENCH_DATA, else ./data)")
    parser.add_argument(
        "--store",
        type=kinds.path_or_name,
        help="demonstrations to train on instead of the task's own: a path, or a name in the data root",
    )
    add_set_argument(parser)
    add_device_argument(parser)
    parser.add_argument("--bf16", action="store_true", help="mixed precision with bfloat16")
    parser.add_argument("--compile", action="store_true", help="compile the network (torch.compile)")
    parser.add_argument("--threads", type=kinds.n_processes, help="CPU threads (default: torch's choice)")
    _add_intervals(parser)
    parser.add_argument("--tensorboard", action="store_true", help="write TensorBoard logs beside the CSV file")


def _add_intervals(parser: argparse.ArgumentParser) -> None:
    """Declare how often a run saves and reports."""
    parser.add_argument(
        "--save-every", type=kinds.steps_between, default=500, help="steps between saved states (default 500)"
    )
    parser.add_argument(
        "--report-every",
        type=kinds.steps_between_or_none,
        default=2000,
        help="steps between checkpoints with validation loss and rollouts (default 2000)",
    )
    parser.add_argument(
        "--rollouts", type=kinds.count_or_none, default=10, help="episodes at every report, 0 for none (default 10)"
    )
    parser.add_argument(
        "--keep-checkpoints",
        type=kinds.whole(0, 1000),
        default=0,
        metavar="N",
        help="keep the last N checkpoints, in the folder checkpoints of the run (default 0: only the newest)",
    )
    parser.add_argument(
        "--checkpoint-every",
        type=kinds.steps_between,
        metavar="STEPS",
        help="steps between those, counted back from the end (default: a hundredth of the run)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Train, and print where the checkpoint is."""
    import torch  # heavy: only when something is trained

    from dpbench.evaluation.during_training import evaluate_while_training
    from dpbench.training.run import execute, make_run
    from dpbench.training.trainer import Execution

    only_with(arguments, arguments.report_every > 0, "reports (--report-every)", "--rollouts")
    only_with(arguments, arguments.keep_checkpoints > 0, "--keep-checkpoints", "--checkpoint-every")
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    with registry("baseline").blamed(arguments.baseline, *NOT_THEIRS):
        wanted = make_run(
            arguments.baseline,
            arguments.task,
            arguments.preset,
            arguments.seed,
            arguments.out,
            field_values(arguments.set),
            arguments.data_dir,
            arguments.store,
        )
    execution = Execution(
        device=arguments.device,
        bf16=arguments.bf16,
        compile=arguments.compile,
        save_every=arguments.save_every,
        report_every=arguments.report_every,
        keep_checkpoints=arguments.keep_checkpoints,
        checkpoint_every=arguments.checkpoint_every,
    )
    rollouts = partial(evaluate_while_training, n_episodes=arguments.rollouts) if arguments.rollouts else None
    with printing_kept(arguments.baseline, note), registry("baseline").blamed(arguments.baseline, *NOT_THEIRS):
        trained = execute(wanted, execution, rollouts, arguments.tensorboard, _note)
    print(f"{wanted.folder}: {trained.step} steps, {trained.wall_s:.0f} s in this process.")
    print(f"next: dpbench evaluate {wanted.folder}")
    return 0


def _note(sentence: str) -> None:
    print(f"note: {printable(sentence)}", file=sys.stderr)


NOT_THEIRS = (DpbenchError, OSError, MemoryError)
"""Errors that are said in words already, or are the machine's; no plug-in is blamed for them."""
PYTHON_CONSTANTS = {"None": None, "True": True, "False": False}


def field_values(texts: Sequence[str]) -> dict[str, Any]:
    """`["FIELD=VALUE"]` as a mapping; values are JSON (`null`, `true`, `[1, 2]`), Python's constants, or else text.

    Raises:
        ConfigError: for a text without an equals sign, or a field that is set twice.
    """
    values: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--set {shown(text)}: expected FIELD=VALUE, such as n_steps=2000.")
        if key in values:
            raise ConfigError(f"--set {key} is there twice: leave one of them out.")
        values[key] = PYTHON_CONSTANTS[value] if value in PYTHON_CONSTANTS else _json_or_text(value)
    return values


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
