"""The window: the camera's picture with the predicted chunk, lines of text, and the keys of a session."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dpbench.arms.teleoperation.keys import STOP
from dpbench.errors import ConfigError, MissingExtraError

Picture = NDArray[np.uint8]
MAX_PICTURE_PX = (960, 640)
"""Width and height into which a picture is fitted."""
LINE_PX, MARGIN_PX, TEXT_PX = 25, 10, 24
BACKGROUND, FOREGROUND = (24, 24, 28), (232, 232, 232)
REPEAT_AFTER_MS, REPEAT_EVERY_MS = 150, 40
"""Shorter than `hold_s` of `KeyboardTeleop`, so that holding a key moves the tool without a pause."""

SENT, UNSENT = ((255, 214, 102), (214, 28, 36)), ((214, 232, 255), (66, 110, 190))
"""First and last colour (RGB) of the executed part of a chunk, and of the rest."""
_SHIFT = 4
"""Fractional bits of OpenCV's coordinates."""
_MAX_PX = 1e5


class Window:
    """A window, as a context manager. Use it from the main thread, as operating systems require.

    Args:
        on_stop: called by `show` and `pressed` as soon as they see the space bar.
        title: of the window.

    Raises:
        MissingExtraError: without pygame.
        ConfigError: without a screen, when entered.
    """

    def __init__(self, on_stop: Callable[[], object], title: str = "dpbench arm") -> None:
        try:
            with contextlib.redirect_stdout(sys.stderr):  # pygame prints a greeting; standard output is for results
                import pygame  # optional extra
        except ImportError as error:
            raise MissingExtraError("a window needs pygame: pip install 'dpbench[human]'") from error
        self._pygame: Any = pygame
        self._on_stop, self._title = on_stop, title
        self._pressed: list[str] = []
        self._screen: Any = None
        self._font: Any = None

    def __enter__(self) -> Window:
        pygame = self._pygame
        try:
            pygame.display.init()  # pygame.init() would open the sound device, too
            if pygame.display.get_driver() == "offscreen":  # SDL's choice without a screen
                raise pygame.error("there is no screen")
            self._screen = pygame.display.set_mode((320, 240))
        except pygame.error as error:
            pygame.display.quit()
            raise ConfigError(
                f"no window can be opened ({error}): use a machine with a screen, or --view terminal."
            ) from error
        pygame.display.set_caption(self._title)
        pygame.key.set_repeat(REPEAT_AFTER_MS, REPEAT_EVERY_MS)
        pygame.font.init()
        self._font = pygame.font.Font(None, TEXT_PX)
        return self

    def __exit__(self, *_: object) -> None:
        self._screen = self._font = None
        self._pygame.font.quit()
        self._pygame.display.quit()

    def show(self, picture: Picture, lines: Sequence[str]) -> None:
        """Show a picture `(H, W, 3)` RGB, scaled by `scale`, with lines of text below."""
        self._collect()
        shown = scaled(picture)
        height, width = shown.shape[:2]
        texts = [self._font.render(line, True, FOREGROUND) for line in lines]
        now_wide, now_high = self._screen.get_size()
        # The window only grows: otherwise a text of changing length would resize it at every frame.
        widest = max([now_wide, width, *(text.get_width() + 2 * MARGIN_PX for text in texts)])
        size = widest, max(now_high, height + len(texts) * LINE_PX + 2 * MARGIN_PX)
        if size != (now_wide, now_high):
            self._screen = self._pygame.display.set_mode(size)
        self._screen.fill(BACKGROUND)
        surface = self._pygame.surfarray.make_surface(shown.swapaxes(0, 1))
        self._screen.blit(surface, ((widest - width) // 2, 0))
        for number, text in enumerate(texts):
            self._screen.blit(text, (MARGIN_PX, height + MARGIN_PX + number * LINE_PX))
        self._pygame.display.flip()

    def pressed(self) -> tuple[str, ...]:
        """Names of the keys pressed or repeated since the last call, as in `TerminalKeys`.

        Closing the window gives `"q"`.
        """
        self._collect()
        keys, self._pressed = tuple(self._pressed), []
        return keys

    def _collect(self) -> None:
        for event in self._pygame.event.get():
            if event.type == self._pygame.QUIT:
                self._pressed.append("q")
            elif event.type == self._pygame.KEYDOWN:
                if event.key == self._pygame.K_SPACE:
                    self._on_stop()
                self._pressed.append(self._name(event))

    def _name(self, event: Any) -> str:
        # Use the character if there is one: not every keyboard has keys for brackets.
        character = str(getattr(event, "unicode", ""))
        if event.key != self._pygame.K_SPACE and len(character) == 1 and character.isprintable():
            return character.lower()
        return STOP if event.key == self._pygame.K_SPACE else str(self._pygame.key.name(event.key)).lower()


def scale(height_px: int, width_px: int) -> float:
    """The factor by which a picture is scaled: a whole number, or below 1 if the picture is larger than the window."""
    factor = min(MAX_PICTURE_PX[0] / width_px, MAX_PICTURE_PX[1] / height_px)
    return factor if factor < 1 else float(int(factor))


def scaled(picture: Picture) -> Picture:
    """The picture at the size at which the window shows it."""
    factor = scale(*picture.shape[:2])
    if factor == 1:
        return picture
    interpolation = cv2.INTER_NEAREST if factor > 1 else cv2.INTER_AREA
    size = (max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor)))
    resized: Picture = cv2.resize(picture, size, interpolation=interpolation)
    return resized


