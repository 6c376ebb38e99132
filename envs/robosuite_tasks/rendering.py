"""Images of robosuite's scenes with MuJoCo's renderer: equal to robosuite's bit for bit, or close to them and faster.

Without a graphics card, robosuite takes about 50 ms for an image of 84x84 px (Mesa's llvmpipe, one thread). It draws
180,000 triangles, most of them smaller than a pixel, all of them again for every mirror, with four samples per pixel.
Shadows, sky and the size of the frame buffer cost next to nothing. The fast images therefore have

* no mirror images: 2.5 times as fast,
* nothing outside the view, and simplified meshes with a quarter of the triangles: 2 to 4 times as fast,
* twice the rows and columns, averaged, instead of four samples: 1.5 to 2 times as fast, with edges as smooth.

They differ from robosuite's by 1 to 6 of 255 on average, at edges and in the wood grain. Environments with equal models
share meshes, textures and buffers. All of a process draw in one GL context, and so in one thread.
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

# MuJoCo is imported where it is used: with an invalid MUJOCO_GL its import fails, and `choose_gl` explains it better.
if TYPE_CHECKING:
    import mujoco

CELLS = 32
"""Cells along the longest side of a mesh; vertices in the same cell are merged."""
SUPERSAMPLED_PX = 160
"""Images up to this side length are supersampled; larger ones would take four times as long."""
MAX_GEOMS = 1000
"""Capacity of a scene; robosuite's tasks use about 100."""
MODULES = {"egl": "egl", "osmesa": "osmesa", "glfw": "glfw", "glx": "glfw", "wgl": "glfw", "cgl": "cgl"}
"""MUJOCO_GL -> module of MuJoCo with its `GLContext`."""
COPIED = (
    "tex_type", "tex_width", "tex_height", "tex_data", "hfield_data", "mesh_vert", "mesh_normal", "mesh_texcoord",
    "mesh_faceadr", "mesh_face", "mesh_facenormal", "mesh_facetexcoord",
)  # fmt: skip
"""Arrays of a model that are copied to OpenGL."""
CANDIDATES = {"darwin": ("cgl",), "win32": ("wgl",)}.get(sys.platform, ("egl", "osmesa"))
INSTALL = (
    "`apt-get install libegl1 libopengl0 libgl1-mesa-dri` installs EGL without a graphics card; `libosmesa6` OSMesa"
)


def choose_gl() -> str:
    """The OpenGL backend: that of MUJOCO_GL, else EGL, else OSMesa; MUJOCO_GL is set to it.

    Called for the first image. robosuite's import overwrites MUJOCO_GL with `egl`: the module that imports robosuite
    restores the user's value, or OSMesa would never be tried.
    Mesa gets no threads unless LP_NUM_THREADS is set. At this image size they do not help, and they do not survive a
    fork, so that the first image of a child process would never be finished.

    Raises:
        ConfigError: for an unknown MUJOCO_GL, or if it is unset and no backend works.
    """
    os.environ.setdefault("LP_NUM_THREADS", "0")
    if chosen := os.environ.get("MUJOCO_GL", "").lower().strip():
        if chosen not in MODULES:
            raise ConfigError(
                f"MUJOCO_GL={chosen}: expected {', '.join(MODULES)}, or unset, which tries EGL and OSMesa."
            )
        return chosen
    for candidate in CANDIDATES:
        if _works(candidate):
            os.environ["MUJOCO_GL"] = candidate
            return candidate
    raise ConfigError(f"no OpenGL for images: tried {' and '.join(CANDIDATES)}; {INSTALL}.")


