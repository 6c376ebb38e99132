"""A sample of a record's episodes, made again by its policy.

What is demanded depends on the machine. On the same processor with the same packages every number is equal. On another
one, networks round differently; a closed loop makes some of these differences large, so that episodes are compared by
their first chunk of actions, which follows from the same start, and by their outcomes (`TOLERANCE`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dpbench.comparison.cells import ResolvedCell
from dpbench.comparison.episodes import episodes_of
from dpbench.comparison.submissions.simulation import title
from dpbench.metrics.episode import Episode
from dpbench.spec import TaskSpec


@dataclass(frozen=True)
class Tolerance:
    """What episodes that were made again on another processor, or with other packages, may differ by.

    Attributes:
        first_chunk: of an action of the first chunk, as a share of the action's range.
        first_chunks: share of the sample whose first chunk must be within that.
        outcomes: share of the sample that must succeed, or fail, as before.
        score: by which the mean of the largest scores may differ.
    """

    first_chunk: float
    first_chunks: float
    outcomes: float
    score: float


TOLERANCE = Tolerance(first_chunk=1e-4, first_chunks=0.8, outcomes=0.8, score=0.1)
"""Other instructions of a processor changed first chunks by at most 5e-8 (docs/submitting.md)."""


@dataclass(frozen=True)
class Agreement:
    """How the episodes of a sample came out when they were made again.

    Attributes:
        n_episodes: of the sample.
        n_equal: whose every number is the same.
        n_first_chunks: whose first chunk is within the tolerance.
        n_outcomes: that succeeded, or failed, as before.
        score: difference of the means of the largest scores.
    """

    n_episodes: int
    n_equal: int
    n_first_chunks: int
    n_outcomes: int
    score: float


def sample(n_episodes: int, wanted: int | None, rng: np.random.Generator) -> tuple[int, ...]:
    """Numbers of the episodes to make again, in order.

    Args:
        n_episodes: of the record.
        wanted: how many; None, or more than there are, for all.
        rng: the only source of randomness. Its seed must not be the submitter's choice: a hash of the record would be,
            as anything in it can be changed until the hash is right.
    """
    if wanted is None or wanted >= n_episodes:
        return tuple(range(n_episodes))
    return tuple(sorted(rng.choice(n_episodes, wanted, replace=False).tolist()))


def made_again(
    cell: ResolvedCell, episodes: Sequence[Episode], n_workers: int, on_done: Callable[[int], object]
) -> tuple[Episode, ...]:
    """The same trials with the policy of the cell.

    Raises:
        DpbenchError: when the policy cannot be opened, or fails.
    """
    return episodes_of(cell, n_workers, [episode.trial for episode in episodes], on_done=on_done)


def agreement(recorded: Sequence[Episode], again: Sequence[Episode], task: TaskSpec, n_action_steps: int) -> Agreement:
    """How episodes agree with those of a record.

    Args:
        recorded: those of the record.
        again: the same trials, made here.
        task: of both.
        n_action_steps: actions of a chunk (Ta).
    """
    spans = np.subtract(task.action.high, task.action.low)

    def first_chunk(one: Episode, other: Episode) -> bool:
        chunks = one.actions[:n_action_steps], other.actions[:n_action_steps]
        if chunks[0].shape != chunks[1].shape:
            return False
        return bool((np.abs(chunks[0] - chunks[1]) <= TOLERANCE.first_chunk * spans).all())

    pairs = list(zip(recorded, again, strict=True))
    return Agreement(
        n_episodes=len(pairs),
        n_equal=sum(unequal(one, other) is None for one, other in pairs),
        n_first_chunks=sum(first_chunk(one, other) for one, other in pairs),
        n_outcomes=sum(bool(one.successes.any()) == bool(other.successes.any()) for one, other in pairs),
        score=abs(float(np.mean([one.scores.max() - other.scores.max() for one, other in pairs]))),
    )


def objections_to_agreement(
    recorded: Sequence[Episode], again: Sequence[Episode], found: Agreement, exactly: bool
) -> Iterator[str]:
    """Why a sample does not agree, one sentence each; nothing where it does.

    Args:
        recorded: those of the record.
        again: the same trials, made here.
        found: how they agree.
        exactly: whether all numbers must be equal.
    """
    if exactly:
        different = [told for pair in zip(recorded, again, strict=True) if (told := unequal(*pair)) is not None]
        if different:
            yield (
                f"{len(different)} of {found.n_episodes} episodes come out otherwise from the checkpoint, on the same "
                f"processor with the same packages: {different[0]}"
            )
        return
    for name, n_agreeing, share in (
        ("first actions", found.n_first_chunks, TOLERANCE.first_chunks),
        ("outcomes", found.n_outcomes, TOLERANCE.outcomes),
    ):
        if n_agreeing < share * found.n_episodes:
            yield (
                f"the {name} of {n_agreeing} of {found.n_episodes} episodes agree with those from the checkpoint, "
                f"expected {share:.0%} at least on another machine"
            )
    if found.score > TOLERANCE.score:
        yield (
            f"the mean score of the sample differs by {found.score:.3f} from the checkpoint's, expected at most "
            f"{TOLERANCE.score}"
        )


def unequal(recorded: Episode, again: Episode) -> str | None:
    """Where two episodes of a trial first differ, in words; None where every number is the same."""
    n_steps = min(len(recorded.actions), len(again.actions))
    for name in ("actions", "rewards", "scores", "successes", "modes"):
        told, found = getattr(recorded, name)[:n_steps], getattr(again, name)[:n_steps]
        differing = (told != found).reshape(n_steps, -1).any(axis=1)
        if differing.any():
            step = int(np.argmax(differing))
            return f"{title(recorded)}, {name} of step {step + 1} ({told[step]} in the record, {found[step]} again)"
    if len(recorded.actions) != len(again.actions):
        return f"{title(recorded)}, {len(recorded.actions)} steps in the record, {len(again.actions)} again"
    return None
