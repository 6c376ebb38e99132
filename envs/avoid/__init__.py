"""Avoid: pass three rows of obstacles to a finish line, in one of 24 equally valid ways (see task.py)."""

from dpbench.tasks import TaskEntry

MAX_EPISODE_STEPS = 100


def _entry(obs_mode: str, course: str) -> TaskEntry:
    return TaskEntry(
        spec="dpbench.envs.avoid.task:TASKS",
        env="dpbench.envs.avoid.env:AvoidEnv",
        vector_env=None,
        max_episode_steps=MAX_EPISODE_STEPS,
        kwargs={"obs_mode": obs_mode, "course": course},
    )


TASKS = {
    "dpbench/Avoid-v1": _entry("state", "closed"),
    "dpbench/AvoidImage-v1": _entry("image", "closed"),
    "dpbench/Avoid-v0": _entry("state", "open"),
    "dpbench/AvoidImage-v0": _entry("image", "open"),
}
