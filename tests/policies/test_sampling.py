"""What can be chosen at inference time: typed, printed, and read from the text of a command line."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch

from dpbench.comparison.latency_sweep import settings
from dpbench.errors import ConfigError
from dpbench.nets.features import Features
from dpbench.policies.baseline import Baseline, ChunkConfig, Preset, TrainingConfig, sampling_text
from dpbench.policies.method import as_method
from dpbench.policies.sampling import as_options, option, option_texts, read_options
from dpbench.registry import registry


@dataclass(frozen=True)
class Made:
    rule: str = option("best or drawn")
    count: int = option("1 or more")
    share: float = option("0 to 1")


MADE = Made("best", 3, 0.5)


def test_texts_are_read_as_the_kind_of_their_field() -> None:
    assert read_options(MADE, {"rule": "drawn", "count": "4", "share": "1"}) == Made("drawn", 4, 1.0)
    assert read_options(MADE, as_options(Made("drawn", 7, 0.25))) == Made("drawn", 7, 0.25)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"number": "1"}, "unknown sampling option number; known are rule: best or drawn; count: 1 or more; share:"),
        ({"count": "2.5"}, r"count = '2\.5': expected a whole number; count: 1 or more"),
        ({"share": "half"}, "share = 'half': expected a number; share: 0 to 1"),
    ],
)
def test_a_wrong_option_is_told_what_there_is(options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_options(MADE, options)


@pytest.mark.parametrize("name", registry("baseline").names())
def test_the_options_of_every_method_choose_what_they_print(name: str) -> None:
    """Its present sampling as options changes nothing; the settings of its sweep come back as they were."""
    baseline = registry("baseline").load(name)
    choice = baseline.sampling if isinstance(baseline, Baseline) else None
    if choice is None:
        assert sampling_text(name, {}) == ""
        return
    for preset in baseline.presets.values():
        now = choice.of(preset.config)
        assert all(option_texts(now).values())
        assert baseline.with_options(preset.config, as_options(now)) == preset.config
        for setting in choice.sweep:
            assert choice.of(baseline.with_options(preset.config, as_options(setting))) == setting


def test_a_sweep_is_narrowed_by_texts_and_widened_by_numbers() -> None:
    shown = [str(setting) for setting in settings("diffusion-cnn", {"sampler": ["ddpm", "ddim"], "steps": ["3", "1"]})]
    assert shown == ["ddpm 3", "ddpm 1", "ddim 3", "ddim 1"]
    assert len(settings("diffusion-cnn", {})) == 19
    assert settings("mlp-bc", {}) == (None,)
    with pytest.raises(ConfigError, match="mlp-bc has no sweep of settings: leave out steps"):
        settings("mlp-bc", {"steps": ["3"]})


def test_a_record_of_a_method_that_is_not_installed_prints_no_sampling() -> None:
    assert sampling_text("sb3:model.zip", {"policy_class": "ActorCriticPolicy"}) == ""


def test_a_renamed_field_is_read_under_its_former_name() -> None:
    baseline = Baseline(
        "made",
        "none",
        {"small": Preset(ChunkConfig(), TrainingConfig(1))},
        _no_network,
        renamed={"n_seen": "n_obs_steps"},
    )
    assert baseline.config({"n_seen": 3, "horizon": 16}) == replace(ChunkConfig(), n_obs_steps=3)
    assert baseline.config({"n_obs_steps": 3}) == replace(ChunkConfig(), n_obs_steps=3)


def test_a_module_without_loss_and_sample_is_no_method() -> None:
    with pytest.raises(ConfigError, match="Linear lacks loss"):
        as_method(torch.nn.Linear(2, 2))


def _no_network(config: ChunkConfig, features: Features) -> torch.nn.Module:
    raise NotImplementedError
