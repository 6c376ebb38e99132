"""The episode of one environment of a batch, step by step, and what its observations have to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import TaskError
from dpbench.evaluation.stepping import Step
from dpbench.metrics.episode import Episode, Trial
from dpbench.plugins.failures import failure_of, safely_shown
from dpbench.policies.protocol import Observations
from dpbench.spec import ArraySpec

VECTORS = ("agent_pos", "environment_state")
"""Observations that are recorded; pictures are not."""


class Recorder:
    """Collects the episode of one row of the batch."""

    def __init__(self, trial: Trial, observation: Observations, row: int) -> None:
        self._trial, self._row = trial, row
        self._rows: list[tuple[NDArray[np.float32], float, float, bool, int, int]] = []
        self._vectors: dict[str, list[NDArray[np.float32]]] = {key: [] for key in VECTORS if key in observation}
        self._observe(observation)
        self.frames: list[NDArray[np.uint8]] = []

    def add(self, step: Step, score: str, observed_at: NDArray[np.int64]) -> None:
        """Record a step.

        Args:
            step: of the batch.
            score: key of the task's score in `info`.
            observed_at: step of the observation behind each action of the batch, `(B,)`.

        Raises:
            TaskError: for a reward, score, success or mode that is missing or no finite number.
        """
        row, info = self._row, step.info
        try:
            reward, scored = float(step.reward[row]), float(info[score][row])
            success = bool(info["is_success"][row])
            mode = int(info["mode"][row]) if "mode" in info else -1
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise TaskError(
                f"the environment's reward or info cannot be read ({failure_of(error)}); expected a reward, "
                f"info['is_success'] and info[{score!r}]."
            ) from error
        for name, value in (("reward", reward), (f"info[{score!r}]", scored)):
            if not np.isfinite(value):
                raise TaskError(f"the environment's {name} is {value}, expected a finite number.")
        self._rows.append((step.action[row].copy(), reward, scored, success, mode, int(observed_at[row])))
        self._observe(step.next_observation)

    def _observe(self, observation: Observations) -> None:
        for key, values in self._vectors.items():
            values.append(observation[key][self._row].copy())

    def keep_frame(self, picture: object, size_px: int) -> None:
        """Keep a picture of the environment, made square.

        Raises:
            TaskError: unless it is uint8 of shape (H, W, 3).
        """
        import cv2  # only where pictures are asked for

        drawn = np.asarray(picture)
        if drawn.dtype != np.uint8 or drawn.ndim != 3 or drawn.shape[2] != 3 or not drawn.size:
            told = "nothing" if picture is None else f"{drawn.dtype} of shape {drawn.shape}"
            raise TaskError(f"the environment's render() returned {told}, expected uint8 of shape (H, W, 3).")
        resized = cv2.resize(drawn, (size_px, size_px), interpolation=cv2.INTER_AREA)
        self.frames.append(np.asarray(resized, dtype=np.uint8))

    def episode(self) -> Episode:
        """What was recorded."""
        actions, rewards, scores, successes, modes, observed_at = zip(*self._rows, strict=True)
        return Episode(
            self._trial,
            np.stack(actions),
            np.array(rewards),
            np.array(scores),
            np.array(successes),
            np.stack(self._vectors["agent_pos"]),
            np.stack(self._vectors["environment_state"]) if "environment_state" in self._vectors else None,
            np.array(modes),
            np.array(observed_at),
            np.stack(self.frames) if self.frames else None,
        )


def wrong_observation(
    observations: Mapping[str, Any], specs: Mapping[str, ArraySpec], rows: NDArray[np.bool_]
) -> tuple[int | None, str] | None:
    """What is wrong with the observations of a batch, in a sentence; None where they are what the task says.

    Args:
        observations: flat key -> `(B, ...)`.
        specs: of the task.
        rows: `(B,)`, the environments that count.

    Returns:
        Row of the first environment that is wrong, None for all, and the sentence.
    """
    for key, spec in specs.items():
        if key not in observations:
            return None, f"the environment's observation lacks {key!r}; it has {', '.join(map(str, observations))}."
        value = observations[key]
        expected = f"expected {spec.dtype} of shape {spec.shape}"
        if not isinstance(value, np.ndarray) or value.shape[1:] != spec.shape or len(value) != len(rows):
            shape = value.shape[1:] if isinstance(value, np.ndarray) else safely_shown(value)
            return None, f"the environment's observation {key!r} is {shape}, {expected}."
        if value.dtype.kind != np.dtype(spec.dtype).kind:
            return None, f"the environment's observation {key!r} is of {value.dtype}, {expected}."
        if value.dtype.kind == "f" and not np.isfinite(value[rows]).all():
            finite = np.isfinite(value).reshape(len(value), -1).all(axis=1)
            row = int(np.flatnonzero(rows & ~finite)[0])
            return row, f"the environment's observation {key!r} holds NaN or infinite numbers, {expected}."
    return None
