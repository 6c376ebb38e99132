"""Bounds of MuJoCo's state `mjSTATE_INTEGRATION`: all that its next step depends on.

The model is given, so that this needs no simulator. The order of the parts is that of `mj_getState`, from the lowest
bit of `mjtState` to the highest (google-deepmind/mujoco, `include/mujoco/mjdata.h`).
"""

from __future__ import annotations

from typing import Any

from dpbench.states import StateField

FREE, BALL = 0, 1
"""`mjtJoint`: joints that have more than one number."""
TIME_S = 1e6
SPEED = 1e4
"""m/s and rad/s of a free body. The fastest block in 9,000 steps of extreme actions had 715."""
ACCELERATION = 1e7
"""m/s^2 and rad/s^2, of the solver's warm start. The largest in those steps was 37,631."""
FAR_M = 1e3
"""A block that is hit hard flies off the table; the farthest in those steps was 61 m away."""


def integration_fields(
    model: Any,
    control: tuple[StateField, ...],
    past_limits: float,
    activation: tuple[StateField, ...] = (),
    far_m: float = FAR_M,
    free_speed: float = SPEED,
    joint_speed: float = SPEED,
) -> tuple[StateField, ...]:
    """The fields of the state, in its order.

    Args:
        model: a `mujoco.MjModel` without delays, user data and plug-ins that have a state.
        control: fields of its controls, `(nu,)`.
        past_limits: how far a joint may be beyond its limits (m or rad): they are soft.
        activation: fields of its actuators' own state, `(na,)`; by default from -1 to 1.
        far_m: largest distance of a free body from the origin along an axis.
        free_speed: largest velocity of a free body, m/s and rad/s; at too high ones the simulation explodes.
        joint_speed: the same of other joints, m/s or rad/s.
    """
    numbers = range(int(model.njnt))
    joints = [field for joint in numbers for field in _joint(model, joint, past_limits, far_m)]
    n_moving, n_forces = int(model.nv), int(model.nv + 6 * model.nbody)
    return (
        StateField("time", 0.0, TIME_S, "s"),
        *joints,
        *(_speed(model, joint, free_speed, joint_speed) for joint in numbers),
        *(activation or (StateField("activation", -1.0, 1.0, count=int(model.na)),)),
        StateField("warm start of the solver", -ACCELERATION, ACCELERATION, "m/s^2 or rad/s^2", n_moving),
        *control,
        StateField("force from outside", 0.0, 0.0, "N or N m", n_forces),  # the tasks apply none
        StateField("switch of a constraint", 0.0, 1.0, count=int(model.neq), whole=True),
        StateField("place of a marker", -FAR_M, FAR_M, "m", 3 * int(model.nmocap)),
        StateField("quaternion of a marker", -1.0, 1.0, count=4 * int(model.nmocap)),
    )


def _joint(model: Any, joint: int, past_limits: float, far_m: float) -> list[StateField]:
    name, kind = _name(model, joint), int(model.jnt_type[joint])
    if kind == BALL:
        return [_turn(name)]
    if kind == FREE:
        return [StateField(f"{name}, place", -far_m, far_m, "m", 3), _turn(name)]
    low, high = model.jnt_range[joint].tolist() if model.jnt_limited[joint] else (-far_m, far_m)
    return [StateField(name, low - past_limits, high + past_limits, "m or rad")]


def _speed(model: Any, joint: int, free_speed: float, joint_speed: float) -> StateField:
    kind = int(model.jnt_type[joint])
    most, count = free_speed if kind == FREE else joint_speed, {FREE: 6, BALL: 3}.get(kind, 1)
    return StateField(f"{_name(model, joint)}, velocity", -most, most, "m/s or rad/s", count)


def _name(model: Any, joint: int) -> str:
    return str(model.joint(joint).name) or f"joint {joint}"


def _turn(name: str) -> StateField:
    # MuJoCo normalises quaternions to a few units in the last place.
    return StateField(f"{name}, quaternion", -1.0 - 1e-9, 1.0 + 1e-9, count=4)
