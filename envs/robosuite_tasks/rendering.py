"""Pictures of robosuite's scenes with MuJoCo's renderer: robosuite's own to the bit, or the same scene much faster.

Where no graphics card draws, robosuite's picture of 84x84 px costs about 50 ms (measured with Mesa's llvmpipe, one
thread): 180,000 triangles, most smaller than a pixel; all of them again for every mirror; and four samples a pixel.
Shadows, sky and the size of the frame buffer cost nothing. The fast pictures therefore have

* no mirror images: 2.5 times as fast,
* nothing that lies outside the view, and simplified meshes (a quarter of the triangles): 2 to 4 times,
* twice the rows and columns, averaged, in place of four samples: edges as smooth, 1.5 to 2 times.

They differ from robosuite's by 1 to 6 of 255 on average, at edges and in the wood's grain. All environments of a
process with equal models share meshes, textures and buffers, and all draw in one GL context, so in one thread.
"""

from __future__ import annotations

import copy
import ctypes
import functools
import hashlib
import importlib
import os
import subprocess
import sys
import weakref
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dpbench.errors import ConfigError, UnknownNameError

# MuJoCo is imported where it is used: with a wrong MUJOCO_GL its import fails, and `choose_gl` is to say so first.
if TYPE_CHECKING:
    import mujoco

CELLS = 32
"""Vertices of a mesh in the same of so many cells along its longest side become one."""
SUPERSAMPLED_PX = 160
"""Pictures up to this side are drawn with twice the rows and columns; larger ones would cost four times as much."""
MAX_GEOMS = 1000
"""Places in a scene; robosuite's tasks fill about 100."""
MODULES = {"egl": "egl", "osmesa": "osmesa", "glfw": "glfw", "glx": "glfw", "wgl": "glfw", "cgl": "cgl"}
"""MUJOCO_GL -> part of MuJoCo with its `GLContext`."""
COPIED = (
    "tex_type", "tex_width", "tex_height", "tex_data", "hfield_data", "mesh_vert", "mesh_normal", "mesh_texcoord",
    "mesh_faceadr", "mesh_face", "mesh_facenormal", "mesh_facetexcoord",
)  # fmt: skip
"""Arrays of a model that go to the GL side."""
CANDIDATES = {"darwin": ("cgl",), "win32": ("wgl",)}.get(sys.platform, ("egl", "osmesa"))
INSTALL = "`apt-get install libegl1 libopengl0 libgl1-mesa-dri` brings EGL without a graphics card, `libosmesa6` OSMesa"


def choose_gl() -> str:
    """The name of the way to OpenGL, written to MUJOCO_GL where the user has not: EGL, or else OSMesa.

    The first picture calls it. robosuite's import writes `egl` over whatever stands there: whoever imports robosuite
    first must put the user's value back, or OSMesa is never tried.
    Mesa gets no threads of its own unless LP_NUM_THREADS says so: at this size they bring nothing, and they do not
    survive a fork, so that a child's first picture would wait for ever.

    Raises:
        ConfigError: for an unknown MUJOCO_GL, or where it is unset and nothing works.
    """
    os.environ.setdefault("LP_NUM_THREADS", "0")
    if chosen := os.environ.get("MUJOCO_GL", "").lower().strip():
        if chosen not in MODULES:
            raise ConfigError(f"MUJOCO_GL={chosen}: expected {', '.join(MODULES)}; unset, it is found by trying.")
        return chosen
    for candidate in CANDIDATES:
        if _works(candidate):
            os.environ["MUJOCO_GL"] = candidate
            return candidate
    raise ConfigError(f"No OpenGL for pictures: tried {' and '.join(CANDIDATES)}; {INSTALL}.")


class Cameras:
    """The cameras of a model.

    Args:
        model: of a robosuite task. Sizes, places and colours may change later, meshes and textures not.
        exact: robosuite's pictures to the bit, instead of the fast ones.

    Raises:
        ConfigError: where OpenGL does not work.
    """

    def __init__(self, model: mujoco.MjModel, exact: bool) -> None:
        self._model = model
        key = (exact, _looks(model))
        self._drawing: _Drawing | None = DRAWINGS.get(key) or _Drawing(model, exact)
        DRAWINGS[key] = self._drawing

    def picture(self, data: mujoco.MjData, camera: str, height: int, width: int) -> NDArray[np.uint8]:
        """What the camera sees, `(height, width, 3)` RGB, upright (robosuite's own rows run upwards).

        Args:
            data: after `mj_forward`.
            camera: its name in the model.
            height: px.
            width: px.

        Raises:
            UnknownNameError: if the model has no such camera.
            ConfigError: after `close`.
        """
        if self._drawing is None:
            raise ConfigError("These cameras are closed; make new ones.")
        return self._drawing.picture(self._model, data, camera, height, width)

    def close(self) -> None:
        """Let go of the shared meshes, textures and buffers; the last to do so frees them."""
        self._drawing = None


