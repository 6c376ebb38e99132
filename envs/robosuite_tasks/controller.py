"""The operational-space controller and the physics sub-steps of one control step, compiled.

robosuite runs this in Python, 25 times per control step. Here it is one compiled call that reads MuJoCo's arrays in
place and calls its C functions. The formulas (Khatib 1987) are robosuite's own compiled functions, and every sum is
taken in robosuite's order: contacts amplify a difference of a single bit, so that only equal sums give equal
trajectories.
"""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from typing import Any

import llvmlite.binding
import mujoco
import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from .simulator import control_utils

nullspace_torques, opspace_matrices = control_utils.nullspace_torques, control_utils.opspace_matrices
orientation_error = control_utils.orientation_error
N_JOINTS = 7
KP, DAMPING_RATIO = 150.0, 1.0
"""Stiffness and damping ratio of all six axes; source as `env_args.CONTROLLER`."""
GRIPPER_SPEED = 0.2
"""Change of the gripper's command in a control step, as a share of half its range."""


def _load_mujoco() -> None:
    """Make MuJoCo's C functions callable by name, so that the compiled code can be cached on disk."""
    folder = os.path.dirname(mujoco.__file__)
    libraries = glob.glob(os.path.join(folder, "libmujoco*")) + glob.glob(os.path.join(folder, "mujoco.dll"))
    llvmlite.binding.load_library_permanently(libraries[0])


_load_mujoco()
_POINTERS = (types.intp, types.intp)
_mj_step1 = types.ExternalFunction("mj_step1", types.void(*_POINTERS))
_mj_step2 = types.ExternalFunction("mj_step2", types.void(*_POINTERS))
_mj_kinematics = types.ExternalFunction("mj_kinematics", types.void(*_POINTERS))
_mj_jac_site: Any = types.ExternalFunction("mj_jacSite", types.void(*_POINTERS, types.intp, types.intp, types.int32))


@dataclass(frozen=True)
class ArmIndices:
    """Indices of one arm in MuJoCo's arrays.

    Attributes:
        site: the controlled site between the fingers.
        qpos: the first of its seven joints in `qpos`.
        dof: the same in `qvel`.
        actuator: the same in `ctrl`.
        gripper: the first of its two gripper actuators in `ctrl`.
    """

    site: int
    qpos: int
    dof: int
    actuator: int
    gripper: int

    def as_row(self) -> NDArray[np.int64]:
        """`(5,)` for the compiled code."""
        return np.array([self.site, self.qpos, self.dof, self.actuator, self.gripper], dtype=np.int64)


class Stepper:
    """Runs control steps of one model and its data.

    Attributes:
        gripper: command of each arm's fingers in [-1, 1], `(A, 2)`; part of the state.
        initial_joints: reference angles of the null-space controller, `(A, 7)` rad; part of the state.
        first_mass: mass matrices `(A, 7, 7)` for the first physics step of an episode, zeros afterwards; part of the
            state. robosuite computes them before it positions the fingers, and uses them for that step.
    """

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, arms: tuple[ArmIndices, ...]) -> None:
        self._keep = (model, data)  # keeps the addresses below valid
        self._addresses = (int(model._address), int(data._address))
        self._indices = np.stack([arm.as_row() for arm in arms])
        for arm in arms:
            parents = model.dof_parentid[arm.dof : arm.dof + N_JOINTS].tolist()
            assert parents == [-1, *range(arm.dof, arm.dof + N_JOINTS - 1)], "each joint is the child of the one before"
        self.gripper = np.zeros((len(arms), 2))
        self.initial_joints = np.zeros((len(arms), N_JOINTS))
        self.first_mass = np.zeros((len(arms), N_JOINTS, N_JOINTS))
        self._arrays = (
            data.qpos, data.qvel, data.ctrl, data.qfrc_bias, data.site_xpos, data.site_xmat, model.actuator_ctrlrange,
            data.qM, model.dof_Madr,
        )  # fmt: skip
        self._work = (np.zeros((3, int(model.nv))), np.zeros((3, int(model.nv))))

    def step(
        self,
        positions: NDArray[np.float64],
        rotations: NDArray[np.float64],
        grippers: NDArray[np.float64],
        n_substeps: int,
    ) -> None:
        """One control step; afterwards the poses in `data` are those of the new state.

        Args:
            positions: goals in the world, `(A, 3)` m.
            rotations: goals in the world, `(A, 3, 3)`.
            grippers: negative opens, positive closes, `(A,)`; only the sign matters.
            n_substeps: physics steps.
        """
        closing = GRIPPER_SPEED * np.sign(grippers)[:, None] * (-1.0, 1.0)
        np.clip(self.gripper + closing, -1.0, 1.0, out=self.gripper)
        _control_step(
            self._addresses, self._indices, self._arrays, self._work, self.gripper, self.initial_joints,
            self.first_mass, positions, rotations, n_substeps,
        )  # fmt: skip


