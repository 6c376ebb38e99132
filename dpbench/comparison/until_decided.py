"""Two policies on the same starts, batch by batch, until one is better: the state of such a run, and the run.

The state is one small file a pair, written after every batch; a run that was killed goes on there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from dpbench.comparison.cells import ResolvedCell
from dpbench.comparison.evaluate import successes
from dpbench.comparison.new_record import provenance_of
from dpbench.errors import ConfigError, DataError, DpbenchError
from dpbench.files.locks import working_on
from dpbench.files.reading import Digest, Kind, as_model, read_json
from dpbench.files.writing import write_json
from dpbench.metrics.statistics.betting import Bet, bet_on
from dpbench.records.machine import Provenance
from dpbench.records.record import EvaluatedCell

ALPHA = 0.05
"""Chance of a false alarm, of one pair or of all pairs of a suite together."""
STATES = "decisions"
"""Folder beside the records, with the state of each pair."""
VERSION: Final = 1
STATE = Kind(DataError, "move it away, and the pair begins anew", limit_bytes=64 * 2**20)


class State(BaseModel):
    """What is known of a pair, as it is kept."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    state_version: Literal[1] = VERSION
    identity: Digest = Field(description="SHA-256 of the two cells, their starts aside")
    first: EvaluatedCell = Field(description="without starts: they are those of `outcomes`")
    second: EvaluatedCell
    outcomes: tuple[Annotated[tuple[int, bool, bool], Field()], ...] = Field(
        description="start seed, success of the first and of the second policy, in the order of the starts"
    )
    provenance: Provenance | None = Field(default=None, description="of the last batch")


@dataclass(frozen=True)
class Decision:
    """The outcome of a run.

    Attributes:
        first: name of the first policy.
        second: of the second one.
        task: Gymnasium id.
        bet: what they have shown.
        alpha: chance of a false alarm.
        most: starts that the run was allowed.
        n_run: starts that both have run; more than `bet.n_starts` where the batch went beyond the decision.
        path: of the state.
    """

    first: str
    second: str
    task: str
    bet: Bet
    alpha: float
    most: int
    n_run: int
    path: Path

    @property
    def episodes_saved(self) -> int:
        """Against a plan that runs all starts with both policies."""
        return 2 * (self.most - self.n_run)

    def sentence(self) -> str:
        """The decision in words."""
        bet = self.bet
        counts = (
            f"only {self.first} succeeded at {bet.first} starts, only {self.second} at {bet.second}; "
            f"e-value {bet.e_value:.3g}, {1 / self.alpha:.3g} decides"
        )
        if bet.decided is None:
            return f"not decided within {self.n_run:,} starts: {counts}. More starts (--episodes) go on from here."
        better, worse = (self.first, self.second) if bet.decided == "first" else (self.second, self.first)
        return (
            f"decided: {better} is better than {worse} after {bet.n_starts:,} starts ({counts}). "
            f"{self.episodes_saved:,} of {2 * self.most:,} episodes were not needed."
        )

    def as_row(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "task": self.task,
            "first": self.first,
            "second": self.second,
            "decided": self.bet.decided,
            "n_starts": self.bet.n_starts,
            "n_run": self.n_run,
            "most": self.most,
            "only_first": self.bet.first,
            "only_second": self.bet.second,
            "e_value": self.bet.e_value,
            "alpha": self.alpha,
            "episodes_saved": self.episodes_saved,
            "sentence": self.sentence(),
            "state": str(self.path),
        }


def until_decided(
    first: ResolvedCell,
    second: ResolvedCell,
    folder: Path,
    n_workers: int,
    batch: int,
    alpha: float,
    on_done: Callable[[int], object] = lambda _: None,
) -> Decision:
    """Run batches of starts with both policies until one is better, or all starts of the cells are run.

    Args:
        first: a policy with its starts; each start is run once.
        second: another one on the same task and starts.
        folder: of the states of pairs.
        n_workers: processes for the rollouts.
        batch: starts between two looks.
        alpha: chance that one is called better although both succeed equally often; for one of M pairs, alpha / M.
        on_done: called with the number of episodes that have just ended, or were known.

    Raises:
        ConfigError: for cells that do not belong together.
        EvaluationError: for a policy or an environment that fails; finished batches are kept.
        DataError: for a state that is damaged.
        DpbenchError: when the state cannot be written.
    """
    check_pair(first, second)
    path = folder / f"{_identity(first, second)[:16]}.json"
    with working_on(path):
        state = _read(path, first, second)
        on_done(2 * min(len(state.outcomes), len(first.trials)))
        while True:
            done = state.outcomes[: len(first.trials)]
            bet = bet_on(((one, two) for _, one, two in done), alpha)
            if bet.decided is not None or len(done) == len(first.trials):
                names = (
                    (first.name, second.name) if first.name != second.name else (f"{first.name} A", f"{second.name} B")
                )
                return Decision(*names, first.task.id, bet, alpha, len(first.trials), len(done), path)
            trials = first.trials[len(done) : len(done) + batch]
            found = [successes(cell, trials, n_workers, on_done) for cell in (first, second)]
            starts = [trial.start_seed for trial in trials]
            outcomes = (*done, *zip(starts, *found, strict=True))
            state = state.model_copy(update={"outcomes": outcomes, "provenance": provenance_of(first)})
            _write(path, state)


def check_pair(first: ResolvedCell, second: ResolvedCell) -> None:
    """Raise ConfigError for cells that are no pair: one policy twice, other tasks, or starts that are run twice."""
    if first.identity == second.identity:
        raise ConfigError(f"{first.name} and {second.name} are the same policy: there is nothing to decide.")
    if first.task.id != second.task.id:
        raise ConfigError(
            f"{first.name} acts in {first.task.id}, {second.name} in {second.task.id}: choose two policies of one task."
        )
    if first.trials != second.trials or len({trial.start_seed for trial in first.trials}) < len(first.trials):
        raise ConfigError("a pair is decided with one sampler seed: each start is run once by either policy.")


def _read(path: Path, first: ResolvedCell, second: ResolvedCell) -> State:
    identity = _identity(first, second)
    if not path.exists():
        return State(identity=identity, first=_without_starts(first), second=_without_starts(second), outcomes=())
    state = as_model(read_json(path, STATE), State, path, STATE)
    if state.identity != identity or (state.first, state.second) != (_without_starts(first), _without_starts(second)):
        raise STATE.wrong(path, "is the state of another pair")
    if [seed for seed, _, _ in state.outcomes] != [*first.starts.seeds(len(state.outcomes))]:
        raise STATE.wrong(path, "has other starts than the protocol")
    return state


def _write(path: Path, state: State) -> None:
    try:
        write_json(path, state.model_dump(mode="json"))
    except OSError as error:
        raise DpbenchError(f"{path}: the batch is not kept ({error}); choose another folder.") from error


def _identity(first: ResolvedCell, second: ResolvedCell) -> str:
    cells = ",".join(_without_starts(each).canonical() for each in (first, second))
    return hashlib.sha256(f"[{cells}]".encode()).hexdigest()


def _without_starts(cell: ResolvedCell) -> EvaluatedCell:
    return cell.evaluated.model_copy(update={"start_seeds": ()})
