"""What a station file says of limits and of the arm's model, as the values that the control loop takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from inspect import signature
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from dpbench.arms.control.joints import JointLimits, Kinematics
from dpbench.arms.control.safety import Limits
from dpbench.errors import ConfigError
from dpbench.registry import registry

from .kinematics import MujocoKinematics
from .scene import JOINT_SPEED_RAD_S, N_JOINTS, model_xml
from .task import LIMITS

TWIN_JOINTS = JointLimits(
    low=(-6.28,) * N_JOINTS,
    high=(6.28,) * N_JOINTS,
    speed_rad_s=(JOINT_SPEED_RAD_S,) * N_JOINTS,
    acceleration_rad_s2=(40.0,) * N_JOINTS,
)
"""Two turns a joint, as of arms of this kind."""


def make_device(kind: str, name: str, options: Mapping[str, Any]) -> Any:
    """A driver or camera of the registry.

    Args:
        kind: `"arm_driver"` or `"camera"`.
        name: of it.
        options: its arguments.

    Raises:
        UnknownNameError: with the nearest known names.
        ConfigError: for arguments that are missing or unknown.
    """
    factory = registry(kind).load(name)
    try:
        signature(factory).bind(**options)
    except TypeError as error:
        known = ", ".join(signature(factory).parameters)
        raise ConfigError(
            f"{kind.replace('_', ' ')} {name!r} with {dict(options)}: {error}; it takes {known}."
        ) from error
    return factory(**options)


def tool_limits(said: Mapping[str, Any]) -> Limits:
    """Limits of the tool: those of the twin's table, changed by what is said.

    Raises:
        ConfigError: for an unknown name or a value that cannot be.
    """
    return replace(LIMITS, **_known(Limits, "limits", said))


def joint_limits(said: Mapping[str, Any] | None) -> JointLimits | None:
    """Limits of the joints, or None where nothing is said.

    Raises:
        ConfigError: for an unknown or missing name, or a value that cannot be.
    """
    if said is None:
        return None
    values = _known(JointLimits, "joint_limits", said)
    try:
        return JointLimits(**values)
    except TypeError as error:
        raise ConfigError(f"joint_limits {dict(said)}: {error}; expected {_names(JointLimits)}.") from error


def projection(said: Sequence[Sequence[float]] | None) -> NDArray[np.float64] | None:
    """A camera's matrix, or None where nothing is said.

    Raises:
        ConfigError: unless it has three rows of four numbers.
    """
    if said is None:
        return None
    try:
        matrix = np.array(said, dtype=np.float64)
    except (TypeError, ValueError):
        matrix = np.zeros(0)
    if matrix.shape != (3, 4) or not np.isfinite(matrix).all():
        raise ConfigError(f"camera_projection = {said}: expected three rows of four numbers.")
    return matrix


def arm_model(said: Mapping[str, Any] | None) -> Kinematics | None:
    """The kinematics of a described arm, or None where nothing is said.

    Raises:
        ConfigError: for an unknown or missing name, or a file that cannot be read.
    """
    if said is None:
        return None
    unknown = set(said) - {"path", "tool", "offset_m"}
    if unknown or not {"path", "tool"} <= set(said):
        raise ConfigError(f"kinematics {dict(said)}: expected path and tool, and offset_m if the tool is off its link.")
    return MujocoKinematics.from_file(said["path"], said["tool"], tuple(said.get("offset_m", (0.0, 0.0, 0.0))))


def twin_model() -> Kinematics:
    """The kinematics of the twin."""
    return MujocoKinematics(mujoco.MjModel.from_xml_string(model_xml()), "tip")


def _known(kind: Any, name: str, said: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := sorted(set(said) - {field.name for field in fields(kind)}):
        raise ConfigError(f"{name} {', '.join(unknown)} is unknown; known are {_names(kind)}.")
    return {key: tuple(value) if isinstance(value, list) else value for key, value in said.items()}


def _names(kind: Any) -> str:
    return ", ".join(field.name for field in fields(kind))
