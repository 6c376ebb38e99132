"""Left or right around an obstacle: a closed loop whose conditional action distribution is known.

A point starts at x = 0 and moves forward by one a step; the demonstrator chooses a side once, left with probability
0.5, and is 0.8 beside the straight line within two steps. At half way an obstacle stands in |x| < 0.3. From
the start both sides are right; a straight path, the average of both, collides. Later the observed position tells
the side, so a policy that keeps to it passes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dpbench.checks.baseline_subject import train
from dpbench.nets.features import Features
from dpbench.policies.method import Batch
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.runner import PolicyRunner

from .small_methods import learned, subject

N_STEPS, WIDTH, OBSTACLE = 16, 0.8, 0.3
FEATURES = Features({"agent_pos": (2,)}, dim_action=1)
ASIDE = np.clip(np.minimum(np.arange(N_STEPS + 1), N_STEPS - np.arange(N_STEPS + 1)) / 2, 0, 1)
N_ROLLOUTS = 60
N_TRAIN_STEPS = {"ibc": 1200, "diffusion-cnn": 500, "diffusion-transformer": 1200, "flow-matching": 500}


def demonstrations(config: Any, sequence_observations: bool) -> Batch:
    """All windows of both sides' demonstrations, padded as the harness pads."""
    window = config.window
    observed = window.horizon if sequence_observations else window.n_obs_steps
    observations, actions = [], []
    for side in (-1.0, 1.0):
        lateral = side * WIDTH * ASIDE
        place = np.stack([lateral, 2 * np.arange(N_STEPS + 1) / N_STEPS - 1], axis=1)
        target = np.append(lateral[1:], lateral[-1])[:, None]  # the action leads to the next position
        first, last = -window.pad_before, max(N_STEPS + 1 + window.pad_after - window.horizon, 0)
        for begin in range(first, last + 1):
            steps = np.clip(np.arange(begin, begin + window.horizon), 0, N_STEPS)
            observations.append(place[steps[:observed]])
            actions.append(target[steps])
    stacked = torch.tensor(np.stack(observations), dtype=torch.float32)
    return Batch({"agent_pos": stacked}, torch.tensor(np.stack(actions), dtype=torch.float32))


def roll_out(acting: Any, n_rollouts: int) -> NDArray[np.float64]:
    """Lateral positions of closed-loop rollouts, `(n, N_STEPS + 1)`."""
    runner = PolicyRunner(acting, NoiseStreams.from_seeds(0, range(n_rollouts)))
    x = np.zeros((n_rollouts, N_STEPS + 1))
    for step in range(N_STEPS):
        forward = np.full(n_rollouts, 2 * step / N_STEPS - 1)
        observation = np.stack([x[:, step], forward], axis=1).astype(np.float32)
        actions = runner.act({"agent_pos": observation}, np.ones(n_rollouts, dtype=bool))
        x[:, step + 1] = actions[:, 0]
    return x


@pytest.fixture(scope="module", params=learned())
def rollouts(request: pytest.FixtureRequest) -> tuple[str, NDArray[np.float64]]:
    name = str(request.param)
    # VQ-BeT's published temperature of 0.1 makes the likelier mode the only one.
    small = subject(name, **({"temperature": 1.0} if name == "vq-bet" else {}))
    module = small.build(FEATURES)
    train(module, demonstrations(small.config, small.baseline.sequence_observations), N_TRAIN_STEPS.get(name, 500))
    return name, roll_out(small.policy(module, FEATURES), N_ROLLOUTS)


MULTIMODAL = {"diffusion-cnn", "diffusion-transformer", "flow-matching", "bet", "vq-bet", "ibc", "lstm-gmm"}
COMMITTED = {"diffusion-cnn", "diffusion-transformer", "flow-matching", "ibc"}
"""The others may change sides on their way: they draw a mode at every step (BeT, LSTM-GMM) or chunk anew."""
AVERAGING = {"mlp-bc"}
ONE_MODE = {"action-tokens", "nearest-neighbour"}


def test_each_method_does_with_two_modes_what_the_literature_says(
    rollouts: tuple[str, NDArray[np.float64]],
) -> None:
    name, x = rollouts
    middle = x[:, N_STEPS // 2]
    collided = np.abs(middle) < OBSTACLE
    left, right = (middle <= -OBSTACLE).mean(), (middle >= OBSTACLE).mean()
    if name in AVERAGING:
        assert collided.all(), "the mean of left and right is straight ahead"
    elif name in ONE_MODE:
        assert {left, right} == {0.0, 1.0}, "it picks one side, always the same"
    elif name in MULTIMODAL:
        assert collided.mean() <= 0.1
        assert min(left, right) >= 0.2, "both sides have probability 0.5"
        if name in COMMITTED:
            assert (np.sign(x[:, 3:-1]) == np.sign(middle)[:, None]).all(axis=1).mean() >= 0.8
    else:
        assert name == "act", f"say what {name} does with two modes"
        # Its latent carries the mode in training; inference has the zero latent for everyone.
        assert len(np.unique(middle.round(4))) == 1, "it is deterministic"


def test_every_method_is_listed() -> None:
    assert {*MULTIMODAL, *AVERAGING, *ONE_MODE, "act"} == set(learned())
