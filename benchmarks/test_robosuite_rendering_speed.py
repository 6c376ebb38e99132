"""Speed of rendering against robosuite's, in the same run: both cameras of a task, 84x84 px, without a graphics card.

Both render in one thread (`choose_gl`). LP_NUM_THREADS=2 in front of the command gives Mesa two threads for both.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from dpbench.envs.robosuite_tasks.rendering import Cameras, choose_gl
from dpbench.errors import ConfigError

logging.getLogger("robosuite_logs").setLevel(logging.ERROR)
try:
    choose_gl()  # before robosuite, which would write MUJOCO_GL itself
except ConfigError as error:
    pytest.skip(str(error), allow_module_level=True)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    robosuite = pytest.importorskip("robosuite")

TASKS = {"Lift": "Lift", "Can": "PickPlaceCan", "Square": "NutAssemblySquare"}
CAMERAS = ("agentview", "robot0_eye_in_hand")
SIDE_PX = 84


@pytest.fixture(scope="module", params=TASKS)
def scene(request: pytest.FixtureRequest) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        env = robosuite.make(
            TASKS[request.param], robots="Panda", has_renderer=False, use_camera_obs=True, camera_names=list(CAMERAS),
            camera_heights=SIDE_PX, camera_widths=SIDE_PX, seed=0,
        )  # fmt: skip
        env.reset()
    return request.param, env


def draw_theirs(env: Any) -> None:
    env.sim._render_context_offscreen.gl_ctx.make_current()
    for camera in CAMERAS:
        env.sim.render(SIDE_PX, SIDE_PX, camera_name=camera)


def draw_ours(cameras: Cameras, env: Any) -> None:
    for camera in CAMERAS:
        cameras.picture(env.sim.data._data, camera, SIDE_PX, SIDE_PX)


def test_robosuite(measure: Callable[..., None], scene: tuple[str, Any]) -> None:
    measure(f"robosuite {scene[0]}", draw_theirs, scene[1], rounds=15, warmup_rounds=2)


@pytest.mark.parametrize("kind", ["exact", "fast"])
def test_dpbench(measure: Callable[..., None], scene: tuple[str, Any], kind: str) -> None:
    cameras = Cameras(scene[1].sim.model._model, exact=kind == "exact")
    measure(f"{kind} {scene[0]}", draw_ours, cameras, scene[1], rounds=15, warmup_rounds=2)


@pytest.mark.parametrize("task", TASKS)
def test_ratio(median: Callable[[str], float], task: str) -> None:
    """What the README states."""
    theirs, exact, fast = (median(f"{kind} {task}") / len(CAMERAS) for kind in ("robosuite", "exact", "fast"))
    threads = os.environ["LP_NUM_THREADS"]
    print(
        f"\n{task}: {fast * 1e3:.1f} ms a picture against robosuite's {theirs * 1e3:.1f} ms, "
        f"{theirs / fast:.1f} times as fast ({exact * 1e3:.1f} ms exact; LP_NUM_THREADS={threads})"
    )
    assert theirs / fast >= 5
