"""A scripted demonstrator by random shooting: it simulates random pushes and executes the best.

Every `N_EXECUTED` steps it samples straight pushes from points around the block, simulates each, and keeps the one that
leaves the block's keypoints nearest to the goal's. The rest of the previous plan is one of the candidates, so that an
approach is not abandoned halfway. It observes what a policy observes: the finger's velocity is unknown and taken as 0.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import ConfigError
from dpbench.policies.demonstrator import ScriptedDemonstrator
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations
from dpbench.spec import Horizon, TaskSpec

from .geometry import GOAL_POSE, OUTLINE, block_pose, keypoints
from .physics import Physics, State
from .task import WINDOW_PX

N_CANDIDATES, N_PLANNED, N_EXECUTED = 64, 24, 8
APPROACH_PX, PUSH_PX = 25.0, 10.0
"""Distance between successive targets, during the approach and while pushing."""
STANDOFF_PX = (18.0, 40.0)
PUSH_LENGTH_PX = (5.0, 90.0)
GOAL_KEYPOINTS = keypoints(*GOAL_POSE)
NEARNESS = 0.02
"""Weight of the finger's distance to the block, relative to the block's distance to the goal."""


class ShootingDemonstrator:
    """Plans by search in the simulator, and remembers the rest of each episode's plan."""

    horizon = Horizon(n_obs_steps=1, horizon=N_EXECUTED, n_action_steps=N_EXECUTED)

    def __init__(self) -> None:
        self._physics = Physics()
        self._rest: dict[int, NDArray[np.float64]] = {}

    def reset(self) -> None:
        """Forget all plans."""
        self._rest.clear()

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:
        """`(B, 1, ...)` -> `(B, 8, 2)` px."""
        chunks = []
        for row, (rng, episode) in enumerate(zip(noise.generators, noise.episodes, strict=True)):
            agent = observations["agent_pos"][row, -1].astype(np.float64)
            block = block_pose(observations["environment_state"][row, -1].astype(np.float64))
            plan = self._best((agent[0], agent[1], *block), rng, self._rest.get(episode))
            self._rest[episode] = plan[N_EXECUTED:]
            chunks.append(plan[:N_EXECUTED])
        actions: NDArray[np.float32] = np.stack(chunks).astype(np.float32)
        return actions

    def _best(self, state: State, rng: np.random.Generator, rest: NDArray[np.float64] | None) -> NDArray[np.float64]:
        plans = [push(state, rng) for _ in range(N_CANDIDATES)]
        if rest is not None:
            plans.append(np.concatenate([rest, np.repeat(rest[-1:], N_PLANNED - len(rest), axis=0)]))
        costs = [self._cost(state, plan) for plan in plans]
        return plans[int(np.argmin(costs))]

    def _cost(self, state: State, plan: NDArray[np.float64]) -> float:
        """Mean distance of the keypoints to the goal's after the plan, px, plus the weighted distance of the finger."""
        self._physics.place(state)
        self._physics.set_agent_velocity((0.0, 0.0))
        for target_x, target_y in plan:
            self._physics.step(target_x, target_y)
        agent_x, agent_y, *block = self._physics.state()
        points = keypoints(*block)
        distance = np.hypot(*(points - GOAL_KEYPOINTS).reshape(-1, 2).T).mean()
        finger = np.hypot(*(points.reshape(-1, 2) - (agent_x, agent_y)).T).min()
        return float(distance + NEARNESS * finger)


def push(state: State, rng: np.random.Generator) -> NDArray[np.float64]:
    """An approach to a point beside the block, then a straight push: `(24, 2)` targets in px, the last one repeated."""
    agent_x, agent_y, block_x, block_y, angle = state
    edge = int(rng.integers(len(OUTLINE)))
    (u0, v0), (u1, v1) = OUTLINE[edge], OUTLINE[(edge + 1) % len(OUTLINE)]
    share, standoff = rng.random(), rng.uniform(*STANDOFF_PX)
    length = math.hypot(u1 - u0, v1 - v0)
    # The outline runs so that its outward normal is (dv, -du).
    outward = ((v1 - v0) / length, -(u1 - u0) / length)
    u, v = u0 + share * (u1 - u0) + standoff * outward[0], v0 + share * (v1 - v0) + standoff * outward[1]
    cos, sin = math.cos(angle), math.sin(angle)
    start = np.array([block_x + cos * u - sin * v, block_y + sin * u + cos * v])
    if rng.random() < 0.25:
        start = np.array([agent_x, agent_y])  # continue from where it is
    inward = math.atan2(-(sin * outward[0] + cos * outward[1]), -(cos * outward[0] - sin * outward[1]))
    direction = inward + rng.normal(0.0, 0.5)
    end = start + rng.uniform(*PUSH_LENGTH_PX) * np.array([math.cos(direction), math.sin(direction)])
    way = [*line(np.array([agent_x, agent_y]), start, APPROACH_PX), *line(start, end, PUSH_PX)][:N_PLANNED]
    targets = np.array(way + [way[-1]] * (N_PLANNED - len(way)))
    inside: NDArray[np.float64] = np.clip(targets, 0.0, WINDOW_PX)
    return inside


def line(start: NDArray[np.float64], end: NDArray[np.float64], stride_px: float) -> NDArray[np.float64]:
    """Points from `start` (excluded) to `end`, at most `stride_px` apart, `(n, 2)`."""
    n_points = max(1, math.ceil(float(np.hypot(*(end - start))) / stride_px))
    return start + np.linspace(0, 1, n_points + 1)[1:, None] * (end - start)


def scripted(task: TaskSpec) -> ScriptedDemonstrator:  # noqa: ARG001  # pose and keypoints alike
    """For the tasks that observe the block's pose or keypoints."""
    return ScriptedDemonstrator(demonstrator)


def demonstrator(task: TaskSpec) -> ShootingDemonstrator:
    """The policy for a task of this folder.

    Raises:
        ConfigError: for a task that observes images only.
    """
    if "environment_state" not in task.observations:
        raise ConfigError(f"{task.id}: the scripted demonstrator needs the block's pose or keypoints, not images.")
    return ShootingDemonstrator()
