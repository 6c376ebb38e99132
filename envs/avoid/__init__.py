"""Avoid: pass three rows of obstacles to a finish line, in one of 24 equally valid ways (see task.py)."""

from dpbench.tasks import TaskEntry

MAX_EPISODE_STEPS = 100


def _entry(spec: str, obs_mode: str) -> TaskEntry:
    return TaskEntry(
        spec=f"dpbench.envs.avoid.task:{spec}",
        env="dpbench.envs.avoid.env:AvoidEnv",
        vector_env=None,
        max_episode_steps=MAX_EPISODE_STEPS,
        kwargs={"obs_mode": obs_mode},
    )


TASKS = {"dpbench/Avoid-v0": _entry("STATE", "state"), "dpbench/AvoidImage-v0": _entry("IMAGE", "image")}
