"""From a suite to the stages of its run: every combination of its lists, each name looked up, no cell twice."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from dpbench.comparison.cells import Cell, resolve
from dpbench.comparison.failure import Failure
from dpbench.comparison.suites.evaluating import Evaluated, Rollouts
from dpbench.comparison.suites.stage import Stage
from dpbench.comparison.suites.store import Store
from dpbench.comparison.suites.suite import Evaluation, Suite, TrainingPart, ZooPart
from dpbench.comparison.suites.training import Training, TrainingStage
from dpbench.errors import CheckpointError, ConfigError, DataError, DpbenchError, PluginError, PolicyError
from dpbench.escaping import printable
from dpbench.policies.checkpoint import checkpoint_folders
from dpbench.tasks import load_task


@dataclass(frozen=True)
class Setting:
    """Where a suite is expanded.

    Attributes:
        store: keeps what is done.
        zoo: folder with checkpoints.
        data_dir: data root, None for the default.
        commit: only records made at this commit count; None for any.
    """

    store: Store
    zoo: Path
    data_dir: str | None = None
    commit: str | None = None


@dataclass
class Expanded:
    """What a suite consists of.

    Attributes:
        evaluations: of policies that are there.
        trainings: with the evaluations of what they train.
        failures: policies that are there but cannot be described, and trainings without data; the rest goes on.
    """

    evaluations: list[Rollouts] = field(default_factory=list)
    trainings: list[TrainingStage] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def n_evaluations(self) -> int:
        """Cells of the suite."""
        of_training = sum(len(training.lost()) for training in self.trainings)
        return len(self.evaluations) + of_training + len(self.failures)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What the run begins with: trainings first, since others wait for them."""
        return (*self.trainings, *self.evaluations)


def expand(suites: Mapping[Path, Suite], setting: Setting) -> Expanded:
    """Every cell of a suite and of those that it includes.

    Raises:
        DpbenchError: for a name that does not exist, a value that does not fit, or a cell that is there twice; the
            message begins with file and entry.
    """
    found, seen = Expanded(), _Seen()
    for path, suite in suites.items():
        for number, zoo in enumerate(suite.zoo, 1):
            with _named(path, f"[[zoo]] {number}"):
                _add_policies(
                    found,
                    seen,
                    tuple(_of_zoo(zoo, setting.zoo).items()),
                    (),
                    zoo.evaluations,
                    suite.evaluation,
                    setting,
                )
        for number, part in enumerate(suite.policies, 1):
            with _named(path, f"[[policies]] {number}"):
                names = tuple((name, name) for name in part.names)
                _add_policies(found, seen, names, part.tasks, part.evaluations, suite.evaluation, setting)
        for number, training in enumerate(suite.train, 1):
            with _named(path, f"[[train]] {number}"):
                _add_trainings(found, seen, training, suite.evaluation, setting)
    return found


class _Seen:
    """Cells so far, so that one that is there twice is found."""

    def __init__(self) -> None:
        self._titles: set[str] = set()

    def add(self, key: str, title: str) -> None:
        """Refuse a cell that is there already."""
        if key in self._titles:
            raise ConfigError(f"{title} is there twice, with the same starts, seeds and options: leave one out.")
        self._titles.add(key)


@contextmanager
def _named(path: Path, entry: str) -> Iterator[None]:
    try:
        yield
    except DpbenchError as error:
        raise ConfigError(f"{printable(path)}: {entry}: {printable(error)}") from error


def _of_zoo(part: ZooPart, zoo: Path) -> dict[str, str]:
    """Folder -> name below the zoo."""
    names = {str(folder): folder.relative_to(zoo).as_posix() for folder in checkpoint_folders(zoo)}
    found: dict[str, str] = {}
    for pattern in part.checkpoints:
        matching = {folder: name for folder, name in names.items() if fnmatch.fnmatchcase(name, pattern)}
        if not matching:
            raise ConfigError(f"checkpoints: {zoo} has no {pattern!r}; name one, such as TASK/METHOD, or use *.")
        found |= matching
    return found


def _add_policies(
    found: Expanded, seen: _Seen, names: Sequence[tuple[str, str]], tasks: tuple[str, ...],
    evaluations: tuple[Evaluation, ...], default: Evaluation, setting: Setting,
) -> None:  # fmt: skip
    for policy, name in names:
        for task in tasks or (None,):
            for number, evaluation in enumerate(evaluations, 1):
                cell = _cell(policy, task, evaluation.over(default))
                try:
                    resolved = resolve(cell)
                except (CheckpointError, PluginError, PolicyError) as error:
                    found.failures.append(Failure(name, task, str(error)))
                    continue
                title = f"{name} on {resolved.task.id}" if "/" not in name else name
                title += f" ({number})" if len(evaluations) > 1 else ""
                seen.add(resolved.identity, title)
                evaluated = Evaluated(cell, resolved.identity, title, setting.commit)
                found.evaluations.append(Rollouts(evaluated, setting.store))


def _cell(policy: str, task_id: str | None, evaluation: Evaluation) -> Cell:
    return Cell(
        policy,
        task_id,
        starts=evaluation.starts,
        n_starts=evaluation.episodes,
        sampler_seeds=(0,) if evaluation.sampler_seeds is None else evaluation.sampler_seeds,
        options={key: _as_text(value) for key, value in (evaluation.options or {}).items()},
        device=evaluation.device or "cpu",
        real_time=bool(evaluation.real_time),
    )


def _as_text(value: object) -> str:
    """As it is typed behind `--option`."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _add_trainings(found: Expanded, seen: _Seen, part: TrainingPart, default: Evaluation, setting: Setting) -> None:
    for method in part.methods:
        for task in part.tasks:
            cells = tuple(_cell("", load_task(task).id, one.over(default)) for one in part.evaluations)
            for cell in cells:
                load_task(task).starts(cell.starts)
            for seed in part.seeds:
                training = Training(
                    method, load_task(task).id, part.preset, seed, part.set, part.store, setting.data_dir, part.device,
                    part.threads, part.bf16, part.compile, part.n_kept, part.checkpoint_every,
                )  # fmt: skip
                _add_training(found, seen, training, cells, setting)


def _add_training(found: Expanded, seen: _Seen, training: Training, cells: tuple[Cell, ...], setting: Setting) -> None:
    training.run(Path())  # names and values that do not exist are the suite's fault
    try:
        key = training.key(training.fingerprint())
    except DataError as error:
        found.failures.append(Failure(training.title, training.task_id, str(error)))
        return
    for cell in cells:
        seen.add(f"{key} {replace(cell, device='cpu')}", training.title)
    found.trainings.append(TrainingStage(training, key, cells, setting.store, setting.commit))
