"""The recorded actions of a record, played again: what the simulator gives for them is what the record may claim."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import gymnasium as gym
import numpy as np

from dpbench.errors import EvaluationError
from dpbench.evaluation.stepping import Step, steps, stored_actions
from dpbench.evaluation.workers import in_workers
from dpbench.metrics.episode import Episode
from dpbench.plugins.failures import told_as
from dpbench.provenance import hardware, versions
from dpbench.records.machine import Provenance
from dpbench.spaces import flatten
from dpbench.spec import EvaluationStarts, TaskSpec
from dpbench.tasks import load_task

OF_SIMULATOR = ("rewards", "scores", "successes", "modes", "agent_pos")
"""What follows from start seed and actions."""
SIMULATED = 1e-3
"""By which these may differ on another processor or with other packages."""
PART = 10
"""Episodes that a process plays before it says so."""


def same_machine(made: Provenance, packages: Sequence[str]) -> bool:
    """Whether something was made on a processor of the family that this one is, with the packages that are here.

    The name of a processor does not tell: machines of one name may have other instructions. A record of earlier, which
    does not name the family, was made elsewhere.

    Args:
        made: where it comes from.
        packages: whose versions decide it.
    """
    here, there, installed = hardware(), made.hardware, versions(packages)
    return (
        (there.cpu, there.family) == (here["cpu"], here["family"])
        and there.family is not None
        and there.instructions in (None, here["instructions"])
        and all(made.versions.get(name) == installed[name] for name in packages)
    )


def played_again(
    task: TaskSpec,
    starts: EvaluationStarts,
    episodes: Sequence[Episode],
    n_workers: int,
    on_done: Callable[[int], object],
) -> list[tuple[Episode, bool]]:
    """What the simulator gives for the start seeds and actions of episodes, and whether each has ended by then.

    Args:
        task: of the episodes.
        starts: the reset options of the protocol.
        episodes: with the actions to play.
        n_workers: processes.
        on_done: called with the number of episodes that have just been played.

    Raises:
        EvaluationError: when the simulator fails.
        MissingExtraError: when it is not installed.
    """
    parts = [tuple(episodes[begin : begin + PART]) for begin in range(0, len(episodes), PART)]
    play = partial(_played, task.id, starts)
    if n_workers > 1:
        done = in_workers(play, parts, n_workers, lambda part: on_done(len(part)))
        return [one for played in done for one in played]
    found: list[tuple[Episode, bool]] = []
    for part in parts:
        found += play(part)
        on_done(len(part))
    return found


def _played(task_id: str, starts: EvaluationStarts, episodes: Sequence[Episode]) -> list[tuple[Episode, bool]]:
    task = load_task(task_id)  # first: it makes Gymnasium know a plug-in's task
    with told_as(EvaluationError, f"{task_id} cannot play the recorded actions:"):
        env = gym.make(task_id, disable_env_checker=True)
        try:
            return [_one(env, task, starts, episode) for episode in episodes]
        finally:
            env.close()


def _one(env: gym.Env[object, object], task: TaskSpec, starts: EvaluationStarts, told: Episode) -> tuple[Episode, bool]:
    first, _ = env.reset(seed=told.trial.start_seed, options=dict(starts.reset_options))
    places, states = [], []

    def observe(observation: object) -> None:
        flat = dict(flatten(observation))  # type: ignore[arg-type]  # a Dict space, as every task has
        places.append(flat["agent_pos"].copy())
        states.extend([flat["environment_state"].copy()] if "environment_state" in flat else [])

    done: list[Step] = []
    observe(first)
    for step in steps(env, first, stored_actions(told.actions)):  # type: ignore[arg-type]  # as above
        done.append(step)
        observe(step.next_observation)
    again = Episode(
        trial=told.trial,
        actions=told.actions[: len(done)],
        rewards=np.array([float(step.reward) for step in done]),
        scores=np.array([float(step.info[task.score]) for step in done]),
        successes=np.array([bool(step.info["is_success"]) for step in done]),
        agent_pos=np.array(places, dtype=np.float32),
        environment_state=np.array(states, dtype=np.float32) if states else None,
        modes=np.array([int(step.info.get("mode", -1)) for step in done]),
    )
    return again, bool(done[-1].finished)


def objections_to_simulation(told: Episode, again: Episode, has_ended: bool, exactly: bool) -> Iterator[str]:
    """What the simulator gives otherwise than an episode says, one sentence each.

    Args:
        told: the episode of the record.
        again: the same actions, played here.
        has_ended: whether the simulator ended the episode with the last of them.
        exactly: whether all numbers must be equal, or within `SIMULATED`.
    """
    room = 0.0 if exactly else SIMULATED
    if len(told.rewards) != len(again.rewards):
        yield f"{title(told)}: {len(told.rewards)} steps, the simulator ends the episode after {len(again.rewards)}"
        return
    for name in OF_SIMULATOR:
        ours, theirs = getattr(again, name), getattr(told, name)
        difference = np.abs(ours.astype(np.float64) - theirs.astype(np.float64)).reshape(len(ours), -1).max(axis=1)
        if (difference > room).any():
            step = int(np.argmax(difference > room))
            yield (
                f"{title(told)}: the simulator gives other {name} for its actions, at step {step + 1} "
                f"{ours[step]} and not {theirs[step]}"
            )
            return
    if not has_ended:
        yield f"{title(told)}: stops after {len(told.rewards)} steps, where the simulator goes on"


def title(episode: Episode) -> str:
    """Which episode it is."""
    return f"start seed {episode.trial.start_seed}, sampler seed {episode.trial.sampler_seed}"
