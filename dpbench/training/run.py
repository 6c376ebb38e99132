"""A whole training run: data, network, loop, checkpoints. Started again with the same arguments, it resumes."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dpbench.data.episodes import EpisodeStore, open_store, open_task_data
from dpbench.errors import ConfigError, EvaluationError, shown
from dpbench.escaping import in_file_name, printable
from dpbench.fields import from_json
from dpbench.files.locks import working_on
from dpbench.files.reading import Kind, read_json
from dpbench.files.writing import write_json
from dpbench.nets.features import Features
from dpbench.policies.baseline import Baseline, Preset
from dpbench.policies.checkpoint import Checkpoint, save_checkpoint
from dpbench.policies.devices import check_device
from dpbench.policies.networks import check_memory, learned_policy, parameters_of
from dpbench.policies.protocol import Policy
from dpbench.policies.task_meaning import meaning_of
from dpbench.provenance import commit, versions
from dpbench.registry import registry
from dpbench.spec import TaskSpec
from dpbench.tasks import load_task
from dpbench.training import distributed
from dpbench.training.batches import TrainingData, training_data
from dpbench.training.kept import check_kept, kept_folder
from dpbench.training.loggers import CsvLogger, Logger, TensorBoardLogger
from dpbench.training.losses import DivergedError, MethodError, method_call
from dpbench.training.trainer import Execution, Trained, train
from dpbench.training.training_state import read_state, remove_other_states

RUN = Kind(ConfigError, "choose another --out, or delete the folder", limit_bytes=2**20)
Rollouts = Callable[[Policy, TaskSpec], Mapping[str, float]]
"""`(policy, task) -> values for the log`; passed in by the command line, since training does not import evaluation."""
NOT_IDENTITY = ("meaning", "versions", "commit")
"""Fields of a description that may differ when a run goes on."""


@dataclass(frozen=True)
class Run:
    """What is trained.

    Attributes:
        baseline: registry name.
        task_id: Gymnasium id.
        preset: configuration and training.
        preset_name: such as `"small"`, with a star when fields were set by hand.
        seed: decides initial weights, split, batches and noise.
        folder: where state, log and checkpoint are written.
        data_dir: data root, None for the default.
        store: name or path of the demonstrations, None for the task's own.
    """

    baseline: str
    task_id: str
    preset: Preset[Any]
    preset_name: str
    seed: int
    folder: Path
    data_dir: str | None = None
    store: str | None = None


def make_run(
    baseline: str,
    task_id: str,
    preset: str,
    seed: int,
    folder: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    data_dir: str | None = None,
    store: str | None = None,
) -> Run:
    """A run from names; `overrides` set fields of the preset's configuration or training.

    Raises:
        UnknownNameError: for an unknown baseline, task or preset.
        ConfigError: for a scripted policy, or a field or value that does not exist.
    """
    method = _learned(baseline)
    chosen = method.preset(preset)
    task_id = load_task(task_id).id
    changed = with_overrides(chosen, {method.renamed.get(key, key): value for key, value in (overrides or {}).items()})
    name = preset if changed == chosen else f"{preset}*"
    short = task_id.rsplit("/", 1)[-1]
    default = Path("runs") / in_file_name(short) / in_file_name(f"{baseline}-{preset}-seed{seed}")
    return Run(baseline, task_id, changed, name, seed, folder or default, data_dir, store)


def with_overrides(preset: Preset[Any], overrides: Mapping[str, Any]) -> Preset[Any]:
    """A preset with some fields of `config` or `training` replaced.

    Raises:
        ConfigError: for a field that neither has, or a value that does not fit.
    """
    config, training = asdict(preset.config), asdict(preset.training)
    if unknown := [key for key in overrides if key not in config and key not in training]:
        raise ConfigError(f"no field {shown(unknown[0])}; known are {', '.join([*config, *training])}.")
    changed = {key: value for key, value in overrides.items() if key in config}
    trained = {key: value for key, value in overrides.items() if key in training}
    return Preset(
        from_json(type(preset.config), {**config, **changed}), from_json(type(preset.training), {**training, **trained})
    )


def execute(
    run: Run,
    execution: Execution,
    rollouts: Rollouts | None = None,
    tensorboard: bool = False,
    say: Callable[[str], object] = lambda _: None,
    on_log: Logger | None = None,
) -> Trained:
    """Train, from the last saved state if there is one, and leave a checkpoint in the run's folder.

    `say` is called with a sentence for each thing that the user should know about the data; `on_log` gets the values
    of the log, too.

    Raises:
        DpbenchError: for missing data, a folder of another run, a full disk, a loss that diverges, a run too short for
            the checkpoints to keep.
        BusyError: when another process trains in the run's folder.
    """
    check_device(execution.device)
    run = dataclasses.replace(run, folder=run.folder.absolute())  # a method's code may change the working folder
    execution = dataclasses.replace(execution, device=distributed.start(execution.device))
    task = load_task(run.task_id)
    # Before the lock, which makes the folder.
    store, fingerprint = demonstrations(run)
    check_memory(_learned(run.baseline), run.preset.config, task)
    execution.kept(run.preset.training.n_steps)
    with working_on(run.folder) if distributed.is_main() else contextlib.nullcontext():
        try:
            return _execute(run, store, fingerprint, execution, rollouts, tensorboard, say, on_log)
        except (MethodError, DivergedError, EvaluationError) as error:
            raise type(error)(f"{run.baseline}: {error}") from error


def _execute(
    run: Run,
    store: EpisodeStore,
    fingerprint: str,
    execution: Execution,
    rollouts: Rollouts | None,
    tensorboard: bool,
    say: Callable[[str], object],
    on_log: Logger | None,
) -> Trained:
    task, method = load_task(run.task_id), _learned(run.baseline)
    config, training = run.preset.config, run.preset.training
    device = torch.device(execution.device)
    data = training_data(
        store, task, config.window, training.val_ratio, run.seed, device,
        sequence_observations=method.sequence_observations, masks_padding=method.masks_padding,
    )  # fmt: skip
    description = describe(run, data, fingerprint, execution)
    if distributed.is_main():
        for note in data.notes:
            say(note)
        _claim_folder(run.folder, {key: value for key, value in description.items() if key not in NOT_IDENTITY})
    torch.manual_seed(run.seed)
    with method_call("build"):
        module = method.build(config, Features.from_task(task))
    saved = {**description, "n_parameters": parameters_of(module)}

    def on_report(step: int, average: Mapping[str, Tensor]) -> Mapping[str, float]:
        if distributed.is_main():
            save_checkpoint(run.folder, {**saved, "step": step}, average, data.normalisers)
        if rollouts is None:
            return {}
        checkpoint = Checkpoint({**saved, "step": step}, average, data.normalisers, sha256="")
        return rollouts(learned_policy(checkpoint, device=execution.device), task)

    def on_keep(step: int, average: Mapping[str, Tensor]) -> None:
        told = {**saved, "step": step, "run_steps": training.n_steps}
        save_checkpoint(kept_folder(run.folder, step), told, average, data.normalisers)

    loggers: list[Logger] = []
    if distributed.is_main():
        first_step = _first_step(run.folder)
        size_bytes = sum(value.nbytes for value in module.state_dict().values())
        check_kept(run.folder, execution.kept(training.n_steps), first_step, size_bytes)
        loggers.append(CsvLogger(run.folder / "log.csv", first_step))
        loggers += [on_log] if on_log is not None else []
        if tensorboard:
            loggers.append(TensorBoardLogger(run.folder / "tensorboard", first_step))
    trained = train(module, data, training, execution, run.seed, run.folder, loggers, on_report, on_keep)
    if distributed.is_main():
        save_checkpoint(run.folder, {**saved, "step": trained.step}, trained.weights, data.normalisers)
    return trained


def _first_step(folder: Path) -> int:
    """Gradient steps of the last saved state, whose tensors are then the only ones."""
    state = read_state(folder)
    if state is None:
        return 0
    remove_other_states(folder, state.step)
    return state.step


def describe(run: Run, data: TrainingData, fingerprint: str, execution: Execution) -> dict[str, Any]:
    """The run as JSON: everything that decides its result, and the versions it ran with."""
    decided = what_decides(run, fingerprint, execution)
    windows = {"train_windows": len(data.train), "val_windows": len(data.val)}
    return {
        **decided,
        "data": {**decided["data"], **windows},
        "meaning": meaning_of(load_task(run.task_id)),
        "versions": versions(_learned(run.baseline).packages),
        "commit": commit()["id"],
    }


def what_decides(run: Run, fingerprint: str, execution: Execution) -> dict[str, Any]:
    """Everything that decides the result of a run, as JSON; nothing is read but the names.

    Args:
        run: what is trained.
        fingerprint: of the arrays of the demonstrations (`demonstrations`).
        execution: precision and compilation.
    """
    # Only named where it is not the task's own: runs from before stores could be chosen still resume.
    store = {"store": Path(run.store).stem} if run.store is not None else {}
    # Only where the method masks: a run of another loss is another run, and all others stay what they were.
    loss = {"masks_padding": True} if _learned(run.baseline).masks_padding else {}
    return {
        "baseline": run.baseline,
        "preset": run.preset_name,
        "task": run.task_id,
        "config": asdict(run.preset.config),
        "training": asdict(run.preset.training),
        "seed": run.seed,
        **loss,
        "precision": "bf16" if execution.bf16 else "float32",
        "compile": execution.compile,
        "data": {"fingerprint": fingerprint, **store},
    }


def demonstrations(run: Run) -> tuple[EpisodeStore, str]:
    """What a run learns from, and the fingerprint of the arrays that its task trains on.

    Raises:
        DataError: when there is none.
    """
    task = load_task(run.task_id)
    store = open_task_data(task, run.data_dir) if run.store is None else open_store(run.store, run.data_dir)
    return store, store.fingerprint(tuple(task.store_arrays.values()))


def _claim_folder(folder: Path, identity: Mapping[str, Any]) -> None:
    """Make the run's folder, or check that it belongs to this run.

    Raises:
        ConfigError: when the folder holds a run with another configuration, or a file that is no run.
    """
    path = folder / "run.json"
    wanted = json.loads(json.dumps(identity))
    if not path.exists() and not path.is_symlink():
        write_json(path, wanted)
        return
    found = read_json(path, RUN, inside=folder)
    if different := sorted(key for key in {*wanted, *found} if wanted.get(key) != found.get(key)):
        changes = "; ".join(
            f"{key}: {shown(found.get(key), 300)} there, {shown(wanted.get(key), 300)} asked for" for key in different
        )
        raise ConfigError(f"{folder} holds another run ({printable(changes)}); choose another --out or delete it.")


def _learned(name: str) -> Baseline[Any]:
    method = registry("baseline").load(name)
    if not isinstance(method, Baseline):
        raise ConfigError(f"{name!r} needs no training; evaluate it directly: dpbench evaluate {name} --task ...")
    return method
