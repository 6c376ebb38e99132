"""`dpbench chunks`: action chunks and rollouts of policies from one state, drawn side by side."""

from __future__ import annotations

import argparse
from pathlib import Path

from dpbench.cli import kinds
from dpbench.cli.arguments import TASK, add_device_argument, only_with
from dpbench.files.locks import working_on

EXAMPLE = """examples:
  dpbench chunks zoo/Avoid-v0/*                             from the first start of the task
  dpbench chunks zoo/PushTKeypoints-v0/* --starts symmetric --chunks 50 --output sides.png
  dpbench chunks demonstrator --task Avoid-v1 --paths 0
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument(
        "policies", nargs="+", type=kinds.path_or_name, help="checkpoint folders or scripted policies, one panel each"
    )
    parser.add_argument("--task", type=kinds.name, help=f"{TASK} (default: the checkpoints' own)")
    parser.add_argument(
        "--starts",
        type=kinds.name,
        help="list of start states, of which the first is shown (default: the task's first list)",
    )
    parser.add_argument("--chunks", type=kinds.count, default=40, help="sampled chunks per policy (default 40)")
    parser.add_argument("--paths", type=kinds.count_or_none, default=20, help="rollouts per policy (default 20)")
    parser.add_argument("--steps", type=kinds.count, default=40, help="steps of a rollout (default 40, as in Fig. 3)")
    parser.add_argument(
        "--output", type=kinds.new_file(".png"), default=Path("chunks.png"), help="PNG file (default chunks.png)"
    )
    add_device_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Sample, roll out, draw."""
    with working_on(arguments.output):
        return _draw(arguments)


def _draw(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm  # heavy imports only when something is drawn

    from dpbench.comparison.chunks import draw_panels, panel, scene
    from dpbench.errors import ConfigError
    from dpbench.policies.opening import describe_policy, open_policy
    from dpbench.tasks import load_task

    only_with(arguments, arguments.paths > 0, "--paths", "--steps")
    described = [describe_policy(text, arguments.task) for text in arguments.policies]
    task_ids = sorted({policy.task_id for policy in described})
    if len(task_ids) > 1:
        raise ConfigError(f"a picture shows one task, but these policies are for {', '.join(task_ids)}.")
    task = load_task(task_ids[0])
    starts = task.starts(arguments.starts)
    shown = scene(task, starts)
    panels = [
        panel(
            Path(text).name,
            open_policy(policy, device=arguments.device),
            task,
            starts,
            shown,
            arguments.chunks,
            arguments.paths,
            arguments.steps,
        )
        for text, policy in tqdm(list(zip(arguments.policies, described, strict=True)), unit="policy")
    ]
    draw_panels(shown, panels, f"{task.id}, {starts.name}: sampled chunks (orange), rollouts (blue)", arguments.output)
    print(f"written: {arguments.output}")
    return 0
