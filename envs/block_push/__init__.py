"""Block push: push two blocks into two targets, in either order and pairing (registry entries; see task.py)."""

from dpbench.tasks import TaskEntry

MAX_EPISODE_STEPS = 350


def _entry(spec: str, obs_mode: str, action_mode: str) -> TaskEntry:
    return TaskEntry(
        spec=f"dpbench.envs.block_push.task:{spec}",
        env="dpbench.envs.block_push.env:BlockPushEnv",
        vector_env=None,
        max_episode_steps=MAX_EPISODE_STEPS,
        kwargs={"obs_mode": obs_mode, "action_mode": action_mode},
    )


TASKS = {
    "dpbench/BlockPush-v0": _entry("DELTA", "state", "delta"),
    "dpbench/BlockPushAbs-v0": _entry("POSITION", "state", "position"),
    "dpbench/BlockPushImage-v0": _entry("IMAGE", "image", "delta"),
}
