"""The parts of the binned, recurrent and flow methods, against what they must equal."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from dpbench.baselines.action_tokens import from_bins, to_bins
from dpbench.baselines.bet import k_means
from dpbench.baselines.flow_matching import FlowMatching, FlowMatchingConfig, with_sampling
from dpbench.baselines.lstm_gmm import LstmGmm, LstmGmmConfig
from dpbench.baselines.nearest_neighbour import NearestNeighbour, NearestNeighbourConfig
from dpbench.baselines.vq_bet import ResidualQuantiser, VqBetConfig
from dpbench.errors import ConfigError
from dpbench.nets.categorical import draw, focal_loss
from dpbench.nets.features import Features
from dpbench.nets.transformer import ConditionalTransformer
from dpbench.policies.noise import NoiseStreams

FEATURES = Features({"agent_pos": (2,)}, dim_action=2)


def test_bins_lose_at_most_half_their_width() -> None:
    actions = torch.linspace(-1, 1, 1001)
    assert (from_bins(to_bins(actions, 256), 256) - actions).abs().max() <= 1 / 256 + 1e-6
    assert to_bins(torch.tensor([-3.0, -1.0, 1.0, 3.0]), 256).tolist() == [0, 0, 255, 255]


def test_k_means_finds_clusters_and_names_too_few_points() -> None:
    generator = torch.Generator().manual_seed(0)
    centres = torch.tensor([[-0.8, -0.8], [0.0, 0.9], [0.8, -0.5]])
    points = centres.repeat(50, 1) + 0.02 * torch.randn((150, 2), generator=generator)
    found = k_means(points, 3, 50, generator)
    assert torch.cdist(centres, found).amin(dim=1).max() < 0.05
    with pytest.raises(ConfigError, match="hold 2 distinct actions"):
        k_means(torch.tensor([[0.0], [1.0], [1.0]]), 3, 5, generator)


def test_draws_have_the_distributions_frequencies() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0, -50.0]])
    uniform = torch.rand((1, 20_000), generator=torch.Generator().manual_seed(0))
    frequencies = torch.bincount(draw(logits, uniform)[0], minlength=4) / 20_000
    torch.testing.assert_close(frequencies, logits[0].softmax(0), rtol=0, atol=0.01)
    assert draw(logits, torch.tensor([[0.0, 0.9999999]])).tolist() == [[0, 2]]


def test_focal_loss_without_gamma_is_cross_entropy_and_with_it_less() -> None:
    logits, targets = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0)), torch.zeros(5, 3).long()
    plain = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    torch.testing.assert_close(focal_loss(logits, targets, 0.0), plain)
    assert focal_loss(logits, targets, 2.0) < plain


def test_the_quantiser_learns_its_chunks() -> None:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    kinds = 2 * torch.rand((12, 6), generator=generator) - 1
    chunks = kinds.repeat(40, 1)
    quantiser = ResidualQuantiser(6, VqBetConfig(n_codes=8, dim_code=16, dim_hidden=32))
    quantiser.fit(chunks, 600, generator)
    codes = quantiser.codes(kinds)
    assert len(torch.unique(codes, dim=0)) >= 10, "different chunks get different codes"
    assert (quantiser.reconstruct(codes) - kinds).abs().mean() < 0.1
    assert not any(parameter.requires_grad for parameter in quantiser.parameters()), "frozen afterwards"


def test_the_lstms_memory_is_that_of_the_whole_sequence_and_begins_anew() -> None:
    torch.manual_seed(0)
    config = LstmGmmConfig(dim_hidden=8, n_layers=2, horizon=6, reset_every=4)
    method = LstmGmm(config, FEATURES).eval()
    observed = torch.randn(3, 6, 2)
    memory, seen = method.initial_memory(3), []
    for step in range(6):
        noise = NoiseStreams.from_seeds(0, range(3))
        _, memory = method.sample_with_memory({"agent_pos": observed[:, step : step + 1]}, noise, memory)
        seen.append(memory[:, :-1].view(3, 2, 2, 8)[:, 0, -1])  # h of the last layer
    for begin, end in pairwise((0, 4, 6)):
        whole, _ = method.lstm(observed[:, begin:end])
        torch.testing.assert_close(torch.stack(seen[begin:end], dim=1), whole)


class Straight(nn.Module):
    """The exact velocity towards one target: (target - x) / (1 - t)."""

    def forward(self, x: Tensor, steps: Tensor, condition: Tensor) -> Tensor:
        time = (steps / 100).clamp(max=0.999).view(-1, 1, 1)
        return (condition[:, -1:, :1].expand_as(x) - x) / (1 - time)


@pytest.mark.parametrize("steps", [1, 2, 5, 10])
def test_a_straight_flow_is_followed_exactly_in_any_number_of_steps(steps: int) -> None:
    config = FlowMatchingConfig(down_dims=(16, 32), dim_step=16, n_layers=1, n_heads=1, dim=8, n_inference_steps=steps)
    method = FlowMatching(config, FEATURES)
    method.network = Straight()
    observations = {"agent_pos": torch.tensor([0.7, -0.2]).view(2, 1, 1).expand(2, 2, 2)}
    sampled = method.sample(observations, NoiseStreams.from_seeds(0, range(2)))
    torch.testing.assert_close(sampled, observations["agent_pos"][:, :1, :1].expand(2, 16, 2), rtol=0, atol=1e-5)
    assert with_sampling(config, {"sampler": "heun", "steps": "3"}).n_inference_steps == 3
    for bad in ("0", "101", "-1"):
        with pytest.raises(ConfigError, match=f"n_inference_steps = {bad}: expected a whole number from 1 to 100"):
            replace(config, n_inference_steps=int(bad))


def test_the_transformer_sees_no_later_action_and_no_later_observation() -> None:
    torch.manual_seed(0)
    network = ConditionalTransformer(2, 3, 3, 6, n_layers=2, n_heads=2, dim=16, dropout=0.0).eval()
    for parameter in network.parameters():
        parameter.data.mul_(10)  # its first weights are too small to show much
    x, steps, condition = torch.randn(1, 6, 2), torch.tensor([4]), torch.randn(1, 3, 3)
    base = network(x, steps, condition)
    later_action = x.clone()
    later_action[:, 4] += 1
    later_observation = condition.clone()
    later_observation[:, 2] += 1
    changed = (network(later_action, steps, condition) - base).abs().sum(dim=2)[0] > 1e-6
    assert changed.tolist() == [False] * 4 + [True] * 2
    changed = (network(x, steps, later_observation) - base).abs().sum(dim=2)[0] > 1e-6
    assert changed.tolist() == [False] * 2 + [True] * 4
    assert ((network(x, steps + 1, condition) - base).abs() > 1e-6).all(), "the step is seen by all"


def test_nearest_neighbours_come_back_from_a_state_dict() -> None:
    method, other = (NearestNeighbour(NearestNeighbourConfig(), FEATURES) for _ in range(2))
    method.keys, method.actions = torch.randn(7, 4), torch.randn(7, 16, 2)
    other.load_state_dict(method.state_dict())
    sampled = other.sample({"agent_pos": method.keys[3].view(1, 2, 2)}, NoiseStreams.from_seeds(0, [0]))
    torch.testing.assert_close(sampled[0], method.actions[3])
