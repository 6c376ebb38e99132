"""The state vector of block push: the physics, the targets' poses and the episode's progress."""

from __future__ import annotations

from typing import Any

from dpbench.mujoco_states import FAR_M, TIME_S, integration_fields
from dpbench.states import StateField

from .scene import X_RANGE_M, Y_RANGE_M, Arm
from .task import RATE_HZ, YAW_RAD


def fields(model: Any, arm: Arm) -> tuple[StateField, ...]:
    """What the numbers of a state are, for a `mujoco.MjModel` of the scene and the arm that it was made for."""
    target = (StateField("effector target x", *X_RANGE_M, "m"), StateField("effector target y", *Y_RANGE_M, "m"))
    fastest_m_s = (1 + 1e-9) * arm.max_step_m * RATE_HZ
    velocity = (StateField("velocity of the effector's target", -fastest_m_s, fastest_m_s, "m/s", 2),)
    control, activation = (velocity, target) if arm.moves else (target, ())
    return (
        *integration_fields(model, control, past_limits=0.0, activation=activation),
        *(
            StateField(f"{name} {axis}", *bounds, unit)
            for name in ("target", "target2")
            for axis, bounds, unit in (("x", arm.x_range_m, "m"), ("y", arm.y_range_m, "m"), ("yaw", YAW_RAD, "rad"))
        ),
        StateField("distance of a block from the origin at the start", 0.0, FAR_M, "m", 2),
        StateField("steps so far", 0, TIME_S, whole=True),
        StateField("step in which a block entered a target", -1, TIME_S, count=4, whole=True),
        StateField("step in which a block had moved", -1, TIME_S, count=2, whole=True),
        StateField("the first reward was given", 0, 1, whole=True),
        StateField("the second reward was given", 0, 1, whole=True),
    )
