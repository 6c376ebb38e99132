"""The last checkpoints of a run: which steps they are of, where they are, and whether all of them are there.

Results are often reported as the largest, or the mean, of a run's last ten checkpoints (Chi et al. 2023,
arXiv 2303.04137, Tab. 1). Their steps are counted back from the end of the run, so they are known before it begins: a
run that is killed and started again keeps the same ones, and none is ever deleted.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection
from pathlib import Path

from dpbench.errors import CheckpointError, ConfigError
from dpbench.policies.checkpoint_description import CHECKPOINT_JSON

KEPT = "checkpoints"
"""Folder of a run that holds them, a folder `step-<step>` each."""
PARTS = 100
"""Of a run, from one kept checkpoint to the next, where nothing else is asked for: Chi et al. 2023 save every 50 of
5,000 epochs (real-stanford/diffusion_policy, 5ba07ac, `train_diffusion_unet_lowdim_workspace.yaml`)."""


def kept_steps(n_steps: int, keep: int, every: int | None = None) -> range:
    """Steps whose checkpoints are kept, ascending; the last is the run's last.

    Args:
        n_steps: gradient steps of the run.
        keep: number of checkpoints; 0 for none.
        every: gradient steps between them; None for a hundredth of the run.

    Raises:
        ConfigError: when the run is too short for so many.
    """
    if keep == 0:
        return range(0)
    if n_steps == 0:
        raise ConfigError(f"{keep} checkpoints: this method takes no gradient steps, so it has one; do not keep any.")
    gap = max(1, n_steps // PARTS) if every is None else every
    first = n_steps - (keep - 1) * gap
    if first < 1:
        raise ConfigError(
            f"{keep} checkpoints, {gap} steps apart, need a run of {(keep - 1) * gap + 1} steps at least, this one has "
            f"{n_steps}: keep fewer, or closer together."
        )
    return range(first, n_steps + 1, gap)


def kept_folder(run: Path, step: int) -> Path:
    """Folder of the checkpoint of a step."""
    return run / KEPT / f"step-{step}"


def kept_checkpoints(run: Path) -> tuple[Path, ...]:
    """Folders of the complete checkpoints that a run kept, by ascending step."""
    found = {
        int(named[1]): path.parent
        for path in (run / KEPT).glob(f"step-*/{CHECKPOINT_JSON}")
        if (named := re.fullmatch(r"step-(\d{1,19})", path.parent.name, re.ASCII))
    }
    return tuple(found[step] for step in sorted(found))


def check_kept(run: Path, steps: Collection[int], done: int, size_bytes: int) -> None:
    """Check that a run can keep these checkpoints and no others.

    Args:
        run: its folder.
        steps: of the checkpoints to keep.
        done: gradient steps that are behind it.
        size_bytes: of one checkpoint.

    Raises:
        ConfigError: when it has kept others, or is past one that it has not kept.
        CheckpointError: when the disk has no room for those that are missing.
    """
    there = {int(path.name.removeprefix("step-")) for path in kept_checkpoints(run)}
    same = "give the same number of checkpoints and steps between them as before, choose another --out, or delete it"
    if others := sorted(there - set(steps)):
        raise ConfigError(f"{run} has kept the checkpoint of step {others[0]}, which is not asked for now: {same}.")
    missing = sorted(set(steps) - there)
    if missing and missing[0] <= done:
        raise ConfigError(f"{run} is at step {done} and did not keep the checkpoint of step {missing[0]}: {same}.")
    needed, free = len(missing) * size_bytes, shutil.disk_usage(run).free
    if needed > free:
        raise CheckpointError(
            f"{run}: {len(missing)} checkpoints take {needed / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free; free some "
            "space, or keep fewer."
        )
