"""`dpbench chunks`: action chunks and rollouts of policies from one state, drawn side by side."""

from __future__ import annotations

import argparse
from pathlib import Path

from dpbench.cli.arguments import TASK
from dpbench.locks import working_on

EXAMPLE = """examples:
  dpbench chunks zoo/Avoid-v0/*                             from the first start of the task
  dpbench chunks zoo/PushTKeypoints-v0/* --starts symmetric --chunks 50 --output sides.png
  dpbench chunks demonstrator --task Avoid-v1 --paths 0
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument("policies", nargs="+", help="checkpoint folders or scripted policies, one panel each")
    parser.add_argument("--task", help=f"{TASK} (default: the checkpoints' own)")
    parser.add_argument(
        "--starts", help="list of start states, of which the first is shown (default: the task's first list)"
    )
    parser.add_argument("--chunks", type=int, default=40, help="sampled chunks per policy (default 40)")
    parser.add_argument("--paths", type=int, default=20, help="rollouts per policy (default 20)")
    parser.add_argument("--steps", type=int, default=40, help="steps of a rollout (default 40, as in Fig. 3)")
    parser.add_argument("--output", type=Path, default=Path("chunks.png"), help="PNG file (default chunks.png)")
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")


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
