"""The scripted demonstrator of Push-T."""

from __future__ import annotations

import numpy as np
import pytest

from dpbench.envs.pusht.geometry import block_pose, keypoints
from dpbench.evaluation.rollout import rollout, trials
from dpbench.metrics.of_episode import max_reward
from dpbench.policies.opening import open_policy
from dpbench.tasks import load_task


@pytest.mark.parametrize("pose", [(200.0, 300.0, 0.3), (10.5, 400.0, 3.0), (256.0, 256.0, -2.0)])
def test_the_pose_is_read_from_keypoints(pose: tuple[float, float, float]) -> None:
    x, y, angle = block_pose(keypoints(*pose))
    np.testing.assert_allclose((x, y), pose[:2], atol=1e-9)
    assert np.isclose(np.cos(angle - pose[2]), 1)


def test_it_pushes_the_block_onto_the_goal_and_repeats_itself() -> None:
    task = load_task("dpbench/PushTKeypoints-v0")
    policy = open_policy("demonstrator", task.id)
    starts = task.starts()
    episodes = rollout(policy, task, starts, trials(starts, 3, (0,)))
    scores = [max_reward(episode, task) for episode in episodes]
    assert np.mean(scores) > 0.5, "random actions reach 0.11"
    (alone,) = rollout(policy, task, starts, trials(starts, 3, (0,))[1:2])
    assert np.array_equal(alone.actions, episodes[1].actions)
