"""A robot arm as a task, its drivers and its cameras (strings only)."""

from dpbench.tasks import TaskEntry

MAX_EPISODE_STEPS = 300
"""30 s, twice the maximum that the scripted demonstrator needs."""

DRIVERS = {
    "sim": "dpbench.envs.real_arm.drivers.sim:SimServo",
    "ur-rtde": "dpbench.envs.real_arm.drivers.ur_rtde:UrRtdeServo",
    "lerobot": "dpbench.envs.real_arm.drivers.lerobot:LeRobotServo",
    "ufactory": "dpbench.envs.real_arm.drivers.ufactory:UfactoryServo",
    "franka": "dpbench.envs.real_arm.drivers.franka:FrankaServo",
}
"""Name -> class of a `dpbench.arms.control.servo.Servo`, which takes keyword arguments with plain values."""
CAMERAS = {
    "sim": "dpbench.envs.real_arm.cameras.sim:SimCamera",
    "opencv": "dpbench.envs.real_arm.cameras.opencv:OpenCvCamera",
    "realsense": "dpbench.envs.real_arm.cameras.realsense:RealSenseCamera",
}
"""Name -> class of a `dpbench.arms.driver.Camera`."""


def _entry(spec: str, obs_mode: str, action_kind: str = "position", default_for: tuple[str, ...] = ()) -> TaskEntry:
    return TaskEntry(
        spec=f"dpbench.envs.real_arm.task:{spec}",
        env="dpbench.envs.real_arm.env:RealArmEnv",
        vector_env=None,
        max_episode_steps=MAX_EPISODE_STEPS,
        kwargs={"obs_mode": obs_mode, "action_kind": action_kind},
        default_for=default_for,
    )


TASKS = {
    "dpbench/RealArm-v0": _entry("STATE", "state", default_for=("simulated arm",)),
    "dpbench/RealArmImage-v0": _entry("IMAGE", "image", default_for=("physical arm",)),
    "dpbench/RealArmVelocity-v0": _entry("VELOCITY_STATE", "state", "velocity"),
    "dpbench/RealArmVelocityImage-v0": _entry("VELOCITY_IMAGE", "image", "velocity"),
}
