"""The task: reach and push, on the digital twin or on a table (numpy only, no simulator)."""

from __future__ import annotations

from dpbench.arms.control.safety import Limits
from dpbench.policies.demonstrator import ScriptedDemonstrator
from dpbench.spec import ActionSpec, ArraySpec, EvaluationStarts, TaskSpec

from . import MAX_EPISODE_STEPS
from .scene import WORKSPACE_HIGH_M, WORKSPACE_LOW_M
from .yardsticks import YARDSTICKS

RATE_HZ = 10.0
"""Rate of the policy. Source: `eval_real_robot.py` in real-stanford/diffusion_policy, commit 5ba07ac."""
IMAGE_PX = 96
CAMERA = "top"
LIMITS = Limits(WORKSPACE_LOW_M, WORKSPACE_HIGH_M, gripper_m=0.0)
"""Of the twin, and of an arm whose station file does not change them."""
_SIXD = tuple(f"r{row}{column}" for row in range(2) for column in range(3))
_TURN = tuple(range(3, 9))
"""Indices of the six numbers of a rotation, in `agent_pos` and in a position action."""

ACTION = ActionSpec(
    names=("x", "y", "z", *_SIXD, "gripper width"),
    low=(*WORKSPACE_LOW_M, *(-1.0,) * 6, 0.0),
    high=(*WORKSPACE_HIGH_M, *(1.0,) * 6, 0.2),
    unit="m, two rows of a rotation matrix, m",
    kind="position",
    frame="the arm's base, z up; the tool",
    rotation="6-D",
    gripper=9,
    unscaled=_TURN,
)
_MOST = (*(LIMITS.speed_m_s,) * 3, *(LIMITS.turn_rad_s,) * 3)
VELOCITY_ACTION = ActionSpec(
    names=("vx", "vy", "vz", "wx", "wy", "wz", "gripper width"),
    low=(*(-value for value in _MOST), 0.0),
    high=(*_MOST, 0.2),
    unit="m/s, rad/s, m",
    kind="velocity",
    frame="the arm's base, z up",
    rotation="angular velocity",
    gripper=6,
)
AGENT_POS = ArraySpec(
    (10,), "float32", -2.0, 2.0, "m, two rows of a rotation matrix, m",
    ("tool x", "tool y", "tool z", *(f"tool {name}" for name in _SIXD), "gripper width"), _TURN,
)  # fmt: skip
"""Not a quaternion: for an upright tool its sign flips from one tick to the next."""
ENVIRONMENT_STATE = ArraySpec(
    (5,), "float32", -10.0, 10.0, "m, rad", ("block x", "block y", "block yaw", "target x", "target y")
)
PIXELS = ArraySpec((IMAGE_PX, IMAGE_PX, 3), "uint8", 0.0, 255.0, "8-bit RGB")


def _task(name: str, key: str, spec: ArraySpec, action: ActionSpec) -> TaskSpec:
    floor, ceiling = YARDSTICKS[name.replace("Image", "")]
    return TaskSpec(
        id=f"dpbench/{name}",
        family="Real arm",
        observations={"agent_pos": AGENT_POS, key: spec},
        action=action,
        rate_hz=RATE_HZ,
        max_episode_steps=MAX_EPISODE_STEPS,
        success="the block's centre is within 4 cm of the target's (on the table: a person says so)",
        score="progress",
        reward_range=(0.0, 1.0),
        packages=("mujoco",) if key == "environment_state" else ("mujoco", "opencv-python-headless"),
        evaluation=(EvaluationStarts("seeds-100000", 100_000, 50, source="ours, on the twin"),),
        floor=floor,
        ceiling=ceiling,
        store_arrays={"agent_pos": "agent_pos", key: key, "action": "action"},
        parts={ScriptedDemonstrator: "dpbench.envs.real_arm.demonstrator:scripted"}
        if key == "environment_state"
        else {},
    )


STATE = _task("RealArm-v0", "environment_state", ENVIRONMENT_STATE, ACTION)
IMAGE = _task("RealArmImage-v0", f"pixels.{CAMERA}", PIXELS, ACTION)
VELOCITY_STATE = _task("RealArmVelocity-v0", "environment_state", ENVIRONMENT_STATE, VELOCITY_ACTION)
VELOCITY_IMAGE = _task("RealArmVelocityImage-v0", f"pixels.{CAMERA}", PIXELS, VELOCITY_ACTION)
