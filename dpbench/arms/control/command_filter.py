"""Between the path and the servo: one command a tick, inside the limits of the tool and of the joints.

A command is a step of `safety.step`. With kinematics it is also solved for joints, and goes out only when the joints
keep their limits on the way to it, in the first step of braking after it, and where the arm would then come to rest.
If they would not, the arm brakes, as was found good with the command before. So a wish that leads out of the limits
ends at rest in front of them, and the next wish that leads away is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dpbench.arms.control.joints import JointLimits, JointWatch, Kinematics
from dpbench.arms.control.safety import Limits, Motion, at_rest_after, step, within
from dpbench.arms.control.trajectory import Ahead
from dpbench.arms.driver import AHEAD_S, WRONG_CLOCK, ArmState, Vector, Waypoint, check_waypoint
from dpbench.errors import ActionError, ArmFaultError, ConfigError

LAG_S = 1.0
"""An arm that has not caught up for so long is stuck."""
SHARE, BRAKING_SHARE = 0.8, 0.9
"""Of the joints' speeds and accelerations, for commands and for the first step of braking after them: on the joints'
curved ways the later steps can be a little faster."""
MISFIT_RAD = 0.1
"""Measured joints so far from those found for the measured pose are of another arm, or of another tool."""


@dataclass(frozen=True)
class Command:
    """One step.

    Attributes:
        motion: of the tool.
        joints: `(n_joints,)` rad, without kinematics empty.
        speed: of the joints, rad/s.
        refused: why the arm brakes instead of following the path, or None.
    """

    motion: Motion
    joints: Vector
    speed: Vector
    refused: str | None = None


class CommandFilter:
    """Remembers the last command that was sent, and makes the next; `take_up` comes first.

    Args:
        limits: of the tool.
        dt_s: time between two commands.
        joint_limits: of the joints; without kinematics those that are measured are watched.
        kinematics: of the arm.

    Raises:
        ConfigError: for kinematics without joint limits.
    """

    def __init__(
        self,
        limits: Limits,
        dt_s: float,
        joint_limits: JointLimits | None = None,
        kinematics: Kinematics | None = None,
    ) -> None:
        if kinematics is not None and joint_limits is None:
            raise ConfigError("kinematics without joint_limits: give the limits that it is to keep.")
        self._limits, self._dt_s, self._kinematics = limits, dt_s, kinematics
        self._joint_limits = self._allowed = joint_limits
        self._watch: JointWatch | None = None
        self._behind_since_s: float | None = None
        self.last: Command | None = None

    def take_up(self, state: ArmState, now_s: float) -> None:
        """Start at rest from a measured state.

        Raises:
            ArmFaultError: when the tool is outside the workspace by more than `lag_m`, or the kinematics does not fit.
        """
        here = Waypoint(now_s, state.position, state.quaternion, state.gripper_m)
        motion = Motion.at_rest(check_waypoint(here))
        outside = float(np.linalg.norm(within(here, self._limits).position - state.position))
        if outside > self._limits.lag_m:
            raise ArmFaultError(
                f"the tool at {np.round(state.position, 3).tolist()} m is {outside:.2f} m outside the workspace; "
                "bring it inside by the arm's own means"
            )
        joints = np.zeros(0)
        if self._joint_limits is not None:
            self._allowed = self._joint_limits.around(state.joints)
            self._watch = JointWatch(self._allowed) if self._kinematics is None else None
        if self._kinematics is not None and self._joint_limits is not None:
            try:
                joints = self._kinematics.joints(motion.waypoint, state.joints)
            except ActionError as error:
                raise ArmFaultError(f"the kinematics does not reach where the arm is: {error}") from error
            misfit = float(np.abs(joints - state.joints).max())
            if not misfit <= MISFIT_RAD:
                raise ArmFaultError(
                    f"measured joints are {misfit:.2f} rad from those of the measured pose; check the tool"
                )
            self._allowed = self._joint_limits.around(joints)
        self._behind_since_s = None
        self.last = Command(motion, joints, np.zeros_like(joints))

    def is_behind(self, state: ArmState, now_s: float) -> bool:
        """Whether the arm must be waited for; looks at the measured joints, too.

        Raises:
            ArmFaultError: when it is far behind, or does not catch up, or a measured joint leaves its limits.
        """
        assert self.last is not None, "take_up comes first"
        if self._watch is not None:
            self._watch.check(state)
        lag = float(np.linalg.norm(state.position - self.last.motion.waypoint.position))
        if lag <= self._limits.lag_m:
            self._behind_since_s = None
            return False
        self._behind_since_s = now_s if self._behind_since_s is None else self._behind_since_s
        behind_s = now_s - self._behind_since_s
        if not lag <= 2 * self._limits.lag_m or behind_s > LAG_S:
            raise ArmFaultError(f"the tool is {lag:.3f} m from where it was sent, for {behind_s:.2f} s; is it blocked?")
        return True

    def next(self, time_s: float, wanted: Waypoint | None, ahead: Ahead | None) -> Command:
        """The command for a time; becomes the last one only when `last` is set to it.

        Raises:
            ArmFaultError: when even braking would leave the limits of the joints.
        """
        assert self.last is not None, "take_up comes first"
        motion = step(self.last.motion, wanted, self._dt_s, self._limits, ahead)
        command, why = self._solved(self.last, _at(motion, time_s), SHARE)
        why = why or self._cannot_rest(command)
        if why is None:
            return command
        braking = step(self.last.motion, None, self._dt_s, self._limits)
        command, why_not = self._solved(self.last, _at(braking, time_s), 1.0)
        if why_not is not None:
            raise ArmFaultError(f"no command would keep the limits of the joints: {why_not}")
        return replace(command, refused=why)

    def _solved(self, before: Command, motion: Motion, share: float) -> tuple[Command, str | None]:
        """The command after another, and why it cannot be sent."""
        limits = self._allowed
        if limits is None or self._kinematics is None:
            return Command(motion, before.joints, before.speed), None
        try:
            joints = self._kinematics.joints(motion.waypoint, before.joints + before.speed * self._dt_s)
        except ActionError as error:
            return before, str(error)
        speed = (joints - before.joints) / self._dt_s
        why = (
            limits.out_of_range(joints, before.joints if share < 1.0 else None)
            or limits.too_fast(speed, share)
            or limits.too_sudden((speed - before.speed) / self._dt_s, share)
        )
        return Command(motion, joints, speed), why

    def _cannot_rest(self, command: Command) -> str | None:
        """Why the arm could not brake after a command: the first step of it, and where it ends, are tried."""
        if self._kinematics is None or self._allowed is None:
            return None
        braking = step(command.motion, None, self._dt_s, self._limits)
        _, why = self._solved(command, braking, BRAKING_SHARE)
        if why is not None:
            return why
        try:
            rest = self._kinematics.joints(at_rest_after(command.motion, self._dt_s, self._limits), command.joints)
        except ActionError as error:
            return str(error)
        return self._allowed.out_of_range(rest, command.joints)


def check_state(state: ArmState, now_s: float, stale_s: float) -> None:
    """Look whether an arm can go on from what it measured.

    Raises:
        ArmFaultError: when it has stopped by itself, or the state is older than `stale_s`, has NaN, or is stamped by
            another clock than the host's monotonic one.
    """
    if state.fault is not None:
        raise ArmFaultError(state.fault)
    if not all(np.isfinite(value).all() for value in (state.position, state.quaternion, state.joints)):
        raise ArmFaultError(f"the measured state {state} is not finite")
    if state.time_s > now_s + AHEAD_S:
        raise ArmFaultError(f"the state is stamped {state.time_s:.0f} s, now is {now_s:.0f} s: {WRONG_CLOCK}")
    if not now_s - state.time_s <= stale_s:
        raise ArmFaultError(f"the last measured state is {now_s - state.time_s:.2f} s old")


def _at(motion: Motion, time_s: float) -> Motion:
    return replace(motion, waypoint=replace(motion.waypoint, time_s=time_s))
