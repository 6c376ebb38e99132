"""The state vector of a robosuite task: what its numbers are, and between which bounds they are taken."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import ConfigError
from dpbench.mujoco_states import FAR_M, integration_fields
from dpbench.states import StateField, check_state

from .controller import N_JOINTS
from .reference import CUBE_SIZE_M
from .task import Scene

PAST_LIMITS = 0.1
"""rad or m; joint limits give way under load."""
REACH_M, OBJECT_SPEED, JOINT_SPEED = 30.0, 60.0, 40.0
"""m, m/s and rad/s. In 3,600 steps of extreme actions the farthest object was 18 m away, the fastest had 36 and the
fastest joint 17. Beyond these bounds up to one simulation in five explodes, within them one in a hundred."""
LEAST_INERTIA, MOST_INERTIA = 1e-6, 1e3
"""kg m^2; at the start of an episode a Panda's mass matrix has eigenvalues from 0.85 to 8.1."""


def check_state_of(state: object, model: Any, scene: Scene, n_sizes: int) -> NDArray[np.float64]:
    """A state of `get_state` as float64.

    Args:
        state: from outside.
        model: the `mujoco.MjModel`.
        scene: the task's.
        n_sizes: how many half sides of its object a scene draws, 3 or 0.

    Raises:
        ConfigError: for another length, a number outside its bounds, or a mass matrix that is none.
    """
    n_arms = scene.n_arms
    physics = integration_fields(model, _controls(model), PAST_LIMITS, (), REACH_M, OBJECT_SPEED, JOINT_SPEED)
    values = check_state(
        state,
        (
            *physics,
            StateField("command of a finger", -1.0, 1.0, count=2 * n_arms),
            StateField("reference angle of a joint", -2 * np.pi, 2 * np.pi, "rad", N_JOINTS * n_arms),
            StateField("first mass matrix", -MOST_INERTIA, MOST_INERTIA, "kg m^2", N_JOINTS**2 * n_arms),
            StateField("half side of the cube", 0.5 * CUBE_SIZE_M[0], 2 * CUBE_SIZE_M[1], "m", n_sizes),
            StateField("height of the object at the start", -FAR_M, FAR_M, "m"),
            StateField("place where it was lifted", -FAR_M, FAR_M, "m", 2),
            StateField("number of the path", -1, 2, whole=True),
            StateField("number of the grasp", -1, 1, whole=True),
            StateField("number of the final pose", -1, 3, whole=True),
            StateField("progress", 0.0, 1.0),
        ),
    )
    first = sum(field.count for field in physics) + (2 + N_JOINTS) * n_arms
    for matrix in values[first : first + N_JOINTS**2 * n_arms].reshape(n_arms, N_JOINTS, N_JOINTS):
        if matrix.any() and not (np.allclose(matrix, matrix.T) and np.linalg.eigvalsh(matrix)[0] > LEAST_INERTIA):
            raise ConfigError(
                f"state[{first}:{first + N_JOINTS**2 * n_arms}] (first mass matrix): expected zeros, or a symmetric "
                f"matrix with eigenvalues above {LEAST_INERTIA:g} kg m^2."
            )
    return values


def check_simulator_state(state: object, model: Any) -> NDArray[np.float64]:
    """A state as robomimic's files store it, `(1 + nq + nv,)`: the time, the joints' positions and their velocities.

    Raises:
        ConfigError: for another length, or a number outside its bounds.
    """
    fields = integration_fields(model, _controls(model), PAST_LIMITS, (), REACH_M, OBJECT_SPEED, JOINT_SPEED)
    ends = np.cumsum([field.count for field in fields]).tolist()
    return check_state(state, fields[: ends.index(1 + int(model.nq) + int(model.nv)) + 1])


def _controls(model: Any) -> tuple[StateField, ...]:
    """Torques of the arms' motors and positions of the fingers' servos."""
    return tuple(
        StateField(f"control of {model.actuator(number).name}", low, high, "N m or m")
        for number, (low, high) in enumerate(model.actuator_ctrlrange.tolist())
    )
