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


NEAR = ("Lift",)
"""Scenes whose absolute goals are near the hand in version 1; those of version 0 may be anywhere in the workspace."""


def versions(scene: str, variant: str) -> tuple[int, ...]:
    """Versions of a task."""
    return (1, 0) if scene in NEAR and VARIANTS[variant][1] == "absolute" else (0,)


def _entry(scene: str, variant: str, version: int) -> TaskEntry:
    obs_mode, action_mode = VARIANTS[variant]
    return TaskEntry(
        spec="dpbench.envs.robosuite_tasks.task:SPECS",
        env="dpbench.envs.robosuite_tasks.env:RobosuiteEnv",
        vector_env=None,
        max_episode_steps=MAX_EPISODE_STEPS[scene],
        kwargs={"scene": scene, "obs_mode": obs_mode, "action_mode": action_mode, "near_goals": version == 1},
    )


TASKS = {
    f"dpbench/{scene}{variant}-v{version}": _entry(scene, variant, version)
    for scene in MAX_EPISODE_STEPS
    for variant in VARIANTS
    for version in versions(scene, variant)
}
