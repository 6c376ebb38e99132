"""What the documentation shows is taken by the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dpbench.arms.station_file import KEYS, read_station
from dpbench.envs.real_arm.options import joint_limits, tool_limits

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))


def test_the_station_file_of_the_documentation_is_read(tmp_path: Path) -> None:
    shown = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "real_arm.md").read_text(encoding="utf-8"), re.DOTALL)[0]
    path = tmp_path / "station.toml"
    path.write_text(shown, encoding="utf-8")
    said = read_station(path)
    assert set(KEYS) - set(said) == {"camera_projection"}, "it shows all but one"
    assert tool_limits(said["limits"]).speed_m_s == said["limits"]["speed_m_s"]
    limits = joint_limits(said["joint_limits"])
    assert limits is not None
    assert len(limits.low) == 6


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
