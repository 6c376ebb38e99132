"""Push-T: push a T-shaped block onto its goal pose with a round finger (registry entries; see task.py)."""

from dpbench.tasks import TaskEntry

MAX_EPISODE_STEPS = 300


def _entry(spec: str, obs_mode: str) -> TaskEntry:
    return TaskEntry(
        spec=f"dpbench.envs.pusht.task:{spec}",
        env="dpbench.envs.pusht.env:PushTEnv",
        vector_env="dpbench.envs.pusht.vector_env:PushTVectorEnv",
        max_episode_steps=MAX_EPISODE_STEPS,
        kwargs={"obs_mode": obs_mode},
    )


TASKS = {
    "dpbench/PushT-v0": _entry("STATE", "state"),
    "dpbench/PushTKeypoints-v0": _entry("KEYPOINTS", "keypoints"),
    "dpbench/PushTImage-v0": _entry("IMAGE", "image"),
}
