"""Figures depend on the policy, the start and the sampler seed; not on workers, threads, or what runs beside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from dpbench.evaluation.latency import measure
from dpbench.evaluation.rollout import parallel_rollout, rollout
from dpbench.metrics.episode import Episode, Trial
from dpbench.policies.opening import open_policy
from dpbench.policies.threads import fixed_threads
from dpbench.tasks import load_task

CHECKPOINT = Path(__file__).parents[2] / "zoo/PushTKeypoints-v0/mlp-bc"
TASK = load_task("dpbench/PushTKeypoints-v0")
STARTS = TASK.starts()
TRIALS = tuple(Trial(seed, 0) for seed in STARTS.seeds(12))
OPEN = partial(open_policy, str(CHECKPOINT))


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def same(first: Episode, second: Episode) -> bool:
    return np.array_equal(first.actions, second.actions) and np.array_equal(first.agent_pos, second.agent_pos)


@pytest.fixture(scope="module")
def expected() -> tuple[Episode, ...]:
    torch.set_num_threads(1)
    return rollout(OPEN(), TASK, STARTS, TRIALS)


@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_episodes_do_not_depend_on_the_threads_of_the_process(expected: tuple[Episode, ...], n_threads: int) -> None:
    torch.set_num_threads(n_threads)
    episodes = rollout(OPEN(), TASK, STARTS, TRIALS)
    assert all(map(same, episodes, expected))
    assert torch.get_num_threads() == n_threads, "the caller's choice is restored"


@pytest.mark.parametrize("n_workers", [1, 2, 3])
def test_episodes_do_not_depend_on_the_workers(expected: tuple[Episode, ...], n_workers: int) -> None:
    torch.set_num_threads(2)
    episodes = parallel_rollout(OPEN, TASK.id, STARTS, TRIALS, n_workers)
    assert all(map(same, episodes, expected))


def test_an_episode_is_the_same_alone(expected: tuple[Episode, ...]) -> None:
    torch.set_num_threads(2)
    for number in (0, 6, 11):
        (alone,) = rollout(OPEN(), TASK, STARTS, TRIALS[number : number + 1])
        assert same(alone, expected[number])


SETTINGS: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
    "type": (partial(torch.set_default_dtype, torch.float64), partial(torch.set_default_dtype, torch.float32)),
    "precision": (
        partial(torch.set_float32_matmul_precision, "medium"),
        partial(torch.set_float32_matmul_precision, "highest"),
    ),
    "autocast": (
        partial(torch.set_autocast_enabled, "cpu", True),
        partial(torch.set_autocast_enabled, "cpu", False),
    ),
    "device": (partial(torch.set_default_device, "meta"), partial(torch.set_default_device, None)),
    "kernels": (
        lambda: torch.backends.mkldnn.set_flags(False),
        lambda: torch.backends.mkldnn.set_flags(True),
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_episodes_do_not_depend_on_what_a_program_sets_for_torch(name: str, expected: tuple[Episode, ...]) -> None:
    change, restore = SETTINGS[name]
    change()
    try:
        episodes = rollout(OPEN(), TASK, STARTS, TRIALS[:3])
    finally:
        restore()
    assert all(map(same, episodes, expected))


def test_what_a_program_sets_for_torch_stays_set() -> None:
    torch.set_float32_matmul_precision("medium")
    torch.set_default_dtype(torch.float64)
    try:
        with fixed_threads():
            assert (torch.get_default_dtype(), torch.get_float32_matmul_precision()) == (torch.float32, "highest")
        assert (torch.get_default_dtype(), torch.get_float32_matmul_precision()) == (torch.float64, "medium")
    finally:
        torch.set_float32_matmul_precision("highest")
        torch.set_default_dtype(torch.float32)


def evaluated(threads: str | None, n_workers: int) -> dict[str, list[float]]:
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
    command = [sys.executable, "-m", "dpbench.cli", "evaluate", str(CHECKPOINT), "--episodes", "3", "--json"]
    done = subprocess.run(
        [*command, "--workers", str(n_workers)],
        env=environment if threads is None else environment | {"OMP_NUM_THREADS": threads},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    record = json.loads(done.stdout)
    assert record["latency"]["n_threads"] == 1
    episodes: dict[str, list[float]] = record["episodes"]
    return episodes


def test_a_command_gives_the_same_figures_whatever_the_machine_sets() -> None:
    first = evaluated("1", 1)
    for threads, n_workers in ((None, 1), ("2", 1), ("4", 2)):
        assert evaluated(threads, n_workers) == first


def test_latency_is_measured_with_the_threads_that_it_names() -> None:
    class Threads:
        horizon = OPEN().horizon
        seen: set[int] = set()  # noqa: RUF012

        def reset(self) -> None: ...

        def act(self, *_: object) -> None:
            self.seen.add(torch.get_num_threads())

    torch.set_num_threads(3)
    policy = Threads()
    measured = measure(policy, {"agent_pos": np.zeros((1, 2, 2), np.float32)}, 3, n_threads=2)  # type: ignore[arg-type]
    assert (policy.seen, measured.n_threads, torch.get_num_threads()) == ({2}, 2, 3)


def test_the_threads_are_restored_after_an_error() -> None:
    torch.set_num_threads(3)
    with pytest.raises(ValueError, match="stop"), fixed_threads(1):
        raise ValueError("stop")
    assert torch.get_num_threads() == 3
