"""Pictures of robosuite's scenes: equal to robosuite's own, or nearly so and fast; and what to do without OpenGL."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray

from dpbench.envs.robosuite_tasks import rendering
from dpbench.envs.robosuite_tasks.rendering import Cameras, choose_gl
from dpbench.errors import ConfigError, UnknownNameError

logging.getLogger("robosuite_logs").setLevel(logging.ERROR)
GL_BEFORE = os.environ.get("MUJOCO_GL")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    robosuite = pytest.importorskip("robosuite")
if GL_BEFORE is None:
    os.environ.pop("MUJOCO_GL", None)  # robosuite writes it

CAMERAS = ("agentview", "robot0_eye_in_hand")
SIDE_PX = 84
MODEL = """
<mujoco>
  <worldbody>
    <light pos="0 0 2"/>
    <camera name="top" pos="0 0 1"/>
    <geom type="plane" size="1 1 .1" rgba=".2 .4 .6 1" group="1"/>
    <body name="ball" pos=".1 .2 .1"><freejoint/><geom name="ball" size=".1" rgba="1 0 0 1" group="1"/></body>
  </worldbody>
</mujoco>
"""


@pytest.fixture(scope="module", autouse=True)
def _needs_gl() -> None:
    try:
        choose_gl()
        rendering._gl_context()
    except ConfigError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def lift() -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        env = robosuite.make(
            "Lift", robots="Panda", has_renderer=False, use_camera_obs=True, camera_names=list(CAMERAS),
            camera_heights=SIDE_PX, camera_widths=SIDE_PX, seed=0,
        )  # fmt: skip
        env.reset()
    yield env
    env.close()


@pytest.fixture
def ball() -> tuple[Any, Any]:
    model = mujoco.MjModel.from_xml_string(MODEL)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return model, data


def theirs(env: Any, camera: str) -> NDArray[np.uint8]:
    env.sim._render_context_offscreen.gl_ctx.make_current()  # robosuite takes it for granted
    picture: NDArray[np.uint8] = env.sim.render(SIDE_PX, SIDE_PX, camera_name=camera)[::-1]
    return picture


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MUJOCO_", "LP_", "PYOPENGL_"))}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("camera", CAMERAS)
def test_exact_pictures_equal_robosuites_to_the_bit(lift: Any, camera: str) -> None:
    model, data = lift.sim.model._model, lift.sim.data._data
    exact, fast = Cameras(model, exact=True), Cameras(model, exact=False)
    fast.picture(data, camera, SIDE_PX, SIDE_PX)  # another's buffer is bound in between
    np.testing.assert_array_equal(exact.picture(data, camera, SIDE_PX, SIDE_PX), theirs(lift, camera))


def test_exact_pictures_equal_those_that_robosuite_observes(lift: Any) -> None:
    lift.sim._render_context_offscreen.gl_ctx.make_current()
    seen = lift._get_observations(force_update=True)
    cameras = Cameras(lift.sim.model._model, exact=True)
    for camera in CAMERAS:
        ours = cameras.picture(lift.sim.data._data, camera, SIDE_PX, SIDE_PX)
        np.testing.assert_array_equal(ours, seen[f"{camera}_image"][::-1])


@pytest.mark.parametrize("camera", CAMERAS)
def test_fast_pictures_show_the_same_scene(lift: Any, camera: str) -> None:
    """Measured: 1.8 and 0.9 of 255 on average, and less than 3.2 % of the pixels beyond 16; another scene has 20."""
    model, data = lift.sim.model._model, lift.sim.data._data
    picture = Cameras(model, exact=False).picture(data, camera, SIDE_PX, SIDE_PX)
    difference = np.abs(picture.astype(int) - theirs(lift, camera))
    assert difference.mean() < 2.5
    assert np.mean(difference.max(axis=2) > 16) < 0.05


@pytest.mark.parametrize("exact", [True, False])
def test_the_cube_moves_in_the_picture_when_it_moves_in_the_state(lift: Any, exact: bool) -> None:
    model, data = lift.sim.model._model, mujoco.MjData(lift.sim.model._model)
    mujoco.mj_copyData(data, model, lift.sim.data._data)
    cameras = Cameras(model, exact)

    def place_of_red() -> NDArray[np.float64]:
        mujoco.mj_forward(model, data)
        red, green, _ = np.moveaxis(cameras.picture(data, "agentview", SIDE_PX, SIDE_PX).astype(int), 2, 0)
        rows, columns = np.nonzero(red > 2 * green)
        return np.array([rows.mean(), columns.mean()])

    cube = int(model.joint("cube_joint0").qposadr[0])
    data.qpos[cube : cube + 2] = 0.0, 0.0
    middle = place_of_red()
    data.qpos[cube] += 0.1  # towards the camera: down in an upright picture
    nearer = place_of_red()
    data.qpos[cube + 1] += 0.1  # to the robot's left: right for the camera, which looks at the robot
    aside = place_of_red()
    assert nearer[0] > middle[0] + 5
    assert aside[1] > nearer[1] + 5


@pytest.mark.parametrize("exact", [True, False])
def test_same_state_same_bytes(lift: Any, exact: bool) -> None:
    model, data = lift.sim.model._model, lift.sim.data._data
    cameras = Cameras(model, exact)
    first = cameras.picture(data, "agentview", SIDE_PX, SIDE_PX)
    cameras.picture(data, "robot0_eye_in_hand", 100, 60)
    np.testing.assert_array_equal(cameras.picture(data, "agentview", SIDE_PX, SIDE_PX), first)
    cameras.close()
    np.testing.assert_array_equal(Cameras(model, exact).picture(data, "agentview", SIDE_PX, SIDE_PX), first)


@pytest.mark.parametrize("exact", [True, False])
def test_pictures_grow_beyond_the_models_buffer(ball: tuple[Any, Any], exact: bool) -> None:
    model, data = ball
    cameras = Cameras(model, exact)
    small = cameras.picture(data, "top", 80, 90)
    assert cameras.picture(data, "top", 700, 800).shape == (700, 800, 3)
    np.testing.assert_array_equal(cameras.picture(data, "top", 80, 90), small)


def test_equal_models_share_and_the_last_one_frees(ball: tuple[Any, Any]) -> None:
    model, data = ball
    larger = mujoco.MjModel.from_xml_string(MODEL.replace('size=".1"', 'size=".2"'))
    before = len(rendering.DRAWINGS)
    cameras = [Cameras(other, exact=False) for other in (model, model, larger)]
    assert len(rendering.DRAWINGS) == before + 1
    red = [(one.picture(data, "top", 84, 84)[..., 0] > 150).sum() for one in cameras]
    assert red[0] == red[1] < red[2]
    for one in cameras:
        one.close()
    assert len(rendering.DRAWINGS) == before
    with pytest.raises(ConfigError, match="closed"):
        cameras[0].picture(data, "top", 84, 84)


def test_an_unknown_camera_names_the_known_ones(ball: tuple[Any, Any]) -> None:
    with pytest.raises(UnknownNameError, match=r"'side'.*known are top"):
        Cameras(ball[0], exact=True).picture(ball[1], "side", 84, 84)


def test_a_geom_is_left_out_only_where_it_cannot_be_seen(ball: tuple[Any, Any]) -> None:
    """Also for a picture that is not square."""
    model, data = ball
    cameras = Cameras(model, exact=False)
    for x in np.linspace(0.6, 1.4, 17):
        data.qpos[:2] = x, 0.0
        mujoco.mj_forward(model, data)
        hidden = bool(rendering._outside(model, data, 0, 2.0)[model.geom("ball").id])
        picture = cameras.picture(data, "top", 40, 80)
        model.geom_rbound[:], rbound = 0.0, model.geom_rbound.copy()  # without a sphere nothing is left out
        whole = cameras.picture(data, "top", 40, 80)
        model.geom_rbound[:] = rbound
        np.testing.assert_array_equal(picture, whole)
    assert hidden


def test_a_child_draws_after_a_fork() -> None:
    code = f"""
