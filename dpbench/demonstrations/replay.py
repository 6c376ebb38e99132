"""A replayed episode, and the task's writer of its public format (numpy only)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.spec import TaskSpec


@dataclass(frozen=True)
class Replay:
    """One replayed episode.

    Attributes:
        observations: flat key -> `(T + 1, ...)`, the last one after the last action.
        actions: `(T, Da)`.
        rewards: of each action, `(T,)`.
        states: before each action, as the environment's `simulator_state` gives them, `(T, S)`.
        env: after the last step.
    """

    observations: Mapping[str, NDArray[Any]]
    actions: NDArray[np.float32]
    rewards: NDArray[np.float64]
    states: NDArray[np.float64]
    env: Any


@dataclass(frozen=True)
class ArchiveWriter:
    """A part of a task: writes replayed episodes in the format of the task's public data.

    Attributes:
        write: takes the file to write, the task, and the episodes one by one.
    """

    write: Callable[[Path, TaskSpec, Iterable[Replay]], None]
