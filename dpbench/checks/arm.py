"""`check_arm`: is an arm ready for a policy?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym

from dpbench.arms.station import default_task_of, station_of
from dpbench.arms.station_checks import check_station
from dpbench.findings import Finding
from dpbench.tasks import find_task, load_task


def check_arm(
    driver: str = "sim", task: str | None = None, move: bool = False, **station: Mapping[str, Any] | str
) -> tuple[Finding, ...]:
    """Check a driver with its camera and limits, in real time, as `dpbench arm check` does.

    Args:
        driver: name of the arm's driver; `"sim"` is the simulated twin.
        task: id of an arm's task; by default one that fits the driver.
        move: the arm may move by 3 cm, which measures its execution latency and its emergency stop.
        station: what else the environment takes, such as `camera="opencv"` and `driver_options={"address": ...}`.

    Returns:
        One finding a check.

    Raises:
        ConfigError: for options that the task, the driver or the camera does not have.
    """
    task_id = find_task(task) if task is not None else default_task_of(driver)
    env = gym.make(task_id, real_time=True, max_episode_steps=-1, disable_env_checker=True, driver=driver, **station)
    try:
        return tuple(check_station(station_of(env), load_task(task_id).rate_hz, move))
    finally:
        env.close()