import os, signal, mujoco
from dpbench.envs.robosuite_tasks.rendering import Cameras
model = mujoco.MjModel.from_xml_string({MODEL!r})
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
cameras = Cameras(model, exact=False)
picture = cameras.picture(data, "top", 84, 84)
if os.fork() == 0:
    signal.alarm(20)
    same = [one.picture(data, "top", 84, 84).tobytes() == picture.tobytes() for one in (cameras, Cameras(model, False))]
    os._exit(0 if all(same) else 1)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
"""
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert not done.stderr


CHOOSE = "from dpbench.envs.robosuite_tasks.rendering import choose_gl; print(choose_gl())"


def test_the_users_choice_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    monkeypatch.setattr(rendering, "_works", lambda backend: pytest.fail(f"tried {backend}"))
    assert choose_gl() == "osmesa"
    assert os.environ["MUJOCO_GL"] == "osmesa"


def test_a_wrong_choice_is_named() -> None:
    done = run(CHOOSE, MUJOCO_GL="garbage")
    assert "ConfigError: MUJOCO_GL=garbage: expected egl, osmesa" in done.stderr


def test_the_first_that_works_is_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(rendering, "CANDIDATES", ("egl", "osmesa"))
    monkeypatch.setattr(rendering, "_works", lambda backend: backend == "osmesa")
    assert choose_gl() == "osmesa"
    assert os.environ["MUJOCO_GL"] == "osmesa"


def test_without_opengl_one_sentence_says_what_to_install() -> None:
    """EGL has no device 99, and PyOpenGL is kept from OSMesa; so where neither is installed."""
    done = run(CHOOSE, MUJOCO_EGL_DEVICE_ID="99", PYOPENGL_PLATFORM="egl")
    assert "ConfigError: no OpenGL for images: tried egl and osmesa; `apt-get install" in done.stderr


def test_a_choice_that_does_not_work_is_named() -> None:
    code = "import dpbench.envs.robosuite_tasks.rendering as rendering; rendering._gl_context()"
    done = run(code, MUJOCO_GL="egl", MUJOCO_EGL_DEVICE_ID="99")
    assert "ConfigError: MUJOCO_GL=egl does not work here" in done.stderr
