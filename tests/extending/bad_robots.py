"""A plug-in for tests: policies and tasks, each with one mistake. It is installed as the module `bad_robots`."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from dpbench.baseline import ScriptedPolicy
from dpbench.spaces import action_space, observation_space
from dpbench.spec import ActionSpec, ArraySpec, EvaluationStarts, Horizon, TaskSpec
from dpbench.tasks import TaskEntry

N_STEPS = 8
GOOD = TaskSpec(
    id="bad_robots/good-v0",
    observations={"agent_pos": ArraySpec((2,), "float32", -3.0, 3.0, "m", ("x", "y"))},
    action=ActionSpec(("x", "y"), (-1.0, -1.0), (1.0, 1.0), "m", "position", "plane"),
    rate_hz=10.0,
    max_episode_steps=N_STEPS,
    success="never",
    score="progress",
    reward_range=(0.0, 1.0),
    packages=(),
    evaluation=(EvaluationStarts("seeds-10", 10, 3),),
    store_arrays={"agent_pos": "agent_pos", "action": "action"},
)


class TwoArgumentsError(Exception):
    """Cannot be unpickled."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first}\n{second}")


def raising(error: BaseException) -> Callable[[Any], Any]:
    def act(_: Any) -> Any:
        raise error

    return act


ACTS: dict[str, Callable[[Any], Any]] = {
    "good": lambda good: good,
    "whole": lambda good: np.zeros(good.shape, np.int64),
    "double": lambda good: good.astype(np.float64),
    "beyond": lambda good: good + 1e6,
    "raise": raising(ValueError("act fails\nin two lines")),
    "key": raising(KeyError("agent")),
    "assert": raising(AssertionError()),
    "memory": raising(MemoryError()),
    "stop": raising(StopIteration()),
    "exit": raising(SystemExit(0)),
    "two-arguments": raising(TwoArgumentsError(1, 2)),
    "none": lambda _: None,
    "number": lambda _: 0.5,
    "list": lambda good: good.tolist(),
    "generator": lambda good: (row for row in good),
    "gradient": lambda good: torch.tensor(good, requires_grad=True),
    "tensor": torch.from_numpy,
    "one-action": lambda good: good[:, 0],
    "one-number": lambda good: good[:, :, :1],
    "one-row": lambda good: good[:1],
    "more-axes": lambda good: good[None],
    "short": lambda good: good[:, :1],
    "empty": lambda good: good[:, :0],
    "huge": lambda good: np.broadcast_to(good[:, :1], (len(good), 10**9, 2)),
    "complex": lambda good: good.astype(complex),
    "objects": lambda good: good.astype(object),
    "text": lambda good: good.astype(str),
    "truth": lambda good: good > 0,
    "dates": lambda good: good.astype("datetime64[s]"),
    "nan": lambda good: np.where(np.arange(len(good))[:, None, None] == 1, np.nan, good),
    "inf": lambda good: good + np.inf,
    "overflow": lambda good: good.astype(np.float64) + 1e300,
    "ends": lambda _: os._exit(7),
    "crashes": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "hangs": lambda _: time.sleep(120),
}
WORKS = {"good", "whole", "double", "beyond"}


class Policy:
    """Does what `ACTS` says at its third call, and nothing before."""

    def __init__(self, mistake: str, _: TaskSpec) -> None:
        if mistake == "make":
            raise RuntimeError("cannot be made")
        self.mistake = mistake
        self.horizon = None if mistake == "no-horizon" else Horizon(1, 4, 2)
        self.calls = 0
        if mistake == "no-act":
            self.act = None  # type: ignore[assignment,method-assign]

    def reset(self) -> None:
        if self.mistake == "reset":
            raise RuntimeError("cannot be reset")

    def act(self, _: Any, noise: Any) -> Any:
        self.calls += 1
        good = np.zeros((len(noise), 2, 2), np.float32)
        return ACTS[self.mistake](good) if self.calls == 3 else good


SCRIPTS = {
    f"policy-{name}": ScriptedPolicy(f"policy-{name}", "none", partial(Policy, name), lambda task: "bad" in task.id)
    for name in (*ACTS, "make", "reset", "no-horizon", "no-act")
}
globals().update({name.replace("-", "_"): script for name, script in SCRIPTS.items()})
BASELINES = {name: f"bad_robots:{name.replace('-', '_')}" for name in SCRIPTS}

ENVS = (
    "good", "reset", "step", "exit", "none", "no-key", "shape", "nan", "inf", "text", "no-info", "no-success",
    "text-success", "nan-success",
    "no-score", "nan-score", "text-score", "nan-reward", "none-reward", "make",
)  # fmt: skip


class Env(gym.Env[Any, Any]):
    """Does what its mistake says at its third step, in the episode of the second start seed."""

    def __init__(self, mistake: str, render_mode: str | None = None) -> None:  # noqa: ARG002
        if mistake == "make":
            raise RuntimeError("no simulator")
        self.observation_space, self.action_space = observation_space(GOOD.observations), action_space(GOOD.action)
        self.mistake, self.steps, self.seed = mistake, 0, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:  # noqa: ARG002
        self.steps, self.seed = 0, seed or 0
        if self.mistake == "reset" and self.seed == 11:
            raise RuntimeError("cannot be reset")
        return {"agent_pos": np.zeros(2, np.float32)}, {"is_success": False, "progress": 0.0}

    def step(self, _: Any) -> Any:
        self.steps += 1
        mistake = self.mistake if (self.steps, self.seed) == (3, 11) else "good"
        if mistake == "step":
            raise ZeroDivisionError("cannot step")
        if mistake == "exit":
            sys.exit(0)
        place = np.zeros(2, np.float32)
        seen: dict[str, Any] = {
            "none": None, "no-key": {}, "shape": {"agent_pos": np.zeros(3, np.float32)},
            "nan": {"agent_pos": place * np.nan}, "inf": {"agent_pos": place + np.inf},
            "text": {"agent_pos": np.array(["a", "b"])},
        }  # fmt: skip
        told: dict[str, Any] = {
            "no-info": None, "no-success": {"progress": 0.0}, "no-score": {"is_success": False},
            "nan-score": {"is_success": False, "progress": float("nan")},
            "text-success": {"is_success": "no", "progress": 0.0},
            "nan-success": {"is_success": float("nan"), "progress": 0.0},
            "text-score": {"is_success": False, "progress": "x"},
        }  # fmt: skip
        reward = {"nan-reward": float("nan"), "none-reward": None}.get(mistake, 0.0)
        info = told.get(mistake, {"is_success": False, "progress": 0.0})
        return seen.get(mistake, {"agent_pos": place}), reward, False, False, info

    def render(self) -> Any:
        return np.zeros((8, 8, 3), np.uint8) if self.seed != 11 else np.zeros(3, np.uint8)


TASK_IDS = tuple(f"bad_robots/{name}-v0" for name in ENVS)
SPECS = {task_id: replace(GOOD, id=task_id) for task_id in TASK_IDS}
TASKS = {
    task_id: TaskEntry("bad_robots:SPECS", "bad_robots:Env", None, N_STEPS, {"mistake": name})
    for name, task_id in zip(ENVS, TASK_IDS, strict=True)
}