@njit(cache=True)
def _control_step(
    addresses: Any, indices: Any, arrays: Any, work: Any, gripper: Any, initial_joints: Any, first_mass: Any,
    positions: Any, rotations: Any, n_substeps: int,
) -> None:  # fmt: skip
    model, data = addresses
    ctrl, ctrl_range = arrays[2], arrays[6]
    for _ in range(n_substeps):
        _mj_step1(model, data)
        for arm in range(len(indices)):
            torques = _torques(
                model, data, indices[arm], arrays, work, initial_joints[arm], first_mass[arm], positions[arm],
                rotations[arm],
            )  # fmt: skip
            first = indices[arm, 3]
            for joint in range(N_JOINTS):
                low, high = ctrl_range[first + joint]
                ctrl[first + joint] = min(high, max(low, torques[joint]))
            first = indices[arm, 4]
            for finger in range(2):
                low, high = ctrl_range[first + finger]
                command = 0.5 * (high + low) + 0.5 * (high - low) * gripper[arm, finger]
                ctrl[first + finger] = min(high, max(low, command))
        _mj_step2(model, data)
        first_mass[:] = 0.0
    _mj_kinematics(model, data)


@njit(cache=True)
def _torques(
    model: int, data: int, indices: Any, arrays: Any, work: Any, initial_joint: Any, first_mass: Any, goal: Any,
    goal_rotation: Any,
) -> Any:  # fmt: skip
    """Joint torques `(7,)` in N m towards a goal pose."""
    site, first_qpos, first_dof = indices[0], indices[1], indices[2]
    qpos, qvel, _, bias, site_xpos, site_xmat, _, sparse_mass, mass_rows = arrays
    jac_position, jac_rotation = work
    joints, dofs = slice(first_qpos, first_qpos + N_JOINTS), slice(first_dof, first_dof + N_JOINTS)
    _mj_jac_site(model, data, jac_position.ctypes.data, jac_rotation.ctypes.data, site)
    position_jacobian, rotation_jacobian = jac_position[:, dofs].copy(), jac_rotation[:, dofs].copy()
    jacobian = np.empty((6, N_JOINTS))
    jacobian[:3], jacobian[3:] = position_jacobian, rotation_jacobian
    mass = np.empty((N_JOINTS, N_JOINTS)).T  # in Fortran order, like robosuite's slices
    if first_mass[0, 0] > 0.0:
        mass[:] = first_mass
    else:
        for row in range(N_JOINTS):
            # MuJoCo stores a row from the diagonal towards the base.
            first = mass_rows[first_dof + row]
            for column in range(row + 1):
                mass[row, column] = mass[column, row] = sparse_mass[first + row - column]

    position_error = goal - site_xpos[site]
    rotation_error = orientation_error(goal_rotation, site_xmat[site].copy().reshape(3, 3))
    velocity, spin = np.dot(jac_position, qvel), np.dot(jac_rotation, qvel)  # the base stands still
    damping = 2.0 * np.sqrt(KP) * DAMPING_RATIO
    force = position_error * KP - velocity * damping
    torque = rotation_error * KP - spin * damping

    _, position_inertia, rotation_inertia, nullspace = opspace_matrices(
        mass, jacobian, position_jacobian, rotation_jacobian
    )
    wrench = np.empty(6)
    wrench[:3], wrench[3:] = np.dot(position_inertia, force), np.dot(rotation_inertia, torque)
    torques = np.dot(jacobian.T, wrench) + bias[dofs]
    return torques + nullspace_torques(mass, nullspace, initial_joint, qpos[joints].copy(), qvel[dofs].copy())
