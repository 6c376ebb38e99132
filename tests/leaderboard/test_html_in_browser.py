"""The committed HTML page in a real browser: sorting, filters, links, keyboard, contrast, phone, and no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

import pytest

from dpbench.leaderboard.frame import frame
from dpbench.leaderboard.html.content import content
from dpbench.leaderboard.html.page import PAGE, html
from dpbench.records.record import Record

from ..attack import HOSTILE_TEXTS
from .browser import browser
from .test_hostile_text import with_text

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

INDEX = Path(__file__).parents[2] / "leaderboards" / PAGE
CONTRAST = """() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = channels(colour).slice(0, 3).map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const found = getComputedStyle(at).backgroundColor;
      if ((channels(found)[3] ?? 1) === 1) return found;
    }
    throw new Error("no background");
  };
  const worst = new Map();
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.textContent.trim());
    if (!own || !node.getClientRects().length || node.closest("script, option")) continue;
    const style = getComputedStyle(node);
    const ink = node instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [light(ink), light(ground(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const kind = `${node.tagName} ${style.color} ${style.fill} on ${ground(node)}`;
    worst.set(kind, Math.min(ratio, worst.get(kind) ?? 99));
  }
  return [...worst];
}"""
"""Every kind of text on the page with its contrast (WCAG 2.2, relative luminance and contrast ratio)."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for all tests."""
    with browser() as started:
        yield started


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens the page; at the end nothing may have been complained of, and nothing asked of a network."""
    complaints: list[str] = []
    requests: list[str] = []
    contexts = []

    def open_(path: Path = INDEX, width: int = 1280, scheme: str = "light", view: str = "") -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(f"{path.as_uri()}{view}", wait_until="domcontentloaded")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url[:60] for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []


def column(page: Page, head: str) -> list[str]:
    """The texts of a column of the results, top down."""
    cells = page.locator(f'table.rows >> nth=0 >> tbody td[data-head="{head}"]')
    return [text.strip() for text in cells.all_inner_texts()]


def names(page: Page) -> list[str]:
    return page.locator("table.rows >> nth=0 >> tbody th").all_inner_texts()


def test_a_click_on_a_heading_sorts_and_a_second_one_turns_the_order(opened: Callable[..., Page]) -> None:
    page = opened()
    heading = page.get_by_role("button", name="success", exact=True).first
    heading.click()
    down = [float(text.split()[0]) for text in column(page, "success")]
    assert down == sorted(down, reverse=True)
    assert len(set(down)) > 5
    assert page.locator('th[aria-sort="descending"]').inner_text().startswith("success")
    page.get_by_role("button", name="success", exact=True).first.click()
    assert [float(text.split()[0]) for text in column(page, "success")] == sorted(down)
    page.get_by_role("button", name="published", exact=True).first.click()
    texts = column(page, "published")
    known = [float(text) for text in texts if text != "-"]
    assert known == sorted(known, reverse=True)
    assert texts[len(known) :] == ["-"] * (len(texts) - len(known)), "what is not known comes last"


def test_filters_leave_the_rows_of_a_task_a_method_and_a_budget(opened: Callable[..., Page]) -> None:
    page = opened()
    every = names(page)
    page.locator("#method").select_option("bet")
    assert set(names(page)) == {"bet"}
    page.locator("#budget").select_option("10000")
    assert column(page, "training steps") == ["10,000"]
    view = page.evaluate("location.hash")
    assert opened(view=view).locator("table.rows >> nth=0 >> tbody tr").count() == 1, "a view can be linked"
    page.locator("#method").select_option("all")
    page.locator("#budget").select_option("all")
    assert names(page) == every
    page.locator("#task").select_option("all")
    tasks = set(column(page, "task"))
    page.get_by_label("superseded tasks").check()
    assert tasks < set(column(page, "task"))
    page.locator("#task").select_option("dpbench/Avoid-v1")
    assert "Avoid-v1" in page.locator("h2").first.inner_text()
    assert page.get_by_role("heading", name="Modes of successful episodes").is_visible()


def test_every_link_leads_somewhere(opened: Callable[..., Page]) -> None:
    page = opened()
    for task in page.evaluate("CONTENT.tasks.map((task) => task.id)"):
        page.evaluate("(task) => choose({ task })", task)
        for link in page.evaluate("[...document.links].map((link) => link.href)"):
            if link.startswith("https://"):
                assert urlparse(link).netloc == "arxiv.org"
            else:
                assert Path(unquote(urlparse(link).path)).exists(), link


def test_a_figure_opens_its_provenance_by_mouse_and_by_keyboard(opened: Callable[..., Page]) -> None:
    page = opened()
    dialog = page.locator("dialog")
    page.locator("table.rows >> nth=0 >> tbody td .figure").first.click()
    text = dialog.inner_text()
    for fact in ("identity", "training seed", "start seeds", "versions", "commit", "machine", "command", "date (UTC)"):
        assert fact in text
    assert "share of episodes in which the task was solved" in text
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    page.locator("#task").focus()
    order = []
    for _ in range(4):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id"))
    assert order[:3] == ["method", "budget", "old"]
    first = page.locator("table.rows >> nth=0 >> tbody th .figure").first
    first.focus()
    page.keyboard.press("ArrowRight")
    focused = page.evaluate("document.activeElement.textContent")
    assert focused == column(page, "success")[0]
    page.keyboard.press("Enter")
    assert dialog.is_visible()
    assert page.evaluate("document.activeElement.textContent") == "Close"
    page.keyboard.press("Enter")
    assert not dialog.is_visible()
    assert page.evaluate("document.activeElement.textContent") == focused, "the focus comes back"
    page.locator("svg.chart .point").first.focus()
    page.keyboard.press("Enter")
    assert dialog.is_visible()


def test_published_figures_curves_fronts_and_videos_are_there(opened: Callable[..., Page]) -> None:
    page = opened()
    for title in ("Success against latency", "Success against entropy of the modes", "Learning curves", "Rollouts",
                  "Published figures beside ours"):  # fmt: skip
        assert page.get_by_role("heading", name=title, exact=True).is_visible(), title
    assert page.locator("polyline.dashed").count() == 1
    assert "Chi et al. 2023, Tab. 1 (state)" in page.locator("main").inner_text()
    video = page.locator("video").first
    video.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('video').readyState >= 1")
    assert 2 < float(video.evaluate("(player) => player.duration")) < 15


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_in_the_light_and_in_the_dark(scheme: str, opened: Callable[..., Page]) -> None:
    page = opened(scheme=scheme)
    page.locator("table.rows >> nth=0 >> tbody th .figure").first.click()
    found = page.evaluate(CONTRAST)
    assert len(found) > 8
    assert [pair for pair in found if pair[1] < 4.5] == []


@pytest.mark.parametrize("view", ["", "#task=all", "#task=dpbench%2FAvoid-v1&columns=all", "#task=dpbench%2FCan-v0"])
def test_nothing_is_wider_than_a_phone(view: str, opened: Callable[..., Page]) -> None:
    page = opened(width=375, view=view)
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    assert page.evaluate(
        "document.querySelector('.scroll').scrollWidth <= document.querySelector('.scroll').clientWidth"
    )
    assert page.locator("#sort").is_visible()
    small = "[...document.querySelectorAll('svg text')].map((text) => text.getBoundingClientRect().height)"
    assert min(page.evaluate(small), default=12) >= 10, "letters of charts keep their size"


def test_hostile_names_stay_text(opened: Callable[..., Page], record: Callable[..., Record], tmp_path: Path) -> None:
    texts = [text for text in HOSTILE_TEXTS if text != "\ud800"] + ["</script><script>alert(1)</script><img src=x>"]
    made = [with_text(record("bet", 42, 0.5), text).model_copy(update={"modes": ()}) for text in texts]
    (tmp_path / PAGE).write_text(html(content(frame(made), made)), encoding="utf-8")
    page = opened(tmp_path / PAGE)
    page.on("dialog", lambda shown: pytest.fail(shown.message))
    assert page.locator("table.rows >> nth=0 >> tbody tr").count() == len(frame(made))
    page.locator("table.rows >> nth=0 >> tbody th .figure").first.click()
    assert page.evaluate("document.scripts.length") == 2
    assert page.locator("img, b, i, main a[href^=javascript]").count() == 0
