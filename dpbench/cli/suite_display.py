"""What a run of a suite shows while it goes on: the cells that run, and each result as it comes."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from dpbench.comparison.suites.evaluating import Rollouts, Timing
from dpbench.comparison.suites.run import Told
from dpbench.comparison.suites.stage import Stage
from dpbench.escaping import in_terminal, printable
from dpbench.records.record import Record


class SuiteDisplay:
    """One display for all running cells, on standard error; without a terminal, a line for each thing that ends.

    Args:
        n_evaluations: of the suite.
    """

    def __init__(self, n_evaluations: int) -> None:
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        self._all = self._progress.add_task("all cells", total=n_evaluations)
        self._rows: dict[str, TaskID] = {}
        self._touched: set[str] = set()
        self._n_all, self._n_done, self._n_known = n_evaluations, 0, 0

    def __enter__(self) -> SuiteDisplay:
        """Show it."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave only the lines."""
        self._say_known()
        self._progress.stop()

    def told(self, told: Told) -> None:
        """Show what happened."""
        stage = told.stage
        if told.what in ("started", "elsewhere"):
            self._say_known()
            self._touched.add(stage.key)
        if told.what == "started":
            self._rows[stage.key] = self._progress.add_task(escape(printable(stage.title)), total=None)
        elif told.what == "progress" and stage.key in self._rows:
            self._progress.update(self._rows[stage.key], completed=told.done, total=told.total or None)
        elif told.what == "elsewhere":
            self._say(f"{stage.title}: another process works on it")
        elif told.what in ("done", "again", "failed"):
            self._ended(told, stage)

    def _ended(self, told: Told, stage: Stage) -> None:
        row = self._rows.pop(stage.key, None)
        if row is not None:
            self._progress.remove_task(row)
        if told.what == "again":
            self._say(f"{stage.title}: {told.reason}; it is tried again")
        elif told.what == "failed":
            self._count(len(stage.lost()))
            self._say(f"failed: {stage.title}: {told.reason}")
        elif isinstance(stage, Timing):
            self._count(1)
            if stage.key in self._touched:
                self._result(stage)
            else:
                self._n_known += 1
        elif isinstance(stage, Rollouts):
            pass  # its timing follows
        elif row is not None:
            self._say(f"{stage.title}: done")

    def _count(self, n_evaluations: int) -> None:
        self._n_done += n_evaluations
        self._progress.update(self._all, completed=self._n_done)

    def _say_known(self) -> None:
        """How many cells were there before, once."""
        if self._n_known:
            self._say(f"{self._n_known} of {self._n_all} cells have a record already")
        self._n_known = 0

    def _result(self, stage: Timing) -> None:
        record = stage.evaluated.record(stage.store)
        if record is not None:
            self._say(f"[{self._n_done} of {self._n_all}] {stage.evaluated.title}: {in_short(record)}")

    def _say(self, sentence: str) -> None:
        self._console.print(in_terminal(printable(sentence)), soft_wrap=True)


def in_short(record: Record) -> str:
    """The main figures of a record in a line."""
    success = record.estimate("success")
    return (
        f"success {success.mean:.2f} ({success.low:.2f} to {success.high:.2f}), {len(record.episodes)} episodes, "
        f"{record.latency.call_s.p50 * 1000:.1f} ms a call"
    )
