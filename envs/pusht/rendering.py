"""Images of Push-T, drawn with OpenCV as the published environment draws them with pygame.

Source: real-stanford/diffusion_policy (5ba07ac), `_render_frame` in `diffusion_policy/env/pusht/pusht_env.py` and its
`pymunk_override.py`: colours, order and line widths. A white 512 px window with light grey walls, the goal in light
green, the finger in royal blue, the block in slate grey with a darker outline. Smaller images are resized bilinearly,
so that they alias like the published ones.
"""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from .geometry import BAR, GOAL_POSE, STEM, corners
from .physics import AGENT_RADIUS_PX, WALL_RADIUS_PX, WALLS, State

SCENE_PX = 512
WHITE = (255, 255, 255)
LIGHT_GRAY = (211, 211, 211)
LIGHT_GREEN = (144, 238, 144)
ROYAL_BLUE = (65, 105, 225)
SLATE_GRAY = (119, 136, 153)
RED = (255, 0, 0)
OUTLINE_PX = 4
RIM_PX = 4


def draw(state: State, size_px: int, action: tuple[float, float] | None = None) -> NDArray[np.uint8]:
    """The scene, `(size, size, 3)` RGB.

    Args:
        state: agent x, y, block x, y (px), block angle (rad).
        size_px: side length of the image.
        action: target to mark with a red cross, px.
    """
    scene = _background().copy()
    agent_x, agent_y, x, y, angle = state
    _agent(scene, agent_x, agent_y)
    for part in (BAR, STEM):
        _part(scene, corners(x, y, angle, part))
    picture = scene if size_px == SCENE_PX else cv2.resize(scene, (size_px, size_px))
    if action is not None:
        centre = (int(action[0] / SCENE_PX * size_px), int(action[1] / SCENE_PX * size_px))
        cv2.drawMarker(picture, centre, RED, cv2.MARKER_CROSS, max(3, size_px * 8 // 96), max(1, size_px // 96))
    return np.asarray(picture, dtype=np.uint8)


@cache
def _background() -> NDArray[np.uint8]:
    scene = np.full((SCENE_PX, SCENE_PX, 3), WHITE, dtype=np.uint8)
    for part in (BAR, STEM):
        _fill(scene, np.rint(corners(*GOAL_POSE, part)).astype(np.int32), LIGHT_GREEN)
    for start, end in WALLS:
        for quad in np.array(_thick_line(start, end), dtype=np.int32):
            _fill(scene, quad, LIGHT_GRAY)
        for point in (start, end):
            _joint(scene, point, LIGHT_GRAY)
    scene.setflags(write=False)
    return scene


def _part(scene: NDArray[np.uint8], points: list[tuple[float, float]]) -> None:
    whole = [(round(x), round(y)) for x, y in points]
    edges = list(zip(whole, [*whole[1:], whole[0]], strict=True))
    quads = np.array([whole, *(quad for edge in edges for quad in _thick_line(*edge))], dtype=np.int32)
    _fill(scene, quads[0], _light(SLATE_GRAY))
    for quad in quads[1:]:
        _fill(scene, quad, SLATE_GRAY)
    for point in whole:
        _joint(scene, point, SLATE_GRAY)


def _fill(scene: NDArray[np.uint8], points: NDArray[np.int32], colour: tuple[int, int, int]) -> None:
    cv2.fillConvexPoly(scene, points, colour)


def _thick_line(start: tuple[int, int], end: tuple[int, int]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """A thick line as the published draw options draw it: two quadrilaterals.

    The first is a band along the steeper axis, from one pixel before the line to two after it. The second is offset by
    the absolute value of the normal, which makes only half of all directions wider.
    """
    (x0, y0), (x1, y1) = start, end
    dx, dy = abs(x1 - x0), abs(y1 - y0)
    before, after = (OUTLINE_PX - 1) // 2, OUTLINE_PX // 2
    if dx > dy:
        band = [(x0, y0 - before), (x1, y1 - before), (x1, y1 + after), (x0, y0 + after)]
    else:
        band = [(x0 - before, y0), (x1 - before, y1), (x1 + after, y1), (x0 + after, y0)]
    scale = WALL_RADIUS_PX / max(1.0, math.hypot(dx, dy))
    nx, ny = round(dy * scale), round(dx * scale)
    return band, [(x0 - nx, y0 - ny), (x0 + nx, y0 + ny), (x1 + nx, y1 + ny), (x1 - nx, y1 - ny)]


def _joint(scene: NDArray[np.uint8], centre: tuple[int, int], colour: tuple[int, int, int]) -> None:
    """A disc of radius 2 as pygame draws it: four pixels wide, without corners."""
    x, y = centre
    scene[max(0, y - 2) : max(0, y + 2), max(0, x - 1) : max(0, x + 1)] = colour
    scene[max(0, y - 1) : max(0, y + 1), max(0, x - 2) : max(0, x + 2)] = colour


def _agent(scene: NDArray[np.uint8], x: float, y: float) -> None:
    disc, mask = _agent_disc()
    size = len(disc) // 2
    left, top = round(x) - size, round(y) - size
    first_x, first_y = max(0, -left), max(0, -top)
    region = scene[max(0, top) : max(0, top + 2 * size), max(0, left) : max(0, left + 2 * size)]
    rows, columns = slice(first_y, first_y + region.shape[0]), slice(first_x, first_x + region.shape[1])
    np.copyto(region, disc[rows, columns], where=mask[rows, columns])


@cache
def _agent_disc() -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The finger with its darker rim, and its mask: discs of even width, as pygame draws them."""
    offsets = np.arange(-AGENT_RADIUS_PX, AGENT_RADIUS_PX) + 0.5
    squared = (offsets[:, None] ** 2 + offsets**2)[:, :, None]
    rim, inner = (radius**2 - radius / 2 for radius in (AGENT_RADIUS_PX, AGENT_RADIUS_PX - RIM_PX))
    disc = np.where(squared <= inner, _light(ROYAL_BLUE), ROYAL_BLUE).astype(np.uint8)
    return disc, np.broadcast_to(squared <= rim, disc.shape)


def _light(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    red, green, blue = (min(255, int(1.2 * value)) for value in colour)
    return red, green, blue