class _Drawing:
    """What equal models share. The model is an argument of every picture: sizes and colours are read from it."""

    def __init__(self, model: mujoco.MjModel, exact: bool) -> None:
        import mujoco

        self._exact = exact
        model = model if exact else _simplified(model)
        self._scene = mujoco.MjvScene(model, maxgeom=MAX_GEOMS)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = exact
        self._option, self._perturbation = mujoco.MjvOption(), mujoco.MjvPerturb()
        self._option.geomgroup[0] = 0  # shapes for collisions, which robosuite does not show
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        _gl_context().make_current()
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50)
        weakref.finalize(self, _free, self._context).atexit = False  # EGL may have ended before

    def picture(
        self, model: mujoco.MjModel, data: mujoco.MjData, camera: str, height: int, width: int
    ) -> NDArray[np.uint8]:
        import mujoco

        number = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, camera)
        if number < 0:
            known = ", ".join(model.camera(other).name for other in range(model.ncam))
            raise UnknownNameError(f"camera {camera!r} is not in the model; known are {known}.")
        self._camera.fixedcamid = number
        every = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(model, data, self._option, self._perturbation, self._camera, every, self._scene)
        scale = 1 if self._exact or max(height, width) > SUPERSAMPLED_PX else 2
        if not self._exact:
            outside = _outside(model, data, number, width / height).tolist()
            for geom in self._scene.geoms[: self._scene.ngeom]:
                if geom.objtype == mujoco.mjtObj.mjOBJ_GEOM and outside[geom.objid]:
                    geom.type = mujoco.mjtGeom.mjGEOM_LABEL  # which draws nothing but its empty text
        context, viewport = self._context, mujoco.MjrRect(0, 0, scale * width, scale * height)
        _gl_context().make_current()
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, context)  # another drawing's may be bound
        if viewport.width > context.offWidth or viewport.height > context.offHeight:
            size = max(viewport.width, context.offWidth), max(viewport.height, context.offHeight)
            mujoco.mjr_resizeOffscreen(*size, context)
        pixels = np.empty((viewport.height, viewport.width, 3), dtype=np.uint8)
        mujoco.mjr_render(viewport, self._scene, context)
        mujoco.mjr_readPixels(pixels, None, viewport, context)
        if scale > 1:
            pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        return pixels[::-1].copy()


DRAWINGS: weakref.WeakValueDictionary[tuple[bool, bytes], _Drawing] = weakref.WeakValueDictionary()
"""Those in use in this process."""


def _works(backend: str) -> bool:
    """Whether a context can be made. In a process of its own, because PyOpenGL keeps its first choice for ever."""
    code = f"import {__name__} as rendering; rendering._make_gl_context({backend!r})"
    environment = {**os.environ, "MUJOCO_GL": backend}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)
    return done.returncode == 0


def _make_gl_context(backend: str) -> Any:
    try:
        import mujoco

        context = importlib.import_module(f"mujoco.{MODULES[backend]}").GLContext(
            8, 8
        )  # its own window, which nobody sees
        context.make_current()
        mujoco.MjrContext(mujoco.MjModel.from_xml_string("<mujoco/>"), mujoco.mjtFontScale.mjFONTSCALE_50).free()
    except Exception as error:  # PyOpenGL has no exception of its own for a missing library
        raise ConfigError(f"MUJOCO_GL={backend} does not work here ({error}); {INSTALL}.") from error
    # Never collected: at exit EGL may end before it, and its own end would then print a traceback.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(context))
    return context


@functools.cache
def _gl_context() -> Any:
    """The one of this process."""
    return _make_gl_context(choose_gl())


def _free(context: Any) -> None:
    _gl_context().make_current()
    context.free()


def _looks(model: mujoco.MjModel) -> bytes:
    """A digest of what is copied to the GL side: the rest of the model is read anew for every picture."""
    digest = hashlib.sha1(usedforsecurity=False)
    for name in COPIED:
        digest.update(getattr(model, name).tobytes())
    digest.update(repr((model.vis.quality, model.vis.map, model.vis.global_)).encode())
    return digest.digest()


def _simplified(model: mujoco.MjModel) -> mujoco.MjModel:
    """A copy with one sample a pixel, where near vertices of a mesh are one and triangles without area are gone."""
    model = copy.deepcopy(model)
    model.vis.quality.offsamples = 0
    for mesh in range(model.nmesh):
        start, n_faces = model.mesh_faceadr[mesh], model.mesh_facenum[mesh]
        first = model.mesh_vertadr[mesh]
        vertices = model.mesh_vert[first : first + model.mesh_vertnum[mesh]]
        low, cell = vertices.min(axis=0), np.ptp(vertices, axis=0).max() / CELLS
        cells = ((vertices - low) / max(cell, 1e-9)).astype(np.int64) @ ((CELLS + 1) ** np.arange(3))
        _, kept, place = np.unique(cells, return_index=True, return_inverse=True)
        faces = kept[place][model.mesh_face[start : start + n_faces]]  # (F, 3) numbers of vertices
        a, b, c = faces.T
        rows = np.flatnonzero((a != b) & (b != c) & (c != a))
        if len(rows) == 0:  # MuJoCo takes no empty mesh
            continue
        end = start + len(rows)
        model.mesh_face[start:end] = faces[rows]
        for corners in (model.mesh_facenormal, model.mesh_facetexcoord):
            corners[start:end] = corners[start + rows]
        model.mesh_facenum[mesh] = len(rows)
    return model


def _outside(model: mujoco.MjModel, data: mujoco.MjData, camera: int, aspect: float) -> NDArray[np.bool_]:
    """Geoms `(G,)` whose bounding sphere is behind the camera or beside its view."""
    centres = (data.geom_xpos - data.cam_xpos[camera]) @ data.cam_xmat[camera].reshape(3, 3)
    right, up, depth = np.abs(centres[:, 0]), np.abs(centres[:, 1]), -centres[:, 2]
    radius = model.geom_rbound
    tangent = np.tan(np.radians(model.cam_fovy[camera]) / 2)
    outside = depth < -radius
    for offset, slope in ((up, tangent), (right, aspect * tangent)):
        outside |= (offset - slope * depth) / np.hypot(1.0, slope) > radius  # distance to the view's border
    result: NDArray[np.bool_] = outside & (radius > 0)  # a plane has no sphere
    return result
