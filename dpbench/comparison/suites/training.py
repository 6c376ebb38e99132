"""The stage that trains a policy of a suite; its checkpoints are evaluated when it is done."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from dpbench.comparison.cells import Cell, resolve
from dpbench.comparison.engines.engine import Needs, Progress, Work, gpus_of
from dpbench.comparison.suites.evaluating import Evaluated, Rollouts
from dpbench.comparison.suites.stage import Stage
from dpbench.comparison.suites.store import Store
from dpbench.errors import BusyError, DpbenchError
from dpbench.escaping import printable
from dpbench.plugins.importing import printing_kept
from dpbench.policies.checkpoint_description import read_description
from dpbench.registry import note, registry
from dpbench.training.kept import kept_checkpoints
from dpbench.training.loggers import Logger
from dpbench.training.run import Run, demonstrations, execute, make_run, what_decides
from dpbench.training.trainer import Execution

TRAINING_VERSION = 1
"""Raised whenever the training changes in a way that can move weights."""
WAIT_S = 1.0
"""Between looks at a run that another process still works on, s."""
NOT_THEIRS = (DpbenchError, OSError, MemoryError)
"""Errors that are said in words already, or are the machine's; no plug-in is blamed for them."""


@dataclass(frozen=True)
class Training:
    """A request for a training, by names.

    Attributes:
        baseline: registry name.
        task_id: Gymnasium id.
        preset: its name.
        seed: of the training.
        overrides: fields of the preset that are set by hand.
        store: demonstrations, None for the task's own.
        data_dir: data root, None for the default.
        device: torch device.
        threads: CPU threads.
        bf16: mixed precision.
        compile: compiled networks.
        n_kept: checkpoints at the end that are evaluated; 0 for the last alone.
        checkpoint_every: steps between those.
    """

    baseline: str
    task_id: str
    preset: str
    seed: int
    overrides: Mapping[str, Any] = field(default_factory=dict)
    store: str | None = None
    data_dir: str | None = None
    device: str = "cpu"
    threads: int = 1
    bf16: bool = False
    compile: bool = False
    n_kept: int = 0
    checkpoint_every: int | None = None

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.baseline} on {self.task_id}, trained with seed {self.seed}"

    def run(self, folder: Path) -> Run:
        """The run in a folder.

        Raises:
            DpbenchError: for names or values that do not exist.
        """
        return make_run(
            self.baseline, self.task_id, self.preset, self.seed, folder, self.overrides, self.data_dir, self.store
        )

    def execution(self) -> Execution:
        """How it is executed."""
        return Execution(
            device=self.device, bf16=self.bf16, compile=self.compile, report_every=0,
            keep_checkpoints=self.n_kept, checkpoint_every=self.checkpoint_every,
        )  # fmt: skip

    def key(self, fingerprint: str) -> str:
        """SHA-256 of everything that decides the weights.

        Args:
            fingerprint: of the demonstrations.
        """
        steps = list(self.execution().kept(self.run(Path()).preset.training.n_steps))
        content = {
            "training_version": TRAINING_VERSION,
            "run": what_decides(self.run(Path()), fingerprint, self.execution()),
            "threads": self.threads,
            "device": self.device.partition(":")[0],
            "kept_steps": steps,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def fingerprint(self) -> str:
        """Of the demonstrations.

        Raises:
            DataError: when there are none.
        """
        return demonstrations(self.run(Path()))[1]


@dataclass(frozen=True)
class TrainingStage:
    """A training of a suite, and the evaluations of its checkpoints.

    Attributes:
        training: what is trained.
        key: of the training.
        evaluations: of each checkpoint, as requests that lack the policy.
        store: keeps the run.
        commit: of the records that count, None for any.
    """

    training: Training
    key: str
    evaluations: tuple[Cell, ...]
    store: Store
    commit: str | None = None

    @property
    def title(self) -> str:
        """For people."""
        return self.training.title

    @property
    def needs(self) -> Needs:
        """Its threads, and a GPU where it wants one."""
        return Needs(cpus=self.training.threads, gpus=gpus_of(self.training.device))

    def is_done(self) -> bool:
        """The run has ended."""
        return self.store.is_trained(self.key)

    def work(self) -> Work:
        """Train from the last saved state, if there is one."""
        return partial(trained, self.training, self.store.training(self.key).absolute())

    def keep(self, result: object) -> None:
        """Note that the run has ended; its checkpoints are in its folder."""
        self.store.keep_training(self.key, {"title": self.title, "weights_sha256": str(result)})

    def following(self) -> Sequence[Stage]:
        """An evaluation of each checkpoint in each way."""
        run = self.store.training(self.key)
        folders = kept_checkpoints(run) if self.training.n_kept else (run,)
        return tuple(self._rollouts(folder, cell) for folder in folders for cell in self.evaluations)

    def lost(self) -> Sequence[str]:
        """Every evaluation of the policy."""
        return tuple(self.title for _ in range(max(1, self.training.n_kept)) for _ in self.evaluations)

    def _rollouts(self, folder: Path, cell: Cell) -> Rollouts:
        request = replace(cell, policy=str(folder))
        identity = resolve(replace(request, device="cpu")).identity  # the device may be another machine's
        step = f", step {read_description(folder)['step']}" if self.training.n_kept else ""
        return Rollouts(Evaluated(request, identity, f"{self.title}{step}", self.commit), self.store)


def trained(training: Training, folder: Path, progress: Progress) -> str:
    """In the process that does it: train; the SHA-256 of the last weights is returned.

    Raises:
        DpbenchError: for missing data, a full disk, a method that fails, a loss that diverges.
    """
    import torch  # only where something is trained

    torch.set_num_threads(training.threads)
    run = training.run(folder)

    class Told:
        """A log that tells how far the run is."""

        def log(self, step: int, values: Mapping[str, float]) -> None:  # noqa: ARG002  # as every Logger
            progress(step, run.preset.training.n_steps)

    progress(0, run.preset.training.n_steps)
    with printing_kept(training.baseline, note), registry("baseline").blamed(training.baseline, *NOT_THEIRS):
        _executed(run, training.execution(), Told())
    return str(read_description(folder)["weights_sha256"])


def _executed(run: Run, execution: Execution, log: Logger) -> None:
    """Train; a worker of a run that was killed may still be at it, and is waited for."""
    while True:
        try:
            execute(run, execution, say=_say, on_log=log)
            return
        except BusyError as error:
            _say(str(error))
            time.sleep(WAIT_S)


def _say(sentence: str) -> None:
    print(f"note: {printable(sentence)}", file=sys.stderr)