class Cameras:
    """The cameras of a model.

    Args:
        model: of a robosuite task. Sizes, positions and colours may change later; meshes and textures may not.
        exact: images equal to robosuite's, bit for bit, instead of the fast ones.

    Raises:
        ConfigError: if OpenGL does not work.
    """

    def __init__(self, model: mujoco.MjModel, exact: bool) -> None:
        self._model = model
        key = (exact, _looks(model))
        self._drawing: _Drawing | None = DRAWINGS.get(key) or _Drawing(model, exact)
        DRAWINGS[key] = self._drawing

    def picture(self, data: mujoco.MjData, camera: str, height: int, width: int) -> NDArray[np.uint8]:
        """The camera's image, `(height, width, 3)` RGB, upright (robosuite's own is upside down).

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
            raise ConfigError("these cameras are closed; make new ones.")
        return self._drawing.picture(self._model, data, camera, height, width)

    def close(self) -> None:
        """Release the shared meshes, textures and buffers; they are freed with their last user."""
        self._drawing = None


class _Drawing:
    """What equal models share. The model is an argument of every image: sizes and colours are read from it."""

    def __init__(self, model: mujoco.MjModel, exact: bool) -> None:
        import mujoco

        self._exact = exact
        model = model if exact else _simplified(model)
        self._scene = mujoco.MjvScene(model, maxgeom=MAX_GEOMS)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = exact
        self._option, self._perturbation = mujoco.MjvOption(), mujoco.MjvPerturb()
        self._option.geomgroup[0] = 0  # collision shapes, which robosuite hides
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        _gl_context().make_current()
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50)
        weakref.finalize(self, _free, self._context).atexit = False  # EGL may have been shut down before

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
                    geom.type = mujoco.mjtGeom.mjGEOM_LABEL  # draws only its text, which is empty
        context, viewport = self._context, mujoco.MjrRect(0, 0, scale * width, scale * height)
        _gl_context().make_current()
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, context)  # another drawing's buffer may be bound
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
"""The drawings in use in this process."""


def _works(backend: str) -> bool:
    """Whether a context can be created; tried in a new process, because PyOpenGL keeps its first choice."""
    code = f"import {__name__} as rendering; rendering._make_gl_context({backend!r})"
    environment = {**os.environ, "MUJOCO_GL": backend}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)
    return done.returncode == 0


def _make_gl_context(backend: str) -> Any:
    try:
        import mujoco

        context = importlib.import_module(f"mujoco.{MODULES[backend]}").GLContext(8, 8)  # with an invisible window
        context.make_current()
        mujoco.MjrContext(mujoco.MjModel.from_xml_string("<mujoco/>"), mujoco.mjtFontScale.mjFONTSCALE_50).free()
    except Exception as error:  # PyOpenGL has no exception of its own for a missing library
        raise ConfigError(f"MUJOCO_GL={backend} does not work here ({error}); {INSTALL}.") from error
    # Never freed: at exit EGL may be shut down first, and freeing it would then print a traceback.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(context))
    return context


@functools.cache
def _gl_context() -> Any:
    """The GL context of this process."""
    return _make_gl_context(choose_gl())


def _free(context: Any) -> None:
    _gl_context().make_current()
    context.free()


def _looks(model: mujoco.MjModel) -> bytes:
    """A digest of what is copied to OpenGL; the rest of the model is read for every image."""
    digest = hashlib.sha1(usedforsecurity=False)
    for name in COPIED:
        digest.update(getattr(model, name).tobytes())
    digest.update(repr((model.vis.quality, model.vis.map, model.vis.global_)).encode())
    return digest.digest()


def _simplified(model: mujoco.MjModel) -> mujoco.MjModel:
    """A copy with one sample per pixel, near vertices of a mesh merged, and triangles without area removed."""
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
        if len(rows) == 0:  # MuJoCo rejects empty meshes
            continue
        end = start + len(rows)
        model.mesh_face[start:end] = faces[rows]
        for corners in (model.mesh_facenormal, model.mesh_facetexcoord):
            corners[start:end] = corners[start + rows]
        model.mesh_facenum[mesh] = len(rows)
    return model


def _outside(model: mujoco.MjModel, data: mujoco.MjData, camera: int, aspect: float) -> NDArray[np.bool_]:
    """Geoms `(G,)` whose bounding sphere is behind the camera or outside its view."""
    centres = (data.geom_xpos - data.cam_xpos[camera]) @ data.cam_xmat[camera].reshape(3, 3)
    right, up, depth = np.abs(centres[:, 0]), np.abs(centres[:, 1]), -centres[:, 2]
    radius = model.geom_rbound
    tangent = np.tan(np.radians(model.cam_fovy[camera]) / 2)
    outside = depth < -radius
    for offset, slope in ((up, tangent), (right, aspect * tangent)):
        outside |= (offset - slope * depth) / np.hypot(1.0, slope) > radius  # distance to the view's border
    result: NDArray[np.bool_] = outside & (radius > 0)  # a plane has no sphere
    return result
