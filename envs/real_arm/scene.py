"""Geometry of the simulated station in metres, and the MuJoCo model made of it.

A six-joint arm with the link lengths of a UR5 (reach 0.85 m), drawn as capsules, holds a vertical rod. In front of it,
on the table at height 0, are a block to push and a painted target. The arm's base frame is the world frame.
"""

from __future__ import annotations

X_RANGE_M, Y_RANGE_M = (0.25, 0.77), (-0.45, 0.40)
"""Workspace of the Diffusion Policy station (`eval_real_robot.py` in real-stanford/diffusion_policy, commit 5ba07ac).

The upright rod reaches every corner of it at the height of the table, but not the far edge at 0.4 m.
"""
Z_RANGE_M = (0.01, 0.40)
WORKSPACE_LOW_M = (X_RANGE_M[0], Y_RANGE_M[0], Z_RANGE_M[0])
WORKSPACE_HIGH_M = (X_RANGE_M[1], Y_RANGE_M[1], Z_RANGE_M[1])

N_JOINTS = 6
RATE_HZ = 125.0
PHYSICS_DT_S, SUBSTEPS = 0.002, 4
"""Four physics steps per control tick."""
JOINT_SPEED_RAD_S = 3.1
SERVO_RAD_S = 60.0
"""The joints follow their targets like critically damped springs with this natural frequency."""
ARMATURE = (2.0, 2.0, 1.0, 0.2, 0.2, 0.2)
"""Inertia of the geared motors, kg m^2. It dominates that of the links, so that servos behave alike in every pose."""

PUSH_HEIGHT_M = 0.02
HOME_M = (0.35, 0.0, PUSH_HEIGHT_M)
"""Start position of the rod's tip."""
DOWN = (1.0, 0.0, 0.0, 0.0)
"""Orientation of a vertical rod, x, y, z, w: the tool's z axis points at the table."""
HOME_GUESS_RAD = (0.0, -1.4, 1.9, -2.07, -1.57, 0.0)
"""Joints near home, elbow up, from which the exact ones are computed."""
ROD_RADIUS_M, ROD_LENGTH_M = 0.01, 0.13
BLOCK_HALF_M, BLOCK_MASS_KG = 0.03, 0.1
TOLERANCE_M = 0.04
"""Success: maximum distance of the block's centre from the target's."""
FRICTION = 0.5

BLOCK_X_M, BLOCK_Y_M = (0.42, 0.58), (-0.22, 0.22)
"""Block and target start in this rectangle; the rod can reach all around it."""
MIN_PUSH_M, MIN_HOME_M = 0.12, 0.12
"""Minimum distance of the block from the target, and from the rod's start position."""


_TURNED = 'quat="1 0 1 0"'
"""A quarter turn about y: the next link's z axis lies where x was."""
_LINKS = (
    ("shoulder", "0 0 0.089", "", "0 0 1", "0 0.136 0", 0.06, 1.0),
    ("upper_arm", "0 0.136 0", _TURNED, "0 1 0", "0 0 0.425", 0.05, 1.0),
    ("forearm", "0 -0.120 0.425", "", "0 1 0", "0 0 0.392", 0.04, 0.5),
    ("wrist1", "0 0 0.392", _TURNED, "0 1 0", "0 0.093 0", 0.035, 0.2),
    ("wrist2", "0 0.093 0", "", "0 0 1", "0 0 0.095", 0.035, 0.2),
    ("wrist3", "0 0 0.095", "", "0 1 0", "0 0.082 0", 0.03, 0.1),
)
"""Name, position and rotation on the previous link, joint axis, end of the capsule, its radius (m) and mass (kg)."""


def model_xml() -> str:
    """The MJCF model: table, block, arm with rod, one position servo per joint. The arm's joints come first."""
    servos = "".join(
        f'<position joint="{link[0]}" kp="{SERVO_RAD_S**2 * inertia}" kv="{2 * SERVO_RAD_S * inertia}"/>'
        for link, inertia in zip(_LINKS, ARMATURE, strict=True)
    )
    # Bit 1 is the table, bit 2 the rod. The block touches both, the rod touches the table; links do not collide.
    return f"""
<mujoco model="real_arm_twin">
  <!-- An elliptic cone makes sliding friction the same in all directions. -->
  <option timestep="{PHYSICS_DT_S}" cone="elliptic" integrator="implicitfast"/>
  <default><geom type="capsule" contype="0" conaffinity="0"/></default>
  <worldbody>
    <geom type="plane" size="2 2 0.1" contype="1" conaffinity="1" priority="1" friction="{FRICTION}"/>
    {_arm_xml()}
    <body name="block" pos="0.5 0 {BLOCK_HALF_M}">
      <freejoint/>
      <geom type="box" size="{BLOCK_HALF_M} {BLOCK_HALF_M} {BLOCK_HALF_M}" mass="{BLOCK_MASS_KG}"
            contype="3" conaffinity="3" friction="{FRICTION}"/>
    </body>
  </worldbody>
  <actuator>{servos}</actuator>
</mujoco>"""


def _arm_xml() -> str:
    """The links, each inside the previous one, and the rod in the last. Gravity is compensated, as in a real arm."""
    arm = f"""
    <body name="rod" pos="0 0.082 0" quat="-1 1 0 0" gravcomp="1">
      <geom fromto="0 0 0 0 0 {ROD_LENGTH_M - ROD_RADIUS_M}" size="{ROD_RADIUS_M}" mass="0.1"
            contype="2" conaffinity="3" priority="2" friction="{FRICTION}"/>
      <site name="tip" pos="0 0 {ROD_LENGTH_M}"/>
    </body>"""
    for (name, place, turn, axis, end, radius, mass), inertia in reversed(list(zip(_LINKS, ARMATURE, strict=True))):
        arm = f"""
    <body name="{name}" pos="{place}" {turn} gravcomp="1">
      <joint name="{name}" axis="{axis}" armature="{inertia}"/>
      <geom fromto="0 0 0 {end}" size="{radius}" mass="{mass}"/>
      {arm}
    </body>"""
    return arm
