"""A scripted demonstrator whose conditional action distribution is known.

At the start it draws one of the 24 ways through the course, each with the same probability. Way w is a curve
x = path_w(y) through its gaps, followed at 0.1 m/s. The finger's lateral deviation from the curve is an
AR(1) process that starts in its stationary state, so that at any height y it is N(0, START_STD_M). Hence, at a position
(x, y), way w has a posterior probability proportional to N(x - path_w(y); 0, START_STD_M), and given w the next actions
are Gaussian. The distribution of the next chunk is therefore a known mixture, up to the lag of the servo.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.policies.demonstrator import ScriptedDemonstrator
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations
from dpbench.spec import Horizon, TaskSpec

from .scene import START_STD_M, Course
from .task import MODES, course_of

STEP_Y_M = 0.01
PULL = 0.9
"""Share of the deviation that remains after a step."""
NOISE_M = START_STD_M * math.sqrt(1 - PULL**2)
LEAD_STEPS = 1.6
"""How far the target is ahead of the finger, since the servo lags."""


def path(course: Course, ways: NDArray[np.intp], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """X of the curves at heights y, both in m; half a cosine from row to row.

    Args:
        course: the rows and gaps.
        ways: indices into MODES, any shape.
        y: heights, of the same shape.
    """
    gaps = waypoints_x_m(course)[ways]  # (..., 4): start, three rows
    heights = np.array([0.0, *course.rows_y_m])
    leg = np.clip(np.searchsorted(heights, y, side="right") - 1, 0, len(course.rows_y_m) - 1)
    share = np.clip((y - heights[leg]) / (heights[leg + 1] - heights[leg]), 0.0, 1.0)
    begin = np.take_along_axis(gaps, leg[..., None], axis=-1)[..., 0]
    end = np.take_along_axis(gaps, leg[..., None] + 1, axis=-1)[..., 0]
    curve: NDArray[np.float64] = begin + (end - begin) * (1 - np.cos(np.pi * share)) / 2
    return curve


@cache
def waypoints_x_m(course: Course) -> NDArray[np.float64]:
    """Where each way begins and passes the three rows, `(24, 4)` m."""
    return np.array([[0.0, *(course.gaps_x_m[row][int(gap)] for row, gap in enumerate(mode))] for mode in MODES])


def way_probabilities(course: Course, agent_pos: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Probability of each way given a position: `(2,)` m to `(24,)`, in the order of MODES."""
    ways = np.arange(len(MODES))
    deviation = float(agent_pos[0]) - path(course, ways, np.full(len(MODES), float(agent_pos[1])))
    logits = -0.5 * (deviation / START_STD_M) ** 2
    weights = np.exp(logits - logits.max())
    probabilities: NDArray[np.float64] = weights / weights.sum()
    return probabilities


def sample_chunks(
    course: Course, agent_pos: NDArray[np.floating[Any]], n_samples: int, n_steps: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Draw the next action chunks at a position.

    Returns:
        Targets `(n_samples, n_steps, 2)` in m, and the index of the way of each, `(n_samples,)`.
    """
    ways = rng.choice(len(MODES), size=n_samples, p=way_probabilities(course, agent_pos))
    return chunks(course, agent_pos, ways, n_steps, rng), ways


def chunks(
    course: Course,
    agent_pos: NDArray[np.floating[Any]],
    ways: NDArray[np.intp],
    n_steps: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Chunks along given ways: `(2,)` m, `(N,)` to `(N, n_steps, 2)` m."""
    x, y = float(agent_pos[0]), float(agent_pos[1])
    deviation = x - path(course, ways, np.full(len(ways), y))
    targets = np.empty((len(ways), n_steps, 2))
    for step in range(n_steps):
        deviation = PULL * deviation + NOISE_M * rng.standard_normal(len(ways))
        height = min(y + (step + LEAD_STEPS) * STEP_Y_M, course.front_y_m)
        targets[:, step, 0] = path(course, ways, np.full(len(ways), height)) + deviation
        targets[:, step, 1] = height
    return targets


def draw_way(course: Course, agent_pos: NDArray[np.floating[Any]], rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw the index of a way given a position, `(1,)`: the distribution function is inverted at one of 24 even levels.

    At the start, and after a row that was passed in the middle of a gap, all remaining ways are equally likely.
    """
    level = (rng.integers(len(MODES), size=1) + 0.5) / len(MODES)
    return np.searchsorted(np.cumsum(way_probabilities(course, agent_pos)), level)


class AvoidDemonstrator:
    """Draws one of the remaining ways when it first acts, and follows it, one action per step.

    Args:
        course: the course of its task.
    """

    horizon = Horizon(n_obs_steps=1, horizon=1, n_action_steps=1)

    def __init__(self, course: Course) -> None:
        self._course = course
        self._ways: dict[int, NDArray[np.intp]] = {}

    def reset(self) -> None:
        """Forget the chosen ways."""
        self._ways.clear()

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:
        """`(B, 1, 2)` -> `(B, 1, 2)` m."""
        rows = []
        for place, episode, rng in zip(observations["agent_pos"][:, -1], noise.episodes, noise.generators, strict=True):
            if episode not in self._ways:
                self._ways[episode] = draw_way(self._course, place, rng)
            rows.append(chunks(self._course, place, self._ways[episode], 1, rng)[0])
        actions: NDArray[np.float32] = np.stack(rows).astype(np.float32)
        return actions


def scripted(task: TaskSpec) -> ScriptedDemonstrator:  # noqa: ARG001  # one for state and pictures
    """For state and pictures."""
    return ScriptedDemonstrator(demonstrator)


def demonstrator(task: TaskSpec) -> AvoidDemonstrator:
    """The policy, for either observation mode."""
    return AvoidDemonstrator(course_of(task))
