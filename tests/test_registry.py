"""Registries: lazy, never overwriting, helpful, and safe against a stranger's broken package."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import gymnasium as gym
import pytest

import dpbench  # noqa: F401  # registers the environments
from dpbench.errors import NameTakenError, UnknownNameError
from dpbench.registry import build, registry
from dpbench.tasks import load_task


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stranger.py").write_text(
        "BASELINES = {'my-policy': 'stranger:POLICY'}\nSAME = {'my-policy': 'x:y'}\nPOLICY = 42\n"
    )
    (tmp_path / "broken_plugin.py").write_text("raise RuntimeError('its simulator is missing')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("stranger", "broken_plugin"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, "dpbench.baselines")


@pytest.mark.usefixtures("stranger")
def test_a_strangers_table_is_found() -> None:
    found = build("baseline", [point("theirs", "stranger:BASELINES")])
    assert found.names() == ("my-policy",)
    assert found.load("my-policy") == 42
    assert found.entry("my-policy").distribution == "theirs"


@pytest.mark.usefixtures("stranger")
def test_a_taken_name_raises() -> None:
    with pytest.raises(NameTakenError, match="'my-policy' of other is taken by theirs"):
        build("baseline", [point("theirs", "stranger:BASELINES"), point("other", "stranger:SAME")])


@pytest.mark.usefixtures("stranger")
def test_a_broken_plugin_is_reported_and_the_rest_goes_on() -> None:
    found = build("baseline", [point("bad", "broken_plugin:TABLE"), point("theirs", "stranger:BASELINES")])
    assert found.names() == ("my-policy",)
    assert "bad: RuntimeError: its simulator is missing" in found.problems[0]
    with pytest.raises(UnknownNameError, match="its simulator is missing"):
        found.entry("other")


@pytest.mark.parametrize(
    ("kind", "wrong", "near"),
    [
        ("task", "dpbench/PushTKeypoint-v0", "dpbench/PushTKeypoints-v0"),
        ("baseline", "difusion-cnn", "diffusion-cnn"),
        ("format", "diffusion-policy-zar", "diffusion-policy-zarr"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(kind: str, wrong: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown {kind} '{wrong}'; did you mean {near}"):
        registry(kind).entry(wrong)


def test_gymnasium_suggests_the_nearest_id() -> None:
    with pytest.raises(gym.error.NameNotFound, match="PushT"):
        gym.make("dpbench/PushTT-v0")


@pytest.mark.parametrize("name", registry("task").names())
def test_every_task_is_registered_with_gymnasium_under_its_own_limits(name: str) -> None:
    task, spec = load_task(name), gym.spec(name)
    assert task.id == name
    assert spec.max_episode_steps == task.max_episode_steps


@pytest.mark.parametrize("kind", ["baseline", "format"])
def test_every_entry_can_be_imported(kind: str) -> None:
    found = registry(kind)
    assert found.names()
    assert not found.problems
    for name in found.names():
        assert found.load(name) is not None


@pytest.mark.usefixtures("stranger")
def test_an_entry_of_another_type_is_named() -> None:
    found = build("baseline", [point("theirs", "stranger:BASELINES")])
    assert found.load_as("my-policy", int) == 42
    with pytest.raises(UnknownNameError, match="baseline 'my-policy' is a int, expected a str"):
        found.load_as("my-policy", str)
