"""Which cells a comparison has: the checkpoints of a zoo on their tasks, and scripted policies beside them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dpbench.comparison.cells import Cell, ResolvedCell, resolve
from dpbench.comparison.failure import Failure, OnFailure, raise_error
from dpbench.errors import CheckpointError, ConfigError, DpbenchError, PluginError
from dpbench.evaluation.rollout import trials
from dpbench.policies.baseline import Baseline, ScriptedPolicy
from dpbench.policies.checkpoint import checkpoint_folders
from dpbench.policies.checkpoint_description import read_description
from dpbench.policies.devices import check_device
from dpbench.registry import note, registry
from dpbench.spec import TaskSpec
from dpbench.starts import SELECTION
from dpbench.tasks import find_task, load_task


@dataclass(frozen=True)
class Selection:
    """What to compare.

    Attributes:
        zoo: folder with checkpoints.
        tasks: names of tasks; none for all that the zoo has.
        policies: names of methods and scripts; none for all.
        starts: name of the start protocol, None for the first of each task.
        n_starts: number of start states, None for all of the protocol.
        sampler_seeds: each start state is run once with each.
        device: torch device of the checkpoints.
        real_time: evaluate in real time, too.
    """

    zoo: Path
    tasks: Sequence[str] = ()
    policies: Sequence[str] = ()
    starts: str | None = None
    n_starts: int | None = None
    sampler_seeds: tuple[int, ...] = (0,)
    device: str = "cpu"
    real_time: bool = False


def select(selection: Selection, on_failure: OnFailure = raise_error) -> tuple[ResolvedCell, ...]:
    """Every checkpoint of the zoo, and every scripted policy that can act in one of their tasks.

    Args:
        selection: what to compare.
        on_failure: is told of each policy that cannot be described, with the error; by default it raises that.

    Raises:
        ConfigError: when nothing is left to compare, for a task or policy that the zoo does not have, and for the
            starts that checkpoints are chosen on.
        UnknownNameError: for a task or start protocol that does not exist.
    """
    if selection.starts == SELECTION:
        raise ConfigError(
            f"--starts {SELECTION}: checkpoints are chosen on these start states, so no result is reported from them; "
            "leave it out."
        )
    folders = checkpoint_folders(selection.zoo)
    if not folders:
        raise ConfigError(f"nothing to compare: {selection.zoo} holds no checkpoint; train one, or run --train.")
    found = [candidate for folder in folders if (candidate := _trained(folder, on_failure)) is not None]
    baselines = registry("baseline")
    # Policies that are chosen by names of ours need no plug-in.
    wanted = dict.fromkeys((*baselines.own, *selection.policies)) if selection.policies else None
    scripts = baselines.load_all(Baseline, ScriptedPolicy, names=wanted)
    tasks = [task for name in sorted({each.task_id for each in found}) if (task := _loaded(name)) is not None]
    fitting = {name: _fitting(name, one, tasks) for name, one in scripts.items() if isinstance(one, ScriptedPolicy)}
    found += [_Candidate(name, task.id, name) for task in tasks for name, ids in fitting.items() if task.id in ids]
    task_ids = _chosen("tasks", [find_task(name) for name in selection.tasks], [each.task_id for each in found])
    policies = _chosen("policies", selection.policies, [each.baseline for each in found])
    for task in tasks:
        if task.id in task_ids:
            with suppress(PluginError), registry("task").blamed(task.id, DpbenchError):  # `resolve` tells it, too
                trials(task.starts(selection.starts), selection.n_starts, selection.sampler_seeds)
    check_device(selection.device)
    chosen = [each for each in found if each.task_id in task_ids and each.baseline in policies]
    if not chosen and found:
        raise ConfigError("nothing to compare: none of the chosen policies is there for the chosen tasks.")
    cells = (_cell(each, selection, on_failure) for each in chosen)
    return tuple(cell for cell in cells if cell is not None)


@dataclass(frozen=True)
class _Candidate:
    """A policy by the names that a selection asks for."""

    baseline: str
    task_id: str
    policy: str


def _fitting(name: str, script: ScriptedPolicy, tasks: Sequence[TaskSpec]) -> set[str]:
    """Ids of the tasks that a script can act in; none for one of a plug-in that cannot say so, which is noted."""
    try:
        with registry("baseline").blamed(name):
            return {task.id for task in tasks if script.fits(task)}
    except PluginError as error:
        note(str(error))
        return set()


def _trained(folder: Path, on_failure: OnFailure) -> _Candidate | None:
    try:
        told = read_description(folder)
    except CheckpointError as error:
        on_failure(Failure(folder.name, None, str(error)), error)
        return None
    return _Candidate(str(told["baseline"]), str(told["task"]), str(folder))


def _loaded(task_id: str) -> TaskSpec | None:
    """A task; None for one that cannot be loaded, which `resolve` tells of each of its checkpoints."""
    try:
        return load_task(task_id)
    except DpbenchError:
        return None


def _chosen(kind: str, names: Sequence[str], known: Sequence[str]) -> set[str]:
    """The names, all known ones where there are none."""
    if unknown := sorted(set(names) - set(known)):
        raise ConfigError(
            f"{kind}: {', '.join(unknown)} is not in the zoo; known are {', '.join(sorted(set(known))) or 'none'}."
        )
    return set(names or known)


def _cell(candidate: _Candidate, selection: Selection, on_failure: OnFailure) -> ResolvedCell | None:
    cell = Cell(
        candidate.policy,
        candidate.task_id,
        starts=selection.starts,
        n_starts=selection.n_starts,
        sampler_seeds=selection.sampler_seeds,
        device=selection.device,
        real_time=selection.real_time,
    )
    try:
        return resolve(cell)
    except DpbenchError as error:
        on_failure(Failure(Path(candidate.policy).name, candidate.task_id, str(error)), error)
        return None
