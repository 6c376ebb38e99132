"""What the cheapest policies reach on a task, its floor, and what its scripted demonstrator reaches, its ceiling.

A score means nothing where a policy that knows nothing has it, too. The cheapest policies that we can think of: one
action that is held, from the corners, the centre and a grid of the action space; uniform noise; noise around the
action of the start; and one demonstration whose actions are replayed without looking.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dpbench.checks.cheap_policies import Around, Held, Replayed, Several, Uniform
from dpbench.evaluation.rollout import BATCH, rollout
from dpbench.metrics.episode import Episode, Trial
from dpbench.policies.demonstrator import has_demonstrator, scripted_demonstrator
from dpbench.policies.protocol import Policy
from dpbench.spec import TaskSpec
from dpbench.yardsticks import Ceiling, Floor

N_CORNERS = 4
"""Up to four dimensions every corner is held; with more, so many are drawn, and with up to ten also both ends of each
dimension, the others at their centre."""
GRIDS = {1: 41, 2: 9}
"""Constants along each dimension; with more dimensions, N_DRAWN are drawn."""
N_DRAWN = 4
SHARES = (0.02, 0.1, 0.3)
"""Standard deviations of the noise around the start, as shares of the range of the actions."""
N_REPLAYED = 3
SCRIPT = "the task's script"


@dataclass(frozen=True)
class Reached:
    """The best of some policies.

    Attributes:
        policies: how many were tried.
        best: name of the best.
        success: its share of successful episodes.
        starts: from which it was measured.
        screened: starts from which all were tried; only those that succeeded from one were measured from the others.
        steps: mean length of its successful episodes, None where there is none.
    """

    policies: int
    best: str
    success: float
    starts: int
    screened: int
    steps: float | None


Policies = Mapping[str, Policy]


def floor_of(measured: Mapping[str, Reached], reason: str = "") -> Floor:
    """The floor that measured kinds make."""
    blind = measured.get("replays")
    return Floor(
        max(measured[kind].success for kind in CHEAP if kind in measured and kind != "replays"),
        None if blind is None else blind.success,
        reason,
    )


def ceiling_of(measured: Mapping[str, Reached]) -> Ceiling | None:
    """The ceiling that measured kinds make."""
    reached = measured.get("ceiling")
    return None if reached is None else Ceiling(reached.success, reached.steps or 0.0)


def corners(task: TaskSpec) -> Policies:
    """Corners and the centre of the action space, held."""
    low, high = _bounds(task)
    if task.action.dim <= 4:
        picks = np.array(list(itertools.product((0, 1), repeat=task.action.dim)))
    else:
        picks = np.random.default_rng(0).integers(0, 2, (N_CORNERS, task.action.dim))
    held = {f"corner {''.join(map(str, pick))}": np.where(pick, high, low) for pick in picks.tolist()}
    if 4 < task.action.dim <= 10:
        for number, name in enumerate(task.action.names):
            for end, bound in (("lowest", low), ("highest", high)):
                action = (low + high) / 2
                action[number] = bound[number]
                held[f"centre with {end} {name}"] = action
    return {name: Held(action) for name, action in {"centre": (low + high) / 2, **held}.items()}


def constants(task: TaskSpec) -> Policies:
    """A grid of constants, or constants that are drawn, held."""
    low, high = _bounds(task)
    size = GRIDS.get(task.action.dim)
    if size is None:
        shares = np.random.default_rng(1).random((N_DRAWN, task.action.dim))
    else:
        shares = np.array(list(itertools.product(np.linspace(0, 1, size), repeat=task.action.dim)))
    actions = low + shares * (high - low)
    return {f"held {', '.join(f'{value:.3g}' for value in action)}": Held(action) for action in actions}


def noise(task: TaskSpec) -> Policies:
    """Uniform noise, and noise around the action that the episode starts with."""
    low, high = _bounds(task)
    base = None if _acts_like_it_observes(task) else _first_action(task)
    around = {f"noise of {share:g} around the start": Around(base, share * (high - low)) for share in SHARES}
    return {"uniform noise": Uniform(low, high), **around}


def replays(task: TaskSpec) -> Policies:
    """Demonstrations from other starts, replayed; none for a task without a demonstrator."""
    return {
        f"demonstration {number} replayed": Replayed(episode.actions)
        for number, episode in enumerate(_demonstrations(task, range(N_REPLAYED)))
    }


def script(task: TaskSpec) -> Policies:
    """The scripted demonstrator, where there is one that acts on what the task shows."""
    if not has_demonstrator(task) or scripted_demonstrator(task).acts_on is not None:
        return {}
    return {SCRIPT: scripted_demonstrator(task).policy(task)}


CHEAP: Mapping[str, Callable[[TaskSpec], Policies]] = {
    "corners": corners,
    "constants": constants,
    "noise": noise,
    "replays": replays,
}
KINDS: Mapping[str, Callable[[TaskSpec], Policies]] = {**CHEAP, "ceiling": script}
SCREENED = ("corners", "constants")
"""Held actions are many, and alike from most starts: they are tried from a few first."""


def measure(
    task: TaskSpec,
    policies: Policies,
    n_starts: int,
    n_screened: int | None = None,
    on_done: Callable[[int], object] = lambda _: None,
) -> Reached | None:
    """The best of some policies; None where there are none.

    Args:
        task: what they act in.
        policies: by name.
        n_starts: of the task's first protocol.
        n_screened: starts from which all are tried, by default `n_starts`.
        on_done: called with the number of episodes that have just ended.
    """
    if not policies:
        return None
    screened = n_starts if n_screened is None else min(n_screened, n_starts)
    found = _run(task, policies, range(screened), on_done)
    hopeful = {name: policies[name] for name, episodes in found.items() if any(map(_solved, episodes))}
    if hopeful and screened < n_starts:
        more = _run(task, hopeful, range(screened, n_starts), on_done)
        found = {name: (*found[name], *more[name]) for name in hopeful}
    best = max(found, key=lambda name: float(np.mean([_solved(each) for each in found[name]])))
    solved = [each for each in found[best] if _solved(each)]
    return Reached(
        policies=len(policies),
        best=best,
        success=round(len(solved) / len(found[best]), 3),
        starts=len(found[best]),
        screened=screened,
        steps=round(float(np.mean([len(each.actions) for each in solved])), 1) if solved else None,
    )


def _run(
    task: TaskSpec, policies: Policies, starts: range, on_done: Callable[[int], object]
) -> Mapping[str, tuple[Episode, ...]]:
    """Episodes of every policy from the starts of these numbers."""
    protocol = task.starts()
    seeds = protocol.seeds(starts.stop)[starts.start :]
    # A policy's number is its sampler seed, so that no two share their noise.
    pairs = [(name, Trial(seed, number)) for number, name in enumerate(policies) for seed in seeds]
    found: dict[str, list[Episode]] = {name: [] for name in policies}
    for begin in range(0, len(pairs), BATCH):
        part = pairs[begin : begin + BATCH]
        together = Several(tuple(policies[name] for name, _ in part))
        for (name, _), episode in zip(
            part, rollout(together, task, protocol, [trial for _, trial in part]), strict=True
        ):
            found[name].append(episode)
        on_done(len(part))
    return {name: tuple(episodes) for name, episodes in found.items()}


def _solved(episode: Episode) -> bool:
    return bool(episode.successes.any())


def _bounds(task: TaskSpec) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array(task.action.low), np.array(task.action.high)


def _acts_like_it_observes(task: TaskSpec) -> bool:
    return task.action.kind == "position" and task.observations["agent_pos"].shape == (task.action.dim,)


def _first_action(task: TaskSpec) -> NDArray[np.float64]:
    """Where the observed position is not an action: no motion, a demonstration's first action, or else the centre."""
    low, high = _bounds(task)
    if task.action.kind != "position":
        return np.zeros(task.action.dim)
    shown = _demonstrations(task, range(1), max_steps=1)
    return shown[0].actions[0].astype(np.float64) if shown else (low + high) / 2


def _demonstrations(task: TaskSpec, seeds: Sequence[int], max_steps: int | None = None) -> tuple[Episode, ...]:
    found = script(task)
    if not found:
        return ()
    trials = [Trial(seed, 0) for seed in seeds]
    return rollout(found[SCRIPT], task, task.starts(), trials, max_steps=max_steps)
