"""`check_task`: does an environment do what its TaskSpec says?"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils.env_checker import check_env

import dpbench.checks.task_copies as copied
import dpbench.checks.task_episodes as episodes
import dpbench.checks.task_state as states
from dpbench.checks.outcome import Check, CheckFailed, CheckSkipped, listed, require, run_check, run_checks
from dpbench.checks.task_subject import N_STEPS, Environment, TaskSubject
from dpbench.findings import Finding
from dpbench.policies.demonstrator import has_demonstrator, scripted_demonstrator
from dpbench.policies.noise import NoiseStreams
from dpbench.spaces import action_space, flatten, observation_space
from dpbench.spec import EvaluationStarts, TaskSpec
from dpbench.starts import SELECTION
from dpbench.tasks import load_task

N_COMPARED = 3
"""Of the starts of each list."""


def check_task(task: str | TaskSpec, make: Callable[[], Environment] | None = None) -> tuple[Finding, ...]:
    """Check a task: its TaskSpec, its environment, and that both agree.

    Args:
        task: id of an installed task, or the TaskSpec of one that is not registered yet.
        make: makes its environment without wrappers; by default the registered one.

    Returns:
        One finding a check; when the task cannot be loaded or its environment not be made, that alone.
    """
    opened: list[TaskSubject] = []

    def open_subject() -> str:
        spec = load_task(task) if isinstance(task, str) else task
        opened.append(TaskSubject.open(spec, make))
        return f"{spec.id} and two environments of it"

    first = run_check("the task can be made", open_subject)
    if not opened:
        return (first,)
    (subject,) = opened
    return (first, *run_checks(CHECKS, subject))


def _registration(subject: TaskSubject) -> str:
    if not subject.registered:
        raise CheckSkipped("the environment is not the registered one")
    known, task = gym.spec(subject.task.id), subject.task
    require(
        known.max_episode_steps == task.max_episode_steps,
        f"registered with {known.max_episode_steps} steps, the TaskSpec says {task.max_episode_steps}",
        "give TaskEntry and TaskSpec the same max_episode_steps",
    )
    return f"{task.max_episode_steps} steps at most"


def _spaces(subject: TaskSubject) -> str:
    for name, found, wanted in (
        ("observation_space", subject.first.observation_space, observation_space(subject.task.observations)),
        ("action_space", subject.first.action_space, action_space(subject.task.action)),
    ):
        require(
            found == wanted,
            f"{name} is {found}, the TaskSpec gives {wanted}",
            f"make it with dpbench.spaces.{name}",
        )
    return f"{listed(subject.task.observations)}; {subject.task.action.dim} numbers an action"


def _description(subject: TaskSubject) -> str:
    task = subject.task
    stored, needed = set(task.store_arrays), {*task.observations, "action"}
    require(stored == needed, f"store_arrays has {listed(sorted(stored))}", f"give it {listed(sorted(needed))}")
    names = [starts.name for starts in task.evaluation]
    require(len(names) > 0, "no evaluation starts", "give the TaskSpec at least one EvaluationStarts")
    require(len(set(names)) == len(names), f"start protocols {listed(names)}", "give each a name of its own")
    require(all(low < high for low, high in [task.reward_range]), f"reward_range {task.reward_range}", "low < high")
    for package in task.packages:
        try:
            version(package)
        except PackageNotFoundError as error:
            raise CheckFailed(f"package {package} is not installed", "name distributions, not modules") from error
    return f"starts {listed(names)}; packages {listed(task.packages)}"


def _starts(subject: TaskSubject) -> str:
    """Every protocol's first start can be set, with its options."""
    for starts in subject.task.evaluation:
        subject.first.reset(seed=starts.first_seed, options=dict(starts.reset_options))
    return f"{len(subject.task.evaluation)} protocols"


def _starts_for_choosing(subject: TaskSubject) -> str:
    """Checkpoints are chosen on start states that no result is reported from."""
    choosing = subject.task.starts(SELECTION)
    first = {
        starts.name: [_first_observation(subject, starts, seed) for seed in starts.seeds(min(N_COMPARED, starts.count))]
        for starts in (choosing, *subject.task.evaluation)
    }
    chosen_on = first.pop(choosing.name)
    for name, observations in first.items():
        require(
            not any(one in observations for one in chosen_on),
            f"starts for choosing look like those of {name}, although their seeds differ",
            "draw all that a start needs from self.np_random, and give both lists seeds that it tells apart",
        )
    return f"seeds {choosing.first_seed} to {choosing.first_seed + choosing.count - 1}, none of which is reported"


def _first_observation(subject: TaskSubject, starts: EvaluationStarts, seed: int) -> bytes:
    observation, _ = subject.first.reset(seed=seed, options=dict(starts.reset_options))
    return b"".join(np.asarray(value).tobytes() for _, value in sorted(flatten(observation)))


