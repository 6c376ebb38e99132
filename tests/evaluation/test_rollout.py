"""Rollouts: an episode depends on its start and sampler seed only, not on the rest of the batch."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from dpbench.baselines.diffusion.config import DiffusionCnnConfig
from dpbench.baselines.diffusion.policy import build_cnn
from dpbench.baselines.scripted import HoldPolicy, RandomPolicy
from dpbench.data.normalise import Normaliser
from dpbench.errors import ConfigError
from dpbench.evaluation.rollout import Frames, parallel_rollout, rollout, trials
from dpbench.metrics.episode import Episode, Trial
from dpbench.nets.features import Features
from dpbench.policies.learned import LearnedPolicy
from dpbench.policies.protocol import Policy
from dpbench.spaces import flatten
from dpbench.tasks import load_task

TASK = load_task("dpbench/PushTKeypoints-v0")
STARTS = TASK.starts()


def diffusion() -> Policy:
    """A small untrained network; its actions swing enough to push the block around."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = DiffusionCnnConfig(down_dims=(16, 32), dim_step=16, sampler="ddim", n_inference_steps=3)
    method = build_cnn(config, Features.from_task(TASK)).eval()
    scale = {"agent_pos": 2, "environment_state": 18, "action": 2}
    normalisers = {
        key: Normaliser(np.full(dim, 1 / 256, np.float32), np.full(dim, -1, np.float32)) for key, dim in scale.items()
    }
    return LearnedPolicy(method, config.window, normalisers, torch.device("cpu"))


def random_policy() -> Policy:
    return RandomPolicy(TASK)


def same(first: Episode, second: Episode) -> bool:
    fields = ("actions", "rewards", "scores", "successes", "agent_pos")
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in fields)


@pytest.mark.parametrize("opener", [diffusion, random_policy])
def test_an_episode_is_the_same_alone_and_among_others(opener: partial[Policy]) -> None:
    wanted = trials(STARTS, 12, (0,))
    together = rollout(opener(), TASK, STARTS, wanted)
    for number in (0, 7, 11):
        (alone,) = rollout(opener(), TASK, STARTS, wanted[number : number + 1])
        assert alone.trial == wanted[number]
        assert same(alone, together[number])


def test_an_episode_is_the_same_in_one_process_and_in_several() -> None:
    wanted = trials(STARTS, 4, (0, 5))
    done: list[int] = []
    one = parallel_rollout(diffusion, TASK.id, STARTS, wanted, n_workers=1)
    several = parallel_rollout(diffusion, TASK.id, STARTS, wanted, n_workers=2, on_done=done.append)
    assert sum(done) == 8
    assert all(same(first, second) for first, second in zip(one, several, strict=True))


def test_sampler_seeds_change_the_noise_and_not_the_start() -> None:
    first, second = rollout(random_policy(), TASK, STARTS, [Trial(100_000, 0), Trial(100_000, 1)])
    assert np.array_equal(first.agent_pos[0], second.agent_pos[0])
    assert not np.array_equal(first.actions, second.actions)


def test_published_starts_are_used() -> None:
    (episode,) = rollout(HoldPolicy(TASK), TASK, STARTS, [Trial(100_000, 0)])
    assert episode.agent_pos[0].tolist() == [235, 124]
    assert len(episode.rewards) == TASK.max_episode_steps
    assert len(episode.agent_pos) == TASK.max_episode_steps + 1


def test_frames_are_kept_when_asked_for() -> None:
    (episode,) = rollout(HoldPolicy(TASK), TASK, STARTS, [Trial(100_000, 0)], Frames(size_px=32, stride=100))
    assert episode.frames is not None
    assert episode.frames.shape == (4, 32, 32, 3)


def test_nested_observations_become_flat_keys() -> None:
    flat = dict(flatten({"agent_pos": 1, "pixels": {"top": 2, "wrist": 3}}))  # type: ignore[dict-item]
    assert flat == {"agent_pos": 1, "pixels.top": 2, "pixels.wrist": 3}


@pytest.mark.parametrize("n_workers", [0, -1, 1.5, "2", 10**9])
def test_a_number_of_processes_that_cannot_be_is_refused(n_workers: int) -> None:
    with pytest.raises(ConfigError, match=r"n_workers = .*: expected a whole number from 1"):
        parallel_rollout(random_policy, TASK.id, STARTS, trials(STARTS, 1, (0,)), n_workers)


@pytest.mark.parametrize(
    ("n_starts", "seeds", "name"),
    [(0, (0,), "n_starts"), (1.5, (0,), "n_starts"), (1, (), "sampler_seeds"), (1, (-1,), "sampler_seeds")],
)
def test_trials_that_cannot_be_are_refused(n_starts: int, seeds: tuple[int, ...], name: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name} .*expected"):
        trials(STARTS, n_starts, seeds)
