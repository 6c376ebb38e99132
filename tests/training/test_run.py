"""A run from names: fields that are set by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest

from dpbench.cli.train import field_values
from dpbench.errors import ConfigError
from dpbench.fields import from_json
from dpbench.policies.baseline import Baseline, Preset
from dpbench.registry import registry
from dpbench.training.run import make_run, with_overrides

TASK = registry("task").names()[0]
LEARNED = [name for name in registry("baseline").names() if isinstance(registry("baseline").load(name), Baseline)]
PRESET: Preset[Any] = registry("baseline").load_as(LEARNED[0], Baseline).preset("small")


@pytest.mark.parametrize("name", LEARNED)
def test_every_field_of_a_preset_takes_its_own_value(name: str) -> None:
    for preset in registry("baseline").load(name).presets.values():
        assert with_overrides(preset, {**vars(preset.config), **vars(preset.training)}) == preset


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("max_gradient_norm=None", None),
        ("max_gradient_norm=null", None),
        ("max_gradient_norm=1", 1),
        ("betas=[0.9, 0.99]", (0.9, 0.99)),
        ("n_steps=100", 100),
        ("ema_power=0.5", 0.5),
    ],
)
def test_a_field_takes_a_right_value(text: str, value: Any) -> None:
    training = with_overrides(PRESET, field_values([text])).training
    assert getattr(training, text.partition("=")[0]) == value


@pytest.mark.parametrize(
    "text",
    [
        "n_steps=1e2",
        "n_steps=٣",
        f"n_steps={'9' * 10_000}",
        f"n_steps={'[' * 10_000}",
        "horizon=sixteen",
        "n_obs_steps=0",
        "n_obs_steps=2.0",
        "learning_rate=None",
        "learning_rate=true",
        "learning_rate=NaN",
        "learning_rate=-Infinity",
        "learning_rate=1e99",
        'betas=[0.9, "b"]',
        "betas=[0.9, 1.5]",
        "betas=[0.9]",
        "betas=0.9",
        "batch_size=-1",
        "ema_power=1.5",
        "val_ratio=1",
    ],
)
def test_a_wrong_value_is_named_in_a_short_line(text: str) -> None:
    with pytest.raises(ConfigError, match=f"^{text.partition('=')[0]} = .*: expected ") as refused:
        with_overrides(PRESET, field_values([text]))
    assert len(str(refused.value)) < 250


def test_a_field_is_set_once() -> None:
    with pytest.raises(ConfigError, match="n_steps is there twice"):
        field_values(["n_steps=1", "n_steps=2"])


WRONG = ("x", "", None, [], {}, [[]], True, 0.5, -1, 10**12, math.nan, math.inf, -1e-9)
"""JSON values of which most fields take none, and no field takes all."""


@pytest.mark.parametrize("name", LEARNED)
def test_every_field_of_every_method_refuses_what_does_not_fit(name: str) -> None:
    """On the command line, in Python and in a `checkpoint.json` alike."""
    n_refused = n_tried = 0
    baseline: Baseline[Any] = registry("baseline").load_as(name, Baseline)
    preset = baseline.preset("small")
    for part in (preset.config, preset.training):
        for field, right in vars(part).items():
            values = [value for value in WRONG if value != right]
            refusals = [message for value in values if (message := refusal(preset, part, field, value))]
            assert refusals, f"{field} takes anything"
            assert any(message.startswith(f"{field} = ") for message in refusals)
            n_tried, n_refused = n_tried + len(values), n_refused + len(refusals)
    print(f"{name}: {n_refused} of {n_tried} values refused")
    assert n_refused > 0.7 * n_tried


def refusal(preset: Preset[Any], part: Any, field: str, value: Any) -> str:
    """The message that refuses a value, the same one from each side; empty when it is taken."""
    in_python = tuple(value) if isinstance(value, list) else value
    ways: tuple[Callable[[], object], ...] = (
        lambda: with_overrides(preset, {field: value}),
        lambda: from_json(type(part), {**asdict(part), field: value}),
        lambda: replace(part, **{field: in_python}),
    )
    messages = set()
    for way in ways:
        try:
            way()
        except ConfigError as error:
            messages.add(str(error).replace(repr(in_python), repr(value)))
        else:
            messages.add("")
    assert len(messages) == 1, messages
    return messages.pop()


def test_a_field_can_be_set_under_its_former_name(monkeypatch: pytest.MonkeyPatch) -> None:
    baseline = replace(registry("baseline").load(LEARNED[0]), renamed={"seen": "n_obs_steps"})
    monkeypatch.setattr("dpbench.training.run._learned", lambda _: baseline)
    run = make_run(LEARNED[0], TASK, "small", 0, overrides={"seen": 3})
    assert run.preset.config.n_obs_steps == 3
