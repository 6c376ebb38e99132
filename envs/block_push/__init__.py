"""Block push: push two blocks into two targets, in either order and pairing (registry entries; see task.py)."""

from dpbench.tasks import TaskEntry

MAX_EPISODE_STEPS = 350


def _entry(obs_mode: str, action_mode: str, arm: str) -> TaskEntry:
    return TaskEntry(
        spec="dpbench.envs.block_push.task:TASKS",
        env="dpbench.envs.block_push.env:BlockPushEnv",
        vector_env=None,
        max_episode_steps=MAX_EPISODE_STEPS,
        kwargs={"obs_mode": obs_mode, "action_mode": action_mode, "arm": arm},
    )


TASKS = {
    "dpbench/BlockPush-v1": _entry("state", "delta", "tabletop"),
    "dpbench/BlockPushAbs-v1": _entry("state", "position", "tabletop"),
    "dpbench/BlockPushImage-v1": _entry("image", "delta", "tabletop"),
    "dpbench/BlockPush-v0": _entry("state", "delta", "jumping"),
    "dpbench/BlockPushAbs-v0": _entry("state", "position", "jumping"),
    "dpbench/BlockPushImage-v0": _entry("image", "delta", "jumping"),
}
