"""Inverse kinematics on a MuJoCo model, by damped least squares (Wampler 1986)."""

from __future__ import annotations

import math
from pathlib import Path

import mujoco
import numpy as np

from dpbench.arms.driver import Vector, Waypoint
from dpbench.errors import ActionError, ConfigError
from dpbench.files.reading import Kind, read_bytes
from dpbench.rotations import quat_from_matrix

DAMPING = 0.03
"""Small compared with the singular values of the Jacobian, but enough where the arm is stretched out."""
ITERATIONS, ACCURACY = 4, 1e-5
"""For one tick of the twin; m and rad."""
NEAR_M, NEAR_RAD = 0.05, 0.2
"""A pose further away is approached in several steps, in which the linearisation holds."""
EXACT_ITERATIONS, EXACT = 100, 1e-9
"""For commands: an error of 1e-6 rad is an error of 0.25 rad/s^2 in the acceleration at 500 Hz."""
REACHED = 1e-6
"""If the pose is missed by more than this, m or rad, it cannot be reached."""
TINY = 1e-3
"""Mass in kg and inertia in kg m^2 for links without; they do not affect the kinematics."""
MODEL = Kind(ConfigError, "name the arm's MJCF or URDF file", limit_bytes=64 * 2**20)
_DAMPED = DAMPING**2 * np.eye(6)


class MujocoKinematics:
    """A `dpbench.arms.control.joints.Kinematics`; to be used by one thread.

    Args:
        model: of the arm, with its base frame at the origin.
        site: name of the tool's site. The hinges and slides between it and the world are the arm's joints.

    Raises:
        ConfigError: if there is no such site, or no joint moves it.
    """

    def __init__(self, model: mujoco.MjModel, site: str) -> None:
        self._model, self._data = model, mujoco.MjData(model)
        self._site = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SITE, site)
        if self._site < 0:
            known = ", ".join(model.site(number).name for number in range(model.nsite)) or "none"
            raise ConfigError(f"the arm's model has no site {site!r}: choose one of {known}.")
        joints = _joints_of(model, int(model.site_bodyid[self._site]))
        if not joints:
            raise ConfigError(f"no hinge or slide moves the site {site!r} of the arm's model.")
        self._places, self._columns = model.jnt_qposadr[joints], model.jnt_dofadr[joints]
        self._jacobian = np.zeros((6, model.nv))

    @classmethod
    def from_file(
        cls, path: str | Path, tool: str, offset_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    ) -> MujocoKinematics:
        """From an MJCF or URDF file of the arm; its mesh files may be missing.

        Args:
            path: of the file.
            tool: name of a site, or of a body (a link).
            offset_m: from that link's frame to the tool.

        Raises:
            ConfigError: if the file cannot be read, or has no such site or link.
        """
        read_bytes(Path(path), MODEL)  # MuJoCo reads it itself, but would wait for a pipe, and never end on a device
        try:
            spec = mujoco.MjSpec.from_file(str(path))
            _strip(spec)
            if spec.site(tool) is None:
                body = spec.body(tool)
                if body is None:
                    known = ", ".join(one.name for one in (*spec.sites, *spec.bodies))
                    raise ConfigError(f"{path} has no site or link {tool!r}: choose one of {known}.")
                body.add_site(name=tool, pos=offset_m)
            model = spec.compile()
        except (ValueError, OSError) as error:
            raise ConfigError(f"{path}: cannot be read as MJCF or URDF ({error}).") from error
        return cls(model, tool)

    @property
    def n_joints(self) -> int:
        """Number of joints between the world and the tool."""
        return len(self._places)

    def pose(self, joints: Vector) -> tuple[Vector, Vector]:
        """Position `(3,)` m and quaternion `(4,)` of the tool for joints `(n_joints,)` rad."""
        self._move(joints)
        matrix = self._data.site_xmat[self._site].reshape(3, 3)
        return self._data.site_xpos[self._site].copy(), quat_from_matrix(matrix)

    def joints(self, waypoint: Waypoint, near: Vector) -> Vector:
        """See `Kinematics`."""
        joints = self.nearer(near, waypoint.position, waypoint.quaternion, EXACT_ITERATIONS, EXACT)
        self._move(joints)
        away, turned = self._away(waypoint.position, waypoint.quaternion[[3, 0, 1, 2]])
        if not float(np.abs(np.concatenate([away, turned])).max()) <= REACHED:  # true for NaN, too
            raise ActionError(
                f"the arm cannot reach {np.round(waypoint.position, 3).tolist()} m with quaternion "
                f"{np.round(waypoint.quaternion, 3).tolist()}, x, y, z, w, from joints {np.round(near, 3).tolist()} rad"
            )
        return joints

    def nearer(
        self,
        joints: Vector,
        position: Vector,
        quaternion: Vector,
        iterations: int = ITERATIONS,
        accuracy: float = ACCURACY,
    ) -> Vector:
        """Joints `(n_joints,)` at which the tool reaches a pose, or is nearer to it than at the given ones."""
        goal = quaternion[[3, 0, 1, 2]]  # MuJoCo has w first
        for _ in range(iterations):
            self._move(joints)
            error = np.concatenate(self._away(position, goal))
            if float(np.abs(error).max()) < accuracy:
                break
            mujoco.mj_jacSite(self._model, self._data, self._jacobian[:3], self._jacobian[3:], self._site)
            jacobian = self._jacobian[:, self._columns]
            joints = joints + jacobian.T @ np.linalg.solve(jacobian @ jacobian.T + _DAMPED, error)
        return joints

    def _away(self, position: Vector, goal: Vector) -> tuple[Vector, Vector]:
        """The difference from the tool's pose to another, limited in length: m and rad, in the base frame."""
        back, turn, turned = np.zeros(4), np.zeros(4), np.zeros(3)
        mujoco.mju_mat2Quat(back, self._data.site_xmat[self._site])
        mujoco.mju_negQuat(back, back)
        mujoco.mju_mulQuat(turn, goal, back)
        mujoco.mju_quat2Vel(turned, turn, 1.0)
        return _limited(position - self._data.site_xpos[self._site], NEAR_M), _limited(turned, NEAR_RAD)

    def _move(self, joints: Vector) -> None:
        self._data.qpos[self._places] = joints
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)


def _joints_of(model: mujoco.MjModel, body: int) -> list[int]:
    """Indices of the hinges and slides from the world to a body."""
    joints: list[int] = []
    while body > 0:
        first = int(model.body_jntadr[body])
        own = range(first, first + int(model.body_jntnum[body]))
        moving = (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE)
        joints = [number for number in own if model.jnt_type[number] in moving] + joints
        body = int(model.body_parentid[body])
    return joints


def _strip(spec: mujoco.MjSpec) -> None:
    """Remove what kinematics does not need, so that missing mesh files do not matter."""
    for kind in (spec.geoms, spec.meshes):
        for element in list(kind):
            spec.delete(element)
    spec.compiler.fusestatic = False  # keeps links without a joint, such as the tool's
    spec.compiler.boundmass = spec.compiler.boundinertia = TINY


def _limited(vector: Vector, maximum: float) -> Vector:
    return vector * min(1.0, maximum / max(math.hypot(*vector.tolist()), maximum))
