"""The scripted demonstrator: one of four orders, each equally likely, in the phases of the published oracle.

Source: real-stanford/diffusion_policy (5ba07ac), `diffusion_policy/env/block_pushing/oracles/multimodal_push_oracle.py`
on `oriented_push_oracle.py`; thresholds and speeds are theirs.

Which block goes first, and to which target, is drawn at the start of an episode. For each block the effector moves
behind it (5 cm, on the line from block to target), then close to it (3 cm), and pushes. A block whose side is turned
away from the pushing direction by more than 0.2 rad is first turned: the effector circles around it. Between the blocks
the effector returns to where it began to push, and then to where it started the episode.

Different from the oracle: the effector goes around a block that stands in its way, and stops pushing as soon as the
first block is within 4 cm of its target.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import ConfigError
from dpbench.policies.demonstrator import ScriptedDemonstrator
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations
from dpbench.spec import Horizon, TaskSpec

from .scene import EFFECTOR_START_M
from .task import RATE_HZ

ORDERS = (((0, 0), (1, 1)), ((0, 1), (1, 0)), ((1, 0), (0, 1)), ((1, 1), (0, 0)))
"""Pairs of block and target, one after the other."""
PRE_BLOCK_M, AT_BLOCK_M, PUSH_M, CIRCLE_M = 0.05, 0.03, 0.01, 0.025
ARRIVED_M, DONE_M = 0.001, 0.04
TURN_RAD, TURNED_RAD, CIRCLE_STEP_RAD = 0.2, 0.03, 0.2
CLEAR_M, ORBIT_RAD = 0.04, 0.7
APPROACH_M_S, PUSH_M_S, TURN_M_S = 0.30, 0.35, 0.15

Vector = NDArray[np.float64]


@dataclass
class Plan:
    """State of the script in one episode."""

    order: tuple[tuple[int, int], tuple[int, int]]
    arrived_m: float = ARRIVED_M
    phase: str = "to_pre_block"
    which: int = 0
    pre_block: Vector = field(default_factory=lambda: np.zeros(2))


@dataclass(frozen=True)
class View:
    """What the script observes: positions in m, and `error`, the angle (rad) from the block's side to the push."""

    effector: Vector
    block: Vector
    target: Vector
    error: float

    @property
    def push(self) -> Vector:
        """Unit vector from block to target."""
        return _unit(self.target - self.block)

    def behind(self, distance_m: float) -> Vector:
        """The position behind the block, seen from the target."""
        return self.block - distance_m * self.push


def look(effector: Vector, state: Vector, block: int, target: int) -> View:
    """Read the view from the observation: `(2,)` m and `(14,)`."""
    x, y, yaw = state[3 * block : 3 * block + 3]
    place, goal = np.array([x, y]), state[8 + 3 * target : 10 + 3 * target]
    push = goal - place
    # A block looks the same after a quarter turn: wrapped to [-pi / 4, pi / 4).
    error = (math.atan2(push[1], push[0]) - yaw + math.pi / 4) % (math.pi / 2) - math.pi / 4
    return View(effector, place, goal, error)


def _to_pre_block(plan: Plan, view: View) -> tuple[Vector, float]:
    plan.pre_block = view.behind(PRE_BLOCK_M)
    if _near(view.effector, plan.pre_block, plan.arrived_m):
        plan.phase = "to_block"
    return _around(view, plan.pre_block), APPROACH_M_S


def _to_block(plan: Plan, view: View) -> tuple[Vector, float]:
    place = view.behind(AT_BLOCK_M)
    if abs(view.error) > TURN_RAD:
        plan.phase = "turn"
    elif _near(view.effector, place, plan.arrived_m):
        plan.phase = "push"
    return place, APPROACH_M_S


def _push(plan: Plan, view: View) -> tuple[Vector, float]:
    if abs(view.error) > TURN_RAD:
        plan.phase = "to_pre_block"
    return view.behind(PUSH_M), PUSH_M_S


def _turn(plan: Plan, view: View) -> tuple[Vector, float]:
    if abs(view.error) < TURNED_RAD:
        plan.phase = "to_pre_block"
    way = _unit(view.effector - view.block)
    # The rod drags the side that it touches: it circles in the direction in which the block must turn.
    angle = math.copysign(CIRCLE_STEP_RAD, view.error)
    cos, sin = math.cos(angle), math.sin(angle)
    turned = np.array([cos * way[0] - sin * way[1], sin * way[0] + cos * way[1]])
    return view.block + CIRCLE_M * turned, TURN_M_S


