"""Registries: lazy and helpful; `tests/extending` has those of plug-ins."""

from __future__ import annotations

import gymnasium as gym
import pytest

import dpbench  # noqa: F401  # registers the environments
from dpbench.errors import UnknownNameError
from dpbench.policies.baseline import Baseline, ScriptedPolicy
from dpbench.registry import registry
from dpbench.tasks import load_task


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
    assert not found.others.problems
    for name in found.names():
        assert found.load(name) is not None


def test_an_entry_of_another_type_is_named() -> None:
    found = registry("baseline")
    assert found.load_as("hold", ScriptedPolicy) is found.load("hold")
    with pytest.raises(UnknownNameError, match="baseline 'hold' is a ScriptedPolicy, expected a Baseline or int"):
        found.load_as("hold", Baseline, int)
