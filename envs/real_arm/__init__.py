"""A physical arm as a task, its drivers and cameras (strings only)."""

DRIVERS = {
    "sim": "dpbench.envs.real_arm.drivers.sim:SimServo",
    "ur-rtde": "dpbench.envs.real_arm.drivers.ur_rtde:UrRtdeServo",
    "lerobot": "dpbench.envs.real_arm.drivers.lerobot:LeRobotServo",
    "ufactory": "dpbench.envs.real_arm.drivers.ufactory:UfactoryServo",
    "franka": "dpbench.envs.real_arm.drivers.franka:FrankaServo",
}
"""Name -> class of a `dpbench.arms.loop.Servo`; its arguments are keywords with plain values."""
CAMERAS = {
    "sim": "dpbench.envs.real_arm.cameras.sim:SimCamera",
    "opencv": "dpbench.envs.real_arm.cameras.opencv:OpenCvCamera",
    "realsense": "dpbench.envs.real_arm.cameras.realsense:RealSenseCamera",
}
"""Name -> class of a `dpbench.arms.driver.Camera`."""
