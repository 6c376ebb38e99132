"""The obstacle course: positions in metres, and its MuJoCo model.

The design is that of D3IL's avoiding task (Jia et al. 2024, arXiv 2402.14606): three staggered rows with one, two and
three obstacles, so that 2 x 3 x 4 = 24 ways lead to the finish line. Positions and sizes are ours. x points to the
right and y ahead. The finger moves in the plane, driven by a critically damped position servo of 20 rad/s.
"""

from __future__ import annotations

ROWS_Y_M = (0.10, 0.22, 0.34)
OBSTACLES_X_M = ((0.0,), (-0.08, 0.08), (-0.16, 0.0, 0.16))
GAPS_X_M = ((-0.07, 0.07), (-0.16, 0.0, 0.16), (-0.24, -0.08, 0.08, 0.24))
"""Middle of each gap, row by row, from left to right."""
FINISH_Y_M = 0.42
HALF_WIDTH_M = 0.32
BACK_Y_M, FRONT_Y_M = -0.05, 0.47
"""The workspace; targets outside are clipped to it."""
OBSTACLE_RADIUS_M, FINGER_RADIUS_M = 0.018, 0.01
PHYSICS_DT_S, SUBSTEPS = 0.02, 5
START_STD_M = 0.004


def obstacles() -> tuple[tuple[float, float], ...]:
    """x, y of every obstacle, m."""
    return tuple((x, y) for y, row in zip(ROWS_Y_M, OBSTACLES_X_M, strict=True) for x in row)


def model_xml() -> str:
    """The MJCF model: a finger on two slides, and a cylinder for each obstacle."""
    cylinders = "".join(
        f'<geom type="cylinder" size="{OBSTACLE_RADIUS_M} 0.02" pos="{x} {y} 0"/>' for x, y in obstacles()
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
