"""The filter between path and servo: one command per tick, inside the limits of the tool and of the joints.

A command is one step of `safety.step`. If the kinematics is known, it is also solved for joints. It passes only if the
joints keep their limits on the way to it, in the first step of braking after it, and where the arm would then come to
rest. Otherwise the arm brakes, which was checked together with the previous command. So a path that leads out of the
limits ends at rest before them, and the next path that leads away is followed again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dpbench.arms.control.joints import JointLimits, JointWatch, Kinematics
from dpbench.arms.control.safety import Limits, Motion, at_rest_after, step, within
from dpbench.arms.control.trajectory import Ahead
from dpbench.arms.driver import MAX_AHEAD_S, WRONG_CLOCK, ArmState, Vector, Waypoint, check_waypoint
from dpbench.errors import ActionError, ArmFaultError, ConfigError

MAX_WAIT_S = 1.0
"""An arm that has not caught up with its commands for this long is stuck."""
SHARE, BRAKING_SHARE = 0.8, 0.9
"""Share of the joints' speed and acceleration limits, for commands and for the first step of braking after them. The
joints move along curves, so that later steps can be a little faster."""
MAX_MISMATCH_RAD = 0.1
"""If measured joints differ by more from those computed for the measured pose, the model is of another arm or tool."""


@dataclass(frozen=True)
class Command:
    """One step.

    Attributes:
        motion: of the tool.
        joints: `(n_joints,)` rad, without kinematics empty.
        speed: of the joints, rad/s.
        refused: why the arm brakes instead of following its path, or None.
    """

    motion: Motion
    joints: Vector
    speed: Vector
    refused: str | None = None


class CommandFilter:
    """Keeps the last command that was sent, and computes the next one. Call `take_up` first.

    Args:
        limits: of the tool.
        dt_s: time between two commands.
        joint_limits: of the joints; without kinematics the measured joints are monitored.
        kinematics: inverse kinematics of the arm.

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
            raise ConfigError("kinematics without joint_limits: give both, or neither.")
        self._limits, self._dt_s, self._kinematics = limits, dt_s, kinematics
        self._joint_limits = self._allowed = joint_limits
        self._watch: JointWatch | None = None
        self._behind_since_s: float | None = None
        self.last: Command | None = None

    def take_up(self, state: ArmState, now_s: float) -> None:
        """Start at rest from a measured state.

        Raises:
            ArmFaultError: if the tool is outside the workspace by more than `lag_m`, or the kinematics does not fit.
        """
        here = Waypoint(now_s, state.position, state.quaternion, state.gripper_m)
        motion = Motion.at_rest(check_waypoint(here))
        outside = float(np.linalg.norm(within(here, self._limits).position - state.position))
        if outside > self._limits.lag_m:
            raise ArmFaultError(
                f"the tool at {np.round(state.position, 3).tolist()} m is {outside:.2f} m outside the workspace; "
                "move it inside by hand or with the pendant"
            )
        joints = np.zeros(0)
        if self._joint_limits is not None:
            self._allowed = self._joint_limits.around(state.joints)
            self._watch = JointWatch(self._allowed) if self._kinematics is None else None
        if self._kinematics is not None and self._joint_limits is not None:
            try:
                joints = self._kinematics.joints(motion.waypoint, state.joints)
            except ActionError as error:
                raise ArmFaultError(f"the kinematic model does not reach the arm's present pose: {error}") from error
            mismatch = float(np.abs(joints - state.joints).max())
            if not mismatch <= MAX_MISMATCH_RAD:
                raise ArmFaultError(
                    f"the kinematic model does not fit the arm: for the measured pose its joints are {mismatch:.2f} "
                    "rad from the measured ones; check the model and the tool"
                )
            self._allowed = self._joint_limits.around(joints)
        self._behind_since_s = None
        self.last = Command(motion, joints, np.zeros_like(joints))

    def is_behind(self, state: ArmState, now_s: float) -> bool:
        """Whether commands must wait for the arm to catch up; checks the measured joints, too.

        Raises:
            ArmFaultError: if the arm is far behind, does not catch up, or a measured joint leaves its limits.
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
        if not lag <= 2 * self._limits.lag_m or behind_s > MAX_WAIT_S:
            raise ArmFaultError(f"the tool is {lag:.3f} m from its command, for {behind_s:.2f} s; is it blocked?")
        return True

    def next(self, time_s: float, desired: Waypoint | None, ahead: Ahead | None) -> Command:
        """The command for a time; the caller sets `last` to it once it is sent.

        Raises:
            ArmFaultError: if even braking would leave the limits of the joints.
        """
        assert self.last is not None, "take_up comes first"
        motion = step(self.last.motion, desired, self._dt_s, self._limits, ahead)
        command, why = self._solved(self.last, _at(motion, time_s), SHARE)
        why = why or self._cannot_rest(command)
        if why is None:
            return command
        braking = step(self.last.motion, None, self._dt_s, self._limits)
        command, why_not = self._solved(self.last, _at(braking, time_s), 1.0)
        if why_not is not None:
            raise ArmFaultError(f"no command keeps the joints inside their limits: {why_not}")
        return replace(command, refused=why)

    def _solved(self, before: Command, motion: Motion, share: float) -> tuple[Command, str | None]:
        """The command that follows another, and why it cannot be sent (None if it can)."""
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
        """Why the arm could not brake after a command; the first step of braking and its end are checked."""
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
    """Check that a measured state allows the arm to move.

    Raises:
        ArmFaultError: if the arm has stopped by itself, or the state is older than `stale_s`, has NaN, or comes from
            another clock than the host's monotonic one.
    """
    if state.fault is not None:
        raise ArmFaultError(state.fault)
    if not all(np.isfinite(value).all() for value in (state.position, state.quaternion, state.joints)):
        raise ArmFaultError(f"the measured state {state} is not finite")
    if state.time_s > now_s + MAX_AHEAD_S:
        raise ArmFaultError(
            f"the time stamp of the state is {state.time_s:.0f} s, but now is {now_s:.0f} s: {WRONG_CLOCK}"
        )
    if not now_s - state.time_s <= stale_s:
        raise ArmFaultError(f"the last measured state is {now_s - state.time_s:.2f} s old")


def _at(motion: Motion, time_s: float) -> Motion:
    return replace(motion, waypoint=replace(motion.waypoint, time_s=time_s))
