"""robosuite's Lift, Can, Square, ToolHang and Transport (registry rows; see task.py)."""

from dpbench.tasks import TaskEntry

MAX_EPISODE_STEPS = {"Lift": 400, "Can": 400, "Square": 400, "ToolHang": 700, "Transport": 700}
"""For demonstrations by one proficient operator: ARISE-Initiative/robomimic v0.2.0, `robomimic/__init__.py`."""
VARIANTS = {
    "": ("state", "delta"),
    "Abs": ("state", "absolute"),
    "Image": ("image", "delta"),
    "ImageAbs": ("image", "absolute"),
}
"""Suffix of a task's name -> observation mode and action mode."""


def _entry(scene: str, variant: str) -> TaskEntry:
    obs_mode, action_mode = VARIANTS[variant]
    return TaskEntry(
        spec="dpbench.envs.robosuite_tasks.task:SPECS",
        env="dpbench.envs.robosuite_tasks.env:RobosuiteEnv",
        vector_env=None,
        max_episode_steps=MAX_EPISODE_STEPS[scene],
        kwargs={"scene": scene, "obs_mode": obs_mode, "action_mode": action_mode},
    )


TASKS = {f"dpbench/{scene}{variant}-v0": _entry(scene, variant) for scene in MAX_EPISODE_STEPS for variant in VARIANTS}