def draw_chunk(picture: Picture, pixels: NDArray[np.floating[Any]], n_sent: int) -> Picture:
    """Draw a predicted chunk as a line with one dot per action, from light to strong colour.

    Actions that will be executed are drawn on top; the others are half transparent.

    Args:
        picture: `(H, W, 3)` RGB.
        pixels: columns and rows `(n, 2)` of the actions in the picture, px. Lines are clipped at the border; points
            that are not finite (behind the camera) are left out.
        n_sent: number of actions, from the first on, that will be executed.

    Returns:
        A copy of the picture.
    """
    places = np.asarray(pixels, dtype=np.float64).reshape(-1, 2)
    width_px = max(1, round(min(picture.shape[:2]) / 160))
    drawn = picture.copy()
    if n_sent < len(places):
        _draw_path(drawn, places[max(n_sent - 1, 0) :], UNSENT, width_px, rim_px=0)
        drawn = cv2.addWeighted(drawn, 0.65, picture, 0.35, 0.0)
    _draw_path(drawn, places[:n_sent], SENT, width_px, rim_px=(width_px + 1) // 2 if width_px > 1 else 0)
    return drawn


def _draw_path(
    picture: Picture, places: NDArray[np.float64], colours: tuple[tuple[int, ...], ...], width_px: int, rim_px: int
) -> None:
    """Draw a line with dots; a dark rim sets it off from a background of the same colour."""
    first, last = (np.array(colour, dtype=np.float64) for colour in colours)
    points = [_fixed(place) for place in places]
    shares = np.linspace(0.0, 1.0, len(places))
    for rim in (rim_px, 0) if rim_px else (0,):
        before = None
        for point, share in zip(points, shares, strict=True):
            colour = (20, 20, 20) if rim else tuple((first + share * (last - first)).round().tolist())
            if before is not None and point is not None:
                cv2.line(picture, before, point, colour, width_px + 2 * rim, cv2.LINE_AA, _SHIFT)
            before = point
        for point, share in zip(points, shares, strict=True):
            if point is not None:
                colour = (20, 20, 20) if rim else tuple((first + share * (last - first)).round().tolist())
                radius = round((1.2 * width_px + 0.4 + rim) * 2**_SHIFT)
                cv2.circle(picture, point, radius, colour, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _fixed(place: NDArray[np.float64]) -> tuple[int, int] | None:
    """A point in OpenCV's fixed-point coordinates; None if it is not finite."""
    if not np.isfinite(place).all():
        return None
    column, row = np.clip(place, -_MAX_PX, _MAX_PX) * 2**_SHIFT
    return round(column), round(row)
