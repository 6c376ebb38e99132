"""check_baseline passes a sound method, and names what is wrong with each broken one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import nn

from dpbench.baseline import Baseline, SamplingChoice, option
from dpbench.checks import check_baseline, raise_on_failure

from .linear import CONFIG, TRAINING, Config, Network, Preset, baseline


def failed(method: Baseline[Any], n_steps: int = 0) -> dict[str, str]:
    """Failed checks with what was measured."""
    return {each.name: each.measured for each in check_baseline(method, n_steps=n_steps) if each.passed is False}


def test_a_sound_method_passes() -> None:
    findings = check_baseline(baseline(), n_steps=200)
    raise_on_failure(findings)
    assert [each.name for each in findings if each.passed is None] == ["sampling options"]


class LossFromTorch(Network):
    def loss(self, batch: Any, generator: Any) -> Any:
        return super().loss(batch, generator) + torch.rand(())


class LossOfRows(Network):
    def loss(self, batch: Any, generator: Any) -> Any:  # noqa: ARG002
        return ((self(batch.observations) - batch.actions) ** 2).mean(dim=(1, 2))


class SamplesFromTorch(Network):
    def sample(self, observations: Any, noise: Any) -> Any:
        return super().sample(observations, noise) + torch.rand(())


class LooksAtTheBatch(Network):
    def sample(self, observations: Any, noise: Any) -> Any:
        chunk = super().sample(observations, noise)
        return chunk - chunk.mean(dim=0, keepdim=True)


class UnusedLayer(Network):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.unused = nn.Linear(2, 2)


class FitsOutsideOfItsState(Network):
    def fit(self, data: Any, generator: Any) -> None:  # noqa: ARG002
        self.middle = data.actions.mean(dim=0)

    def sample(self, observations: Any, noise: Any) -> Any:
        return super().sample(observations, noise) + getattr(self, "middle", torch.zeros(()))


class ReturnsNaN(Network):
    def sample(self, observations: Any, noise: Any) -> Any:
        return super().sample(observations, noise) / 0.0 * 0.0


class EncodesTwice(Network):
    def sample(self, observations: Any, noise: Any) -> Any:
        self(observations)
        return super().sample(observations, noise)


class IgnoresObservations(Network):
    def forward(self, observations: Any) -> Any:
        return super().forward({key: 0.0 * value for key, value in observations.items()})


class LacksSample(nn.Module):
    def __init__(self, *_: Any) -> None:
        super().__init__()


@pytest.mark.parametrize(
    ("network", "name", "measured"),
    [
        (LossFromTorch, "loss", "the same generator gives another loss"),
        (LossOfRows, "loss", "RuntimeError"),
        (SamplesFromTorch, "same noise", "other actions for the same noise"),
        (LooksAtTheBatch, "rows", "call 1: a row differs by"),
        (UnusedLayer, "gradients", "no gradient for unused.bias, unused.weight"),
        (FitsOutsideOfItsState, "weights", "a network with the same state_dict acts otherwise"),
        (ReturnsNaN, "same noise", "NaN or infinite actions"),
        (EncodesTwice, "pictures", "encoder calls with [12, 12] pictures for one chunk"),
        (LacksSample, "the network can be built", "ConfigError: LacksSample lacks loss"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_broken_method_is_named(network: Any, name: str, measured: str) -> None:
    assert measured in failed(baseline(network))[name]


def test_a_method_that_cannot_learn_is_named() -> None:
    assert "after 200 steps; the mean action has" in failed(baseline(IgnoresObservations), 200)["learning"]


def test_a_configuration_that_json_changes_is_named() -> None:
    @dataclass(frozen=True)
    class WithAnything(Config):
        sizes: Any = (1, 2)

    method = replace(baseline(), presets={"small": Preset(WithAnything(vision_width=16), TRAINING)})
    assert "preset 'small' becomes" in failed(method)["presets"]


def test_a_package_that_is_not_installed_is_named() -> None:
    assert "no-such-package" in failed(replace(baseline(), packages=("no-such-package",)))["packages"]


@dataclass(frozen=True)
class Width:
    width: int = option("of the network")

    def __str__(self) -> str:
        return f"width {self.width}"


@pytest.mark.parametrize(
    ("with_options", "measured"),
    [
        (lambda config, _: config, "{'width': '8'} gives width 64"),
        (lambda config, options: replace(config, width=int(options.get("width", 1))), "an unknown option is taken"),
    ],
)
def test_sampling_options_without_effect_are_named(with_options: Any, measured: str) -> None:
    choice = SamplingChoice(of=lambda config: Width(config.width), with_options=with_options, sweep=(Width(8),))
    assert failed(replace(baseline(), sampling=choice))["sampling options"] == measured


def test_what_is_no_method_is_one_finding() -> None:
    (finding,) = check_baseline("random")
    assert (finding.status, finding.measured) == ("failed", "random is ScriptedPolicy")
    (finding,) = check_baseline("no-such-method")
    assert "UnknownNameError" in finding.measured
    assert CONFIG.width == 64
