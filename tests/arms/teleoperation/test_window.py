"""The window on a dummy display, and chunks drawn into a picture."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from dpbench.arms.teleoperation.window import Window, draw_chunk, scale, scaled
from dpbench.errors import ConfigError, MissingExtraError

pygame: Any = pytest.importorskip("pygame", reason="pip install 'dpbench[human]'")
GREY = np.full((96, 96, 3), 128, dtype=np.uint8)


@pytest.fixture
def stops() -> list[bool]:
    return []


@pytest.fixture
def window(stops: list[bool], monkeypatch: pytest.MonkeyPatch) -> Iterator[Window]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    with Window(on_stop=lambda: stops.append(True)) as one:
        yield one


def press(key: int, **more: Any) -> None:
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key, **more))


def test_it_shows_the_picture_with_lines_under_it(window: Window) -> None:
    picture = np.zeros((48, 96, 3), dtype=np.uint8)
    picture[:, :48], picture[:, 48:] = (255, 0, 0), (0, 0, 255)
    window.show(picture, ["c start", "a second line"])
    shown = pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)
    factor = round(scale(48, 96))
    assert shown.shape[0] > 48 * factor
    assert shown.shape[1] == 96 * factor
    assert (shown[0, 0] == (255, 0, 0)).all()
    assert (shown[48 * factor - 1, 96 * factor - 1] == (0, 0, 255)).all()
    assert (shown[48 * factor :] > 200).any(), "the text is light"
    window.show(GREY, [])


def test_keys_have_the_names_of_the_terminal(window: Window) -> None:
    press(pygame.K_UP)
    press(pygame.K_c, unicode="C")
    press(pygame.K_8, unicode="[")  # AltGr 8 on a German keyboard
    press(pygame.K_RIGHTBRACKET)
    press(pygame.K_LSHIFT, unicode="")
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    assert window.pressed() == ("up", "c", "[", "]", "left shift", "q")
    assert window.pressed() == ()


@pytest.mark.parametrize("call", ["show", "pressed"])
def test_the_space_bar_stops_in_show_and_in_pressed(window: Window, stops: list[bool], call: str) -> None:
    press(pygame.K_SPACE, unicode=" ")
    if call == "show":
        window.show(GREY, [])
        assert stops == [True]
    assert window.pressed() == ("space",)
    assert stops == [True]


def test_without_pygame_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)  # type: ignore[arg-type]
    with pytest.raises(MissingExtraError, match=r"pip install 'dpbench\[human\]'"):
        Window(on_stop=lambda: None)


@pytest.mark.parametrize("driver", ["no such driver", "offscreen"])
def test_without_a_screen_there_is_advice(monkeypatch: pytest.MonkeyPatch, driver: str) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", driver)
    with pytest.raises(ConfigError, match=r"no window can be opened \(.*--view terminal"), Window(lambda: None):
        pass


def test_nothing_is_printed_to_standard_output() -> None:
    code = "from dpbench.arms.teleoperation.window import Window; Window(lambda: None)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert not done.stdout


@pytest.mark.parametrize(
    ("height", "width", "factor"), [(96, 96, 6.0), (240, 320, 2.0), (480, 640, 1.0), (720, 1280, 0.75)]
)
def test_pictures_fit_the_window(height: int, width: int, factor: float) -> None:
    assert scale(height, width) == factor
    large = scaled(np.zeros((height, width, 3), dtype=np.uint8))
    assert large.shape == (height * factor, width * factor, 3)
    assert scaled(large) is large, "a picture that was scaled is not scaled again"


@pytest.mark.parametrize(("height", "width"), [(96, 96), (240, 320), (720, 1280)])
def test_a_chunk_is_drawn_along_its_pixels(height: int, width: int) -> None:
    picture = np.full((height, width, 3), 128, dtype=np.uint8)
    pixels = np.stack([np.linspace(0.1, 0.9, 16) * width, np.full(16, 0.5 * height)], axis=1)
    drawn = draw_chunk(picture, pixels, n_sent=8)
    assert (picture == 128).all(), "the picture itself is left alone"
    changed = np.abs(drawn.astype(int) - 128).max(axis=2)
    row = changed[height // 2]
    assert (row[int(0.12 * width) : int(0.88 * width)] > 20).all(), "a line without gaps"
    assert not changed[: height // 4].any()
    sent, rest = row[int(0.12 * width) : int(0.45 * width)], row[int(0.55 * width) : int(0.88 * width)]
    assert sent.mean() > rest.mean(), "what is executed is stronger"


def test_the_colour_grows_stronger_along_the_chunk() -> None:
    pixels = np.array([[10.0, 48.0], [48.0, 48.0], [85.0, 48.0]])
    first, middle, last = (draw_chunk(GREY, pixels, n_sent=3)[48, column].astype(int) for column in (10, 48, 85))
    saturation = [colour.max() - colour.min() for colour in (first, middle, last)]
    assert saturation == sorted(saturation)
    assert saturation[0] < saturation[-1]


@pytest.mark.parametrize("n_sent", [0, 1, 3, 9])
def test_points_that_are_not_finite_are_left_out(n_sent: int) -> None:
    pixels = np.array([[-1e300, 48.0], [np.nan, 1.0], [-400.0, 48.0], [48.0, 48.0], [np.inf, 3.0], [48.0, 1e12]])
    drawn = draw_chunk(GREY, pixels, n_sent)
    changed = np.abs(drawn.astype(int) - 128).max(axis=2)
    assert changed[48, 20] > 0, "a line from outside is drawn inside"
    assert not changed[80].any(), "no line leads over a place that is nowhere"


def test_without_actions_the_picture_is_unchanged() -> None:
    assert np.array_equal(draw_chunk(GREY, np.zeros((0, 2)), 0), GREY)
