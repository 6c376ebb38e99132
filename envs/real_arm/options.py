"""Conversion of station settings to drivers, limits and kinematics."""

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
from dpbench.errors import ConfigError, shown
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
"""One turn each way, as on a UR5."""


def make_device(kind: str, name: str, options: Mapping[str, Any]) -> Any:
    """Create a driver or camera from the registry.

    Args:
        kind: `"arm_driver"` or `"camera"`.
        name: in the registry.
        options: its arguments.

    Raises:
        UnknownNameError: with the nearest known names.
        ConfigError: if arguments are missing or unknown.
    """
    factory: Any = registry(kind).load(name)  # a class of the protocol that `kind` stands for
    try:
        signature(factory).bind(**options)
    except TypeError as error:
        known = ", ".join(signature(factory).parameters)
        raise ConfigError(
            f"{kind.replace('_', ' ')} {name!r} with {dict(options)}: {error}; its arguments are {known}."
        ) from error
    return factory(**options)


def tool_limits(settings: Mapping[str, Any]) -> Limits:
    """Limits of the tool: those of the twin, with the settings applied.

    Raises:
        ConfigError: for an unknown name or an invalid value.
    """
    return replace(LIMITS, **_known(Limits, "limits", settings))


def joint_limits(settings: Mapping[str, Any] | None) -> JointLimits | None:
    """Limits of the joints, or None without settings.

    Raises:
        ConfigError: for an unknown or missing name, or an invalid value.
    """
    if settings is None:
        return None
    values = _known(JointLimits, "joint_limits", settings)
    try:
        return JointLimits(**values)
    except TypeError as error:
        raise ConfigError(
            f"joint_limits {shown(dict(settings), 300)}: {error}; expected {_names(JointLimits)}."
        ) from error


def projection(settings: Sequence[Sequence[float]] | None) -> NDArray[np.float64] | None:
    """The projection matrix of a camera, or None without settings.

    Raises:
        ConfigError: unless it has three rows of four numbers.
    """
    if settings is None:
        return None
    try:
        matrix = np.array(settings, dtype=np.float64)
    except (TypeError, ValueError):
        matrix = np.zeros(0)
    if matrix.shape != (3, 4) or not np.isfinite(matrix).all():
        raise ConfigError(f"camera_projection = {shown(settings)}: expected three rows of four numbers.")
    return matrix


def arm_model(settings: Mapping[str, Any] | None) -> Kinematics | None:
    """The kinematics of an arm, or None without settings.

    Raises:
        ConfigError: for an unknown or missing name, or a file that cannot be read.
    """
    if settings is None:
        return None
    unknown = set(settings) - {"path", "tool", "offset_m"}
    if unknown or not {"path", "tool"} <= set(settings):
        raise ConfigError(f"kinematics {shown(dict(settings), 300)}: expected path and tool, and optionally offset_m.")
    offset_m = settings.get("offset_m", (0.0, 0.0, 0.0))
    if not (isinstance(settings["path"], str) and isinstance(settings["tool"], str)):
        raise ConfigError(f"kinematics {shown(dict(settings), 300)}: expected texts as path and tool.")
    if not (
        isinstance(offset_m, list | tuple) and len(offset_m) == 3 and all(type(x) in (int, float) for x in offset_m)
    ):
        raise ConfigError(f"kinematics {shown(dict(settings), 300)}: expected x, y, z in m as offset_m.")
    return MujocoKinematics.from_file(settings["path"], settings["tool"], tuple(offset_m))


def twin_model() -> Kinematics:
    """The kinematics of the twin."""
    return MujocoKinematics(mujoco.MjModel.from_xml_string(model_xml()), "tip")


def _known(kind: Any, name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := sorted(set(settings) - {field.name for field in fields(kind)}):
        raise ConfigError(f"{name}: unknown key {', '.join(unknown)}; known keys are {_names(kind)}.")
    return {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}


def _names(kind: Any) -> str:
    return ", ".join(field.name for field in fields(kind))
