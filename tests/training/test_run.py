"""A run from names: fields that are set by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dpbench.errors import ConfigError
from dpbench.policies.baseline import Baseline
from dpbench.registry import registry
from dpbench.training.run import make_run, with_overrides

TASK = registry("task").names()[0]
LEARNED = [name for name in registry("baseline").names() if isinstance(registry("baseline").load(name), Baseline)]


@pytest.mark.parametrize("name", LEARNED)
def test_every_field_of_a_preset_takes_its_own_value(name: str) -> None:
    for preset in registry("baseline").load(name).presets.values():
        assert with_overrides(preset, {**vars(preset.config), **vars(preset.training)}) == preset


@pytest.mark.parametrize(
    ("field", "value", "is_right"),
    [
        ("max_gradient_norm", None, True),
        ("max_gradient_norm", 1, True),
        ("learning_rate", None, False),
        ("learning_rate", True, False),
        ("betas", [0.9, 0.99], True),
        ("betas", [0.9, "b"], False),
        ("betas", 0.9, False),
        ("n_obs_steps", 2.0, False),
    ],
)
def test_a_field_takes_values_of_its_kind_only(field: str, value: Any, is_right: bool) -> None:
    preset = registry("baseline").load(LEARNED[0]).preset("small")
    if is_right:
        with_overrides(preset, {field: value})
        return
    with pytest.raises(ConfigError, match=f"{field} = .*: expected a value such as"):
        with_overrides(preset, {field: value})


def test_a_field_can_be_set_under_its_former_name(monkeypatch: pytest.MonkeyPatch) -> None:
    baseline = replace(registry("baseline").load(LEARNED[0]), renamed={"seen": "n_obs_steps"})
    monkeypatch.setattr("dpbench.training.run._learned", lambda _: baseline)
    run = make_run(LEARNED[0], TASK, "small", 0, overrides={"seen": 3})
    assert run.preset.config.n_obs_steps == 3