def _parts(subject: TaskSubject) -> str:
    return listed(type(subject.task.part(kind)).__name__ for kind in subject.task.parts)


def _demonstrator(subject: TaskSubject) -> str:
    task = subject.task
    if not has_demonstrator(task):
        raise CheckSkipped("no scripted demonstrator")
    script = scripted_demonstrator(task)
    if script.acts_on is not None:
        raise CheckSkipped(f"it acts on the observations of {script.acts_on}")
    policy = script.policy(task)
    observation = dict(flatten(subject.first.reset(seed=0)[0]))
    n_obs_steps = policy.horizon.n_obs_steps
    histories = {key: np.repeat(value[None, None], n_obs_steps, axis=1) for key, value in observation.items()}
    chunks = [_first_chunk(policy, histories) for _ in range(2)]
    shape = (1, policy.horizon.n_action_steps, task.action.dim)
    require(chunks[0].shape == shape, f"actions of shape {chunks[0].shape}", f"return {shape}")
    require(bool(np.isfinite(chunks[0]).all()), "actions with NaN or infinite values", "return finite numbers")
    require(
        np.array_equal(*chunks), "another chunk for the same noise", "draw from `noise` only, and forget all in `reset`"
    )
    return f"a chunk of {shape[1]} actions"


def _first_chunk(policy: Any, histories: dict[str, Any]) -> Any:
    policy.reset()
    return policy.act(histories, NoiseStreams.from_seeds(0, [0]))


def _gymnasium(subject: TaskSubject) -> str:
    try:
        check_env(subject.first, skip_render_check=True, skip_close_check=True)
    except AssertionError as error:
        raise CheckFailed(str(error), "see gymnasium.utils.env_checker.check_env") from error
    return "gymnasium.utils.env_checker.check_env"


def _rendering(subject: TaskSubject) -> str:
    modes = subject.first.metadata.get("render_modes", [])
    if not subject.registered or "rgb_array" not in modes:
        raise CheckSkipped("no rgb_array")
    env = gym.make(subject.task.id, render_mode="rgb_array", disable_env_checker=True)
    try:
        env.reset(seed=0)
        frame: Any = env.render()
    finally:
        env.close()
    shape, dtype = np.shape(frame), getattr(frame, "dtype", type(frame))
    require(
        len(shape) == 3 and shape[-1] == 3 and dtype == np.uint8,
        f"a frame of {dtype} {shape}",
        "return (H, W, 3) uint8",
    )
    return f"{shape[1]} x {shape[0]} px"


def _time_limit(subject: TaskSubject) -> str:
    """Gymnasium's time limit ends an episode, and the environment itself does not."""
    if not subject.registered:
        raise CheckSkipped("the environment is not the registered one")
    env = gym.make(subject.task.id, max_episode_steps=N_STEPS, disable_env_checker=True)
    try:
        trace = subject.trace(env, seed=0)
    finally:
        env.close()
    *before, last = trace.ends
    if any(terminated for terminated, _ in trace.ends):
        raise CheckSkipped("random actions ended the episode before the limit")
    require(
        not any(truncated for _, truncated in before) and last[1],
        f"truncated after {[at + 1 for at, (_, over) in enumerate(trace.ends) if over]} steps of {N_STEPS}",
        "leave the limit to Gymnasium: `truncated` is False in the environment",
    )
    return f"set to {N_STEPS} steps, the episode ends there"


def _closing(subject: TaskSubject) -> str:
    for env in (subject.first, subject.second):
        env.close()
        env.close()
    return "no error"


CHECKS: dict[str, Check[TaskSubject]] = {
    "registration": _registration,
    "spaces": _spaces,
    "description": _description,
    "parts": _parts,
    "observations": episodes.observations,
    "info": episodes.info,
    "rewards": episodes.rewards,
    "same seed": episodes.same_seed,
    "another seed": episodes.another_seed,
    "used environment": episodes.used_environment,
    "global generators": episodes.global_generators,
    "memory": episodes.memory,
    "bad actions": episodes.bad_actions,
    "step before reset": episodes.before_reset,
    "batch": episodes.batch,
    "state": states.round_trip,
    "state is a copy": states.is_a_copy,
    "bad states": states.bad_states,
    "copies": copied.copies,
    "copies with the time limit": copied.wrapped_copies,
    "starts": _starts,
    "starts for choosing": _starts_for_choosing,
    "time limit": _time_limit,
    "scripted demonstrator": _demonstrator,
    "rendering": _rendering,
    "Gymnasium's checker": _gymnasium,
    "closing twice": _closing,
}
"""Name -> check, in the order of the findings."""
