"""What a pair of policies has shown, as plain sentences and as rows of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dpbench.comparison.groups import Group
from dpbench.comparison.pairs import Pair, Tested, Verdict


def names_of(groups: Sequence[Group]) -> dict[str, str]:
    """Identity of the newest record -> a name that no other group of the task has: steps are said where needed."""
    named = {each.newest.identity: each.newest.policy.baseline for each in groups}
    for tell in (_with_steps, _with_identity):
        taken = [*named.values()]
        named = {
            each.newest.identity: tell(each) if taken.count(named[each.newest.identity]) > 1 else named[identity]
            for each, identity in zip(groups, named, strict=True)
        }
    return named


def _with_steps(group: Group) -> str:
    policy = group.newest.policy
    return policy.baseline if policy.step is None else f"{policy.baseline} ({policy.step:,} steps)"


def _with_identity(group: Group) -> str:
    return f"{_with_steps(group)} {group.newest.identity[:7]}"


def sentence(pair: Pair, names: dict[str, str]) -> str:
    """Better, worse, or not told apart, and what would tell."""
    first, second = names[pair.first.newest.identity], names[pair.second.newest.identity]
    said = _of(pair.success, "success", first, second, pair.n_starts)
    if pair.score is None or _same(pair):
        return said
    score = pair.score
    low, high = score.difference.estimate.low, score.difference.estimate.high
    return (
        f"{said} Score {score.first:.2f} against {score.second:.2f}, difference "
        f"{score.difference.estimate.mean:+.2f} [{low:+.2f}, {high:+.2f}]: {score.verdict.value} "
        f"(p {p_text(score.holm)})."
    )


def figure_of(pair: Pair) -> Tested:
    """The score; success where the score is nothing else, or a record does not have it."""
    return pair.success if pair.score is None or _same(pair) else pair.score


def _same(pair: Pair) -> bool:
    """Whether the score is nothing else than success."""
    score, success = pair.score, pair.success
    return score is not None and (score.first, score.second) == (success.first, success.second)


def _of(tested: Tested, figure: str, first: str, second: str, n_starts: int) -> str:
    both = f"{figure} {tested.first:.2f} against {tested.second:.2f} from {n_starts} shared starts"
    if tested.verdict is not Verdict.OPEN:
        return f"{first} is {tested.verdict.value} than {second}: {both} (p {p_text(tested.holm)})."
    return f"{first} and {second} are not told apart: {both} (p {p_text(tested.holm)}). {_what_would_tell(tested)}"


def _what_would_tell(tested: Tested) -> str:
    if tested.starts_that_tell is None:
        return "No number of starts tells policies apart that are as alike as these."
    return f"About {tested.starts_that_tell:,} starts would tell, if the difference is as large as it looks."


def p_text(p_value: float) -> str:
    """`= 0.03`, or `< 0.001`."""
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.3f}" if p_value < 0.1 else f"= {p_value:.2f}"


def row_of(pair: Pair, names: dict[str, str]) -> dict[str, Any]:
    """A pair as numbers: p-values are corrected for all pairs of the task."""
    cell = pair.first.newest.cell
    return {
        "task": cell.task,
        "starts": cell.starts,
        "first": names[pair.first.newest.identity],
        "second": names[pair.second.newest.identity],
        "n_starts": pair.n_starts,
        **_numbers("success", pair.success),
        **(_numbers("score", pair.score) if pair.score is not None else {}),
        "sentence": sentence(pair, names),
    }


def _numbers(figure: str, tested: Tested) -> dict[str, Any]:
    estimate = tested.difference.estimate
    return {
        f"{figure}_verdict": tested.verdict.value,
        f"{figure}_first": round(tested.first, 6),
        f"{figure}_second": round(tested.second, 6),
        f"{figure}_difference": round(estimate.mean, 6),
        f"{figure}_low": round(estimate.low, 6),
        f"{figure}_high": round(estimate.high, 6),
        f"{figure}_p": float(f"{tested.difference.p_value:.4g}"),
        f"{figure}_holm": float(f"{tested.holm:.4g}"),
        f"{figure}_starts_that_tell": tested.starts_that_tell,
    }
