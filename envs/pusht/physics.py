"""Push-T physics: a kinematic finger pushes a T-shaped block, stepped through pymunk's C functions.

Source: real-stanford/diffusion_policy (5ba07ac), `diffusion_policy/env/pusht/pusht_env.py` (Chi et al. 2023). Its
errors are kept, because published scores depend on them: the inertia of the stem is computed from the bar, friction is
set on bodies, where it has no effect, and the centre of gravity is the unweighted mean of the two parts.

Difference: the sub-step loop calls Chipmunk through pymunk's cffi handle, without Python objects. States are equal bit
for bit (the tests compare them with gym-pusht), and a control step takes about a tenth of the time.

A copy repeats all calls since the start in a simulation of its own: Chipmunk keeps the forces of earlier contacts where
no function can set them, and only equal calls make them equal.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, cast

import pymunk
from pymunk import _chipmunk_cffi

from .geometry import BAR, STEM

PHYSICS_DT_S = 0.01
SUBSTEPS = 10
STIFFNESS = 100.0
"""Of the finger's PD controller, 1/s^2."""
DAMPING = 20.0
"""Of the finger's PD controller, 1/s."""
AGENT_RADIUS_PX = 15.0
BLOCK_MASS = 1.0
WALLS = (((5, 506), (5, 5)), ((5, 5), (506, 5)), ((506, 5), (506, 506)), ((5, 506), (506, 506)))
WALL_RADIUS_PX = 2.0

State = tuple[float, float, float, float, float]
"""Agent x, y; block x, y (px, middle of the bar's top edge); block angle (rad)."""

_ffi: Any = _chipmunk_cffi.ffi
_lib: Any = _chipmunk_cffi.lib


