"""Sizes in metres, and the MuJoCo model.

Sizes, masses, workspace and rates are those of real-stanford/diffusion_policy (5ba07ac),
`diffusion_policy/env/block_pushing/block_pushing_multimodal.py` (PyBullet), which is based on the environments of BeT
and IBC. The robot differs: instead of an xArm with a suction tip, a thin vertical rod moves in the plane, driven by a
critically damped servo of 60 rad/s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

X_RANGE_M, Y_RANGE_M = (0.15, 0.70), (-0.5, 0.5)
"""The workspace; the effector's targets are clipped to it."""
EFFECTOR_START_M = (0.3, -0.4)
BLOCK_HALF_M, BLOCK_MASS_KG = 0.02, 0.01
ROD_RADIUS_M = 0.004
"""The published tip has a radius of 1 mm; with a time step of 10 ms it would pass through edges. A block is touched
at its sides, 1 to 4 cm above the table, where cylinder and capsule are the same."""
SETTLE_STEPS = 40
SERVO_RAD_S = 60.0
FLOOR_FRICTION, ROD_FRICTION = 0.5, 0.5
"""Sliding friction of a block on the floor and against the rod; the README has the success rates for other values."""


@dataclass(frozen=True)
class Arm:
    """How the effector follows its target.

    Attributes:
        max_step_m: how far the target moves in a control step, at most, m.
        max_delta_m: bound of each number of a displacement, m; not enforced beyond `max_step_m`.
        moves: whether the target moves to its new place in a straight line during the step, or is there at once.
        x_range_m: where effector and blocks can be, along x.
        y_range_m: and along y.
        dt_s: physics step.
        substeps: physics steps of a control step.
        rod: MuJoCo's shape of the rod.
        solver: MuJoCo's solver of contacts.
    """

    max_step_m: float
    max_delta_m: float
    moves: bool
    x_range_m: tuple[float, float]
    y_range_m: tuple[float, float]
    dt_s: float
    substeps: int
    rod: str
    solver: str


JUMPING = Arm(
    max_step_m=math.inf,
    max_delta_m=0.1,
    moves=False,
    x_range_m=(-1.0, 2.0),
    y_range_m=(-1.0, 2.0),
    dt_s=0.01,
    substeps=10,
    rod="cylinder",
    solver="Newton",
)
"""Version 0: the target may jump across the table, so that the rod shoots blocks off it (63 m were seen)."""
TABLETOP = Arm(
    max_step_m=0.04,
    max_delta_m=0.04,
    moves=True,
    x_range_m=(0.0, 0.85),
    y_range_m=(-0.65, 0.65),
    dt_s=0.0125,
    substeps=8,
    rod="capsule",
    solver="CG",
)
"""Version 1: 0.4 m/s at most; the published oracle asks for 0.35 m/s. A rod that stops at the border of the workspace
can have two blocks before it, their diagonals in line (8.5 cm to the centre of the second), which slide on for 4 cm at
most: the 15 cm around the workspace are the table that blocks never leave. A rod that keeps in touch costs the solver
more than one that hits: a capsule, whose contacts with boxes are computed in closed form, and eight physics steps make
up for it (105 us a control step of a demonstration, version 0 needs 100)."""


def model_xml(arm: Arm, floor_friction: float = FLOOR_FRICTION, rod_friction: float = ROD_FRICTION) -> str:
    """The MJCF model: a floor, two free blocks and a rod on two slides."""
    # Bit 1 is the floor, bit 2 the rod: both collide with blocks (bits 1 and 2), never with each other. The priority
    # makes a contact take the friction of floor or rod instead of the larger one.
    blocks = "".join(
        f"""
    <body name="{name}" pos="{x} 0 {BLOCK_HALF_M}">
      <freejoint/>
      <geom type="box" size="{BLOCK_HALF_M} {BLOCK_HALF_M} {BLOCK_HALF_M}" mass="{BLOCK_MASS_KG}"
            contype="3" conaffinity="3" friction="0.5"/>
    </body>"""
        for name, x in (("block", 0.3), ("block2", 0.5))
    )
    # The control of a `position` servo is its target; that of an `intvelocity` servo is the target's velocity.
    servo, x_limits, y_limits = "position", "", ""
    if arm.moves:
        servo = "intvelocity"
        x_limits, y_limits = (f'actrange="{low} {high}"' for low, high in (X_RANGE_M, Y_RANGE_M))
    return f"""
<mujoco model="block_push">
  <!-- An elliptic cone makes sliding friction the same in all directions. -->
  <option timestep="{arm.dt_s}" cone="elliptic" integrator="implicitfast" solver="{arm.solver}"/>
  <worldbody>
    <geom type="plane" size="2 2 0.1" contype="1" conaffinity="1" priority="1" friction="{floor_friction}"/>
    {blocks}
    <body name="rod" pos="0 0 0.04">
      <joint name="x" type="slide" axis="1 0 0"/>
      <joint name="y" type="slide" axis="0 1 0"/>
      <geom type="{arm.rod}" size="{ROD_RADIUS_M} 0.03" mass="1" contype="2" conaffinity="2" priority="2"
            friction="{rod_friction}"/>
    </body>
  </worldbody>
  <actuator>
    <{servo} joint="x" kp="{SERVO_RAD_S**2}" kv="{2 * SERVO_RAD_S}" {x_limits}/>
    <{servo} joint="y" kp="{SERVO_RAD_S**2}" kv="{2 * SERVO_RAD_S}" {y_limits}/>
  </actuator>
</mujoco>"""