def _back(plan: Plan, view: View) -> tuple[Vector, float]:
    if _near(view.effector, plan.pre_block, plan.arrived_m):
        plan.phase = "to_origin"
    return plan.pre_block, APPROACH_M_S


def _to_origin(plan: Plan, view: View) -> tuple[Vector, float]:
    origin = np.array(EFFECTOR_START_M)
    if _near(view.effector, origin, plan.arrived_m):
        plan.phase, plan.which = "to_pre_block", 1
    return origin, APPROACH_M_S


PHASES: dict[str, Callable[[Plan, View], tuple[Vector, float]]] = {
    "to_pre_block": _to_pre_block,
    "to_block": _to_block,
    "push": _push,
    "turn": _turn,
    "back": _back,
    "to_origin": _to_origin,
}
PUSHING = ("to_pre_block", "to_block", "push", "turn")


class BlockPushDemonstrator:
    """Draws an order at the start of an episode and follows it, one action per step.

    Args:
        absolute: the action is the target itself instead of a displacement.
        noise_std_m: standard deviation of Gaussian noise on the displacement.
    """

    horizon = Horizon(n_obs_steps=1, horizon=1, n_action_steps=1)

    def __init__(self, absolute: bool = False, noise_std_m: float = 0.0) -> None:
        self._absolute, self._noise_std_m = absolute, noise_std_m
        self._plans: dict[int, Plan] = {}

    def reset(self) -> None:
        """Forget all episodes."""
        self._plans.clear()

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:
        """`(B, 1, ...)` -> `(B, 1, 2)` m."""
        actions = np.empty((len(noise), 1, 2), dtype=np.float32)
        for row, (rng, episode) in enumerate(zip(noise.generators, noise.episodes, strict=True)):
            if episode not in self._plans:
                # With noise, a position cannot be reached more precisely.
                arrived_m = ARRIVED_M + 2 * self._noise_std_m
                self._plans[episode] = Plan(ORDERS[int(rng.integers(len(ORDERS)))], arrived_m)
            state = observations["environment_state"][row, -1].astype(np.float64)
            delta = self._delta(self._plans[episode], state)
            if self._noise_std_m:
                delta = delta + rng.normal(0.0, self._noise_std_m, 2)
            actions[row, 0] = state[6:8] + delta if self._absolute else delta
        return actions

    def _delta(self, plan: Plan, state: Vector) -> Vector:
        """Displacement of the effector's target; like the oracle, it controls the target, not the measured position."""
        view = look(state[6:8], state, *plan.order[plan.which])
        if plan.which == 0 and plan.phase in PUSHING and np.linalg.norm(view.target - view.block) < DONE_M:
            plan.phase = "back"
        place, speed_m_s = PHASES[plan.phase](plan, view)
        delta = place - view.effector
        length, longest = float(np.linalg.norm(delta)), speed_m_s / RATE_HZ
        capped: Vector = delta * min(1.0, longest / max(length, 1e-9))
        return capped


def scripted(task: TaskSpec) -> ScriptedDemonstrator:
    """For all tasks; with images it acts on the poses of the same episode."""
    poses = None if "environment_state" in task.observations else task.id.replace("Image", "")
    return ScriptedDemonstrator(demonstrator, poses)


def demonstrator(task: TaskSpec) -> BlockPushDemonstrator:
    """The policy for a task of this folder.

    Raises:
        ConfigError: for a task that observes images only.
    """
    if "environment_state" not in task.observations:
        raise ConfigError(f"{task.id}: the scripted demonstrator needs the blocks' poses, not images.")
    return BlockPushDemonstrator(absolute=task.action.kind == "position")


def _around(view: View, place: Vector) -> Vector:
    """The position itself, or a waypoint around the block if the straight path would touch it."""
    way, to_block = place - view.effector, view.block - view.effector
    share = min(1.0, max(0.0, float(way @ to_block) / max(float(way @ way), 1e-12)))
    # If the block is nearest at the beginning of the path, the path leads away from it.
    if share == 0.0 or np.linalg.norm(to_block - share * way) > CLEAR_M:
        return place
    now, then = (math.atan2(*(point - view.block)[::-1]) for point in (view.effector, place))
    turn = (then - now + math.pi) % (2 * math.pi) - math.pi
    angle = now + math.copysign(min(abs(turn), ORBIT_RAD), turn)
    return view.block + PRE_BLOCK_M * np.array([math.cos(angle), math.sin(angle)])


def _unit(vector: Vector) -> Vector:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def _near(place: Vector, other: Vector, distance_m: float) -> bool:
    return bool(np.linalg.norm(place - other) < distance_m)
