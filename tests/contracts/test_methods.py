"""What every method must do: learn, repeat itself, reject NaN, treat rows alone, look at a camera once a chunk."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dpbench.errors import DataError
from dpbench.nets.features import Features
from dpbench.policies.method import Batch
from dpbench.policies.noise import NoiseStreams

from .small_methods import baseline, build, learned, policy, tiny_config, train

FEATURES = Features({"agent_pos": (2,), "environment_state": (3,)}, dim_action=2)
CAMERA = Features({"agent_pos": (2,), "pixels.top": (3, 40, 40)}, dim_action=2)
N_TRAIN_STEPS = {
    "ibc": 1200,
    "lstm-gmm": 1000,
    "diffusion-cnn": 900,
    "flow-matching": 900,
    "diffusion-transformer": 900,
    "act": 1000,
    "vq-bet": 1500,
}
EVERY = pytest.mark.parametrize("name", learned())


def windows(name: str, config: Any, features: Features, n_rows: int, seed: int = 0) -> Batch:
    """Random observations, each with a straight path of its own."""
    generator = torch.Generator().manual_seed(seed)
    window = config.window
    n_observed = window.horizon if baseline(name).sequence_observations else window.n_obs_steps
    observations = {
        key: 2 * torch.rand((n_rows, n_observed, *shape), generator=generator) - 1
        for key, shape in features.observations.items()
    }
    if n_observed > 1:  # one situation a row: a method that predicts at every step cannot be right twice
        observations = {key: value[:, :1].expand(value.shape).contiguous() for key, value in observations.items()}
    ends = 1.6 * torch.rand((n_rows, 1, features.dim_action), generator=generator) - 0.8
    if name in ("bet", "lstm-gmm"):  # at each step one and the same action
        return Batch(observations, ends.expand(-1, window.horizon, -1).contiguous())
    return Batch(observations, ends * torch.linspace(0.5, 1, window.horizon)[None, :, None])


def history(batch: Batch, config: Any) -> dict[str, Any]:
    return {key: value[:, : config.window.n_obs_steps].numpy() for key, value in batch.observations.items()}


@EVERY
def test_overfits_a_tiny_data_set(name: str) -> None:
    config = tiny_config(name)
    method, batch = build(name, FEATURES, config), windows(name, config, FEATURES, 8)
    train(method, batch, N_TRAIN_STEPS.get(name, 500))
    acting, noise = policy(method, config, FEATURES), NoiseStreams.from_seeds(0, range(8))
    for _ in range(4):  # a recurrent method knows more after some steps
        acted = acting.act(history(batch, config), noise)
    wanted = batch.actions[:, config.window.executed].numpy()
    mean_action = wanted.mean(axis=0, keepdims=True)
    error, floor = np.abs(acted - wanted).mean(), np.abs(mean_action - wanted).mean()
    assert error < 0.3 * floor, f"{error:.3f}; the mean of all paths is {floor:.3f} away"


@EVERY
def test_an_episode_is_the_same_alone_and_among_fifty(name: str) -> None:
    config = tiny_config(name)
    method, batch = build(name, FEATURES, config), windows(name, config, FEATURES, 50)
    train(method, batch, 2)
    together, alone = policy(method, config, FEATURES), policy(method, config, FEATURES)
    observations = history(batch, config)
    for _ in range(2):  # the second call goes on from the recurrent state of the first
        all_rows = NoiseStreams.from_seeds(0, range(50))
        among = together.act(observations, all_rows)
        one = NoiseStreams.from_seeds(0, [37])
        single = alone.act({key: value[37:38] for key, value in observations.items()}, one)
        np.testing.assert_array_equal(among[37], single[0])


@EVERY
def test_the_same_noise_gives_the_same_actions(name: str) -> None:
    config = tiny_config(name)
    method, batch = build(name, FEATURES, config), windows(name, config, FEATURES, 6)
    train(method, batch, 2)
    first, again = (
        policy(method, config, FEATURES).act(history(batch, config), NoiseStreams.from_seeds(seed, range(6)))
        for seed in (3, 3)
    )
    np.testing.assert_array_equal(first, again)
    assert first.shape == (6, config.n_action_steps, 2)
    assert np.isfinite(first).all()


@EVERY
def test_the_loss_is_a_function_of_its_generator(name: str) -> None:
    config = tiny_config(name)
    method, batch = build(name, FEATURES, config), windows(name, config, FEATURES, 6)
    train(method, batch, 2)
    losses = [method.loss(batch, torch.Generator().manual_seed(5)).item() for _ in range(2)]
    assert losses[0] == losses[1]


@EVERY
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_loss_and_sampling_reject_numbers_that_are_none(name: str, bad: float) -> None:
    config = tiny_config(name)
    method, batch = build(name, FEATURES, config), windows(name, config, FEATURES, 6)
    train(method, batch, 2)
    actions = batch.actions.clone()
    actions[1, 0, 0] = bad
    with pytest.raises(DataError, match="'action' holds NaN or infinite"):
        method.loss(Batch(batch.observations, actions), torch.Generator())
    observed = history(batch, config)
    observed["agent_pos"] = observed["agent_pos"].copy()
    observed["agent_pos"][2, 0, 1] = bad
    with pytest.raises(DataError, match="'agent_pos' holds NaN or infinite"):
        policy(method, config, FEATURES).act(observed, NoiseStreams.from_seeds(0, range(6)))


@EVERY
def test_pictures_train_and_are_encoded_once_a_chunk(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from dpbench.nets.vision import CameraEncoder

    config = tiny_config(name)
    method, batch = build(name, CAMERA, config), windows(name, config, CAMERA, 6)
    train(method, batch, 2, size=6)
    cameras = [part for part in method.modules() if isinstance(part, CameraEncoder)]
    gradients = [p.grad for camera in cameras for p in camera.parameters()]
    assert all(g is not None and torch.isfinite(g).all() for g in gradients), "the encoder learns with the policy"
    assert len(cameras) == (0 if name == "nearest-neighbour" else 1)
    calls: list[int] = []
    plain = CameraEncoder.forward

    def counted(self: CameraEncoder, pixels: Tensor) -> Tensor:
        calls.append(len(pixels))
        return plain(self, pixels)

    monkeypatch.setattr(CameraEncoder, "forward", counted)
    pixels = np.random.default_rng(0).integers(0, 256, (6, config.n_obs_steps, 40, 40, 3), dtype=np.uint8)
    observed = {"agent_pos": history(batch, config)["agent_pos"], "pixels.top": pixels}
    acted = policy(method, config, CAMERA, micro_batch=None).act(observed, NoiseStreams.from_seeds(0, range(6)))
    assert acted.shape == (6, config.n_action_steps, 2)
    assert calls == [6 * config.n_obs_steps] * len(cameras)
