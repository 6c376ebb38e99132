"""The obstacle courses: positions in metres, and their MuJoCo model.

The design is that of D3IL's avoiding task (Jia et al. 2024, arXiv 2402.14606): three staggered rows with one, two and
three obstacles, so that 2 x 3 x 4 = 24 ways lead to the finish line. Positions and sizes are ours. x points to the
right and y ahead. The finger moves in the plane, driven by a critically damped position servo of 20 rad/s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

PHYSICS_DT_S, SUBSTEPS = 0.02, 5
START_STD_M = 0.004
FINGER_RADIUS_M = 0.01


@dataclass(frozen=True)
class Course:
    """One obstacle course; all lengths in m.

    Attributes:
        rows_y_m: of the three rows.
        obstacles_x_m: of the obstacles of each row.
        obstacle_radii_m: of the obstacles of each row.
        gaps_x_m: where the demonstrator passes each row, from left to right.
        finish_y_m: of the finish line.
        half_width_m: the finger's targets are clipped to x within this.
        back_y_m: and to y from this ...
        front_y_m: ... to this.
        max_step_m: how far the target moves from the last one in a control step, at most.
    """

    rows_y_m: tuple[float, ...]
    obstacles_x_m: tuple[tuple[float, ...], ...]
    obstacle_radii_m: tuple[float, ...]
    gaps_x_m: tuple[tuple[float, ...], ...]
    finish_y_m: float
    half_width_m: float
    back_y_m: float
    front_y_m: float
    max_step_m: float

    @property
    def side_m(self) -> float:
        """Side of the square that a picture shows, from `back_y_m` on."""
        return max(2 * self.half_width_m, self.front_y_m - self.back_y_m)

    def obstacles(self) -> tuple[tuple[float, float, float], ...]:
        """x, y and radius of every obstacle, m."""
        rows = zip(self.rows_y_m, self.obstacles_x_m, self.obstacle_radii_m, strict=True)
        return tuple((x, y, radius) for y, row, radius in rows for x in row)


OPEN = Course(
    rows_y_m=(0.10, 0.22, 0.34),
    obstacles_x_m=((0.0,), (-0.08, 0.08), (-0.16, 0.0, 0.16)),
    obstacle_radii_m=(0.018, 0.018, 0.018),
    gaps_x_m=((-0.07, 0.07), (-0.16, 0.0, 0.16), (-0.24, -0.08, 0.08, 0.24)),
    finish_y_m=0.42,
    half_width_m=0.32,
    back_y_m=-0.05,
    front_y_m=0.47,
    max_step_m=math.inf,
)
"""Version 0: a straight line passes it on the outside, and the finger may fly around the rows in two steps."""

CLOSED = Course(
    rows_y_m=(0.12, 0.30, 0.48),
    obstacles_x_m=((0.0,), (-0.09, 0.09), (-0.125, 0.0, 0.125)),
    obstacle_radii_m=(0.055, 0.018, 0.018),
    gaps_x_m=((-0.13, 0.13), (-0.17, 0.0, 0.17), (-0.19, -0.065, 0.065, 0.19)),
    finish_y_m=0.58,
    half_width_m=0.24,
    back_y_m=-0.05,
    front_y_m=0.63,
    max_step_m=0.045,
)
"""Version 1: the first obstacle stands in the way of every straight line from a start to the finish line, and the
target moves 4.5 cm a step at most; the largest step of 2,000 demonstrations is 4.2 cm."""


def model_xml(course: Course) -> str:
    """The MJCF model: a finger on two slides, and a cylinder for each obstacle."""
    cylinders = "".join(
        f'<geom type="cylinder" size="{radius} 0.02" pos="{x} {y} 0"/>' for x, y, radius in course.obstacles()
    )
    return f"""
<mujoco model="avoid">
  <option timestep="{PHYSICS_DT_S}" gravity="0 0 0"/>
  <worldbody>
    {cylinders}
    <body name="finger">
      <joint name="x" type="slide" axis="1 0 0"/>
      <joint name="y" type="slide" axis="0 1 0"/>
      <geom name="finger" type="cylinder" size="{FINGER_RADIUS_M} 0.02" mass="1"/>
    </body>
  </worldbody>
  <actuator>
    <position joint="x" kp="400" kv="40"/>
    <position joint="y" kp="400" kv="40"/>
  </actuator>
</mujoco>"""