class Physics:
    """One Push-T world.

    Attributes:
        n_contact_points: contact points over all sub-steps since it was last set to 0.
    """

    def __init__(self, space_damping: float = 0.0, block_centre_of_gravity: tuple[float, float] | None = None) -> None:
        self._arguments = (space_damping, block_centre_of_gravity)
        self._calls: list[tuple[str, array[float]]] = []
        self._space = pymunk.Space()
        self._space.gravity = 0, 0
        # 0 removes all velocity at every sub-step: the block moves only while it is pushed.
        self._space.damping = space_damping
        static = self._space.static_body
        self._space.add(*(pymunk.Segment(static, start, end, WALL_RADIUS_PX) for start, end in WALLS))

        # Walls do not stop a kinematic body; the published environment has one, too.
        self._agent = pymunk.Body(body_type=pymunk.Body.KINEMATIC)
        self._agent.position = (256, 400)
        self._space.add(self._agent, pymunk.Circle(self._agent, AGENT_RADIUS_PX))

        # As in the published environment: the bar counts twice.
        inertia = 2 * pymunk.moment_for_poly(BLOCK_MASS, vertices=list(BAR))
        self._block = pymunk.Body(BLOCK_MASS, inertia)
        parts = [pymunk.Poly(self._block, list(BAR)), pymunk.Poly(self._block, list(STEM))]
        centre = (parts[0].center_of_gravity + parts[1].center_of_gravity) / 2
        self._block.center_of_gravity = centre
        self._block.angle = 0
        self._block.position = (256, 300)
        self._space.add(self._block, *parts)
        if block_centre_of_gravity is not None:
            self._block.center_of_gravity = block_centre_of_gravity

        self.n_contact_points = 0
        self._count_contacts()
        self._c_space: Any = self._space._space
        self._c_agent: Any = self._agent._body
        self._c_block: Any = self._block._body

    def _count_contacts(self) -> None:
        # The C handler and its signature are the same in pymunk 6 and 7, whose Python APIs differ.
        def post_solve(arbiter: Any, _space: Any, _data: Any) -> None:
            self.n_contact_points += _lib.cpArbiterGetCount(arbiter)

        handler = _lib.cpSpaceAddCollisionHandler(self._space._space, 0, 0)
        signature = _ffi.typeof(handler.postSolveFunc)
        self._callback = _ffi.callback(signature, post_solve)  # kept alive with the world
        handler.postSolveFunc = self._callback

    def place(self, state: State) -> None:
        """Set the positions of agent and block, without a sub-step."""
        self._remember("place", *state)
        self._place(state)

    def _place(self, state: State) -> None:
        agent_x, agent_y, block_x, block_y, angle = state
        self._agent.position = (agent_x, agent_y)
        self._block.angle = angle
        self._block.position = (block_x, block_y)
        self._space.reindex_shapes_for_body(self._agent)
        self._space.reindex_shapes_for_body(self._block)

    def set_state(self, state: State, legacy: bool) -> None:
        """Set the positions of agent and block, then run one sub-step, as the published environment does at reset.

        Args:
            state: agent x, y, block x, y (px), block angle (rad).
            legacy: set the position before the angle, as the published evaluation does. The body rotates about its
                centre of gravity, so that it ends up elsewhere. False sets the state exactly.
        """
        self._remember("set_state", *state, legacy)
        agent_x, agent_y, block_x, block_y, angle = state
        if legacy:
            self._agent.position = (agent_x, agent_y)
            self._block.position = (block_x, block_y)
            self._block.angle = angle
        else:
            self._place(state)
        _lib.cpSpaceStep(self._c_space, PHYSICS_DT_S)

    def set_agent_velocity(self, velocity: tuple[float, float]) -> None:
        """Velocity of the finger, px/s."""
        self._remember("set_agent_velocity", *velocity)
        _lib.cpBodySetVelocity(self._c_agent, velocity)

    def step(self, target_x: float, target_y: float) -> None:
        """One control step of 0.1 s: a PD controller drives the finger to the target, px."""
        self._remember("step", target_x, target_y)
        lib, space, agent = _lib, self._c_space, self._c_agent
        get_position, set_velocity, step = lib.cpBodyGetPosition, lib.cpBodySetVelocity, lib.cpSpaceStep
        velocity = lib.cpBodyGetVelocity(agent)
        velocity_x, velocity_y = velocity.x, velocity.y
        for _ in range(SUBSTEPS):
            position = get_position(agent)
            velocity_x += (STIFFNESS * (target_x - position.x) + DAMPING * (0 - velocity_x)) * PHYSICS_DT_S
            velocity_y += (STIFFNESS * (target_y - position.y) + DAMPING * (0 - velocity_y)) * PHYSICS_DT_S
            set_velocity(agent, (velocity_x, velocity_y))
            step(space, PHYSICS_DT_S)

    def state(self) -> State:
        """Agent x, y, block x, y (px), block angle (rad, not wrapped)."""
        agent, block = _lib.cpBodyGetPosition(self._c_agent), _lib.cpBodyGetPosition(self._c_block)
        return agent.x, agent.y, block.x, block.y, _lib.cpBodyGetAngle(self._c_block)

    def agent_velocity(self) -> tuple[float, float]:
        """Velocity of the finger, px/s."""
        velocity = _lib.cpBodyGetVelocity(self._c_agent)
        return velocity.x, velocity.y

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles hold the calls since the start, two numbers a control step."""
        return _repeated, (self._arguments, self._calls, self.n_contact_points)

    def _remember(self, name: str, *numbers: float) -> None:
        if not self._calls or self._calls[-1][0] != name:
            self._calls.append((name, array("d")))
        self._calls[-1][1].extend(numbers)


def _repeated(
    arguments: tuple[float, tuple[float, float] | None],
    calls: Sequence[tuple[str, Sequence[float]]],
    n_contact_points: int,
) -> Physics:
    """A new simulation after the same calls."""
    physics = Physics(*arguments)
    for name, numbers in calls:
        count = {"place": 5, "set_state": 6, "set_agent_velocity": 2, "step": 2}[name]
        for at in range(0, len(numbers), count):
            given = numbers[at : at + count]
            if name == "place":
                physics.place(cast(State, tuple(given)))
            elif name == "set_state":
                physics.set_state(cast(State, tuple(given[:5])), bool(given[5]))
            elif name == "set_agent_velocity":
                physics.set_agent_velocity((given[0], given[1]))
            else:
                physics.step(given[0], given[1])
    physics.n_contact_points = n_contact_points
    return physics
