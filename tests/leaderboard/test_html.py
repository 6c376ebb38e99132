"""The HTML page: one file that asks nothing of a network, whatever the records hold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dpbench.errors import DataError
from dpbench.leaderboard.frame import frame
from dpbench.leaderboard.html.content import content
from dpbench.leaderboard.html.page import PAGE, html, in_script
from dpbench.leaderboard.html.videos import LIMIT_BYTES, WEBM, Video, read_videos
from dpbench.records.record import Record

BOARD = Path(__file__).parents[2] / "leaderboards"
MAX_BYTES = 5_000_000


@pytest.fixture
def records(record: Callable[..., Record]) -> tuple[Record, ...]:
    return record("bet", 42, 0.5), record("bet", 43, 0.6), record("ibc", 42, 0.7), record("hold", None, 0.1)


def embedded(page: str) -> dict[str, object]:
    """The content that a browser reads out of the page."""
    found = re.findall(r'<script type="application/json" id="content">(.*?)</script>', page, re.DOTALL)
    assert len(found) == 1
    read: dict[str, object] = json.loads(found[0])
    return read


def test_the_page_holds_every_row_with_the_provenance_of_its_records(records: tuple[Record, ...]) -> None:
    told = embedded(html(content(frame(records), records)))
    (task,) = told["tasks"]  # type: ignore[misc]
    assert [(row["policy"], row["seeds"]) for row in task["rows"]] == [("ibc", "42"), ("bet", "42 43"), ("hold", "")]
    assert {len(row["cells"]) for row in task["rows"]} == {len(task["columns"])}
    for row in task["rows"]:
        for name in row["records"]:
            facts = told["records"][name]  # type: ignore[index]
            assert facts["identity"].startswith(name)
            assert facts["command"] == "dpbench compare"
            assert facts["versions"] == "torch 2, pymunk 6"
            assert {"commit", "machine", "start seeds", "sampler seeds", "date (UTC)"} <= set(facts)
    sources = {source for *_, source in task["published"]["results"]}
    assert sources == {"Chi et al. 2023, Tab. 1 (state)"}


def test_columns_are_those_of_the_table_of_metrics_where_a_row_has_them(records: tuple[Record, ...]) -> None:
    (task,) = embedded(html(content(frame(records), records)))["tasks"]  # type: ignore[misc]
    heads = [column["head"] for column in task["columns"]]
    assert heads[:2] == ["policy", "success"]
    assert "score" in heads
    assert "entropy" not in heads, "no row has it"
    success = task["rows"][1]["cells"][heads.index("success")]
    assert success[0].startswith("0.5")
    assert len(success) == 4, "text, mean, and the ends of the interval"


@pytest.mark.parametrize(
    "text", ["</script><script>alert(1)</script>", "<!--<script>", "]]>&\u2028\u2029", '{"policy":', '"id":']
)
def test_no_text_ends_the_element_that_holds_it(text: str) -> None:
    written = in_script({"a": text})
    assert not set("<>&\u2028\u2029") & set(written)
    assert json.loads(written) == {"a": text}


def test_only_our_own_style_and_script_may_run(records: tuple[Record, ...]) -> None:
    page = html(content(frame(records), records))
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy[1].split("; "))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in policy[1]
    assert {rules[name] for name in ("img-src", "media-src")} == {"data:"}
    assert re.fullmatch(r"'sha256-[\w+/]{43}='", rules["script-src"])
    assert not re.findall(
        r'<(?:link|img|iframe|script[^>]+src)|style="| on\w+="|url\(|@import', page.split("<script type")[0]
    )


def test_the_committed_page_is_below_five_megabytes() -> None:
    for folder in (BOARD, BOARD / "symmetric"):
        assert (folder / PAGE).stat().st_size < MAX_BYTES


def test_videos_are_read_by_name_up_to_a_limit_and_must_be_webm(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    assert read_videos(tmp_path) == ()
    small, large = WEBM + b"x", WEBM + bytes(LIMIT_BYTES - 8)
    (tmp_path / "videos/Avoid-v1--bet.webm").write_bytes(small)
    (tmp_path / "videos/Avoid-v1--too-much.webm").write_bytes(large)
    assert read_videos(tmp_path) == (Video("Avoid-v1", "bet", small),)
    (tmp_path / "videos/Avoid-v1--bet.webm").write_bytes(b"<html>")
    with pytest.raises(DataError, match="is not a WebM video"):
        read_videos(tmp_path)
