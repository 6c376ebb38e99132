"""What the documentation shows is taken by the code, and what it names is there."""

from __future__ import annotations

import re
import shlex
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from dpbench.arms.station_file import KEYS, read_station
from dpbench.cli import COMMANDS, parser_for
from dpbench.envs.real_arm.options import joint_limits, tool_limits
from dpbench.registry import registry

ROOT = Path(__file__).parents[1]
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "leaderboards").glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "envs").glob("*/README.md")),
    *sorted((ROOT / "examples").glob("*/README.md")),
)
FOLDERS = "dpbench|envs|baselines|tests|benchmarks|examples|docs|notebooks|leaderboards|zoo"
ENTRY_POINTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
BLOCK = re.compile(r"```[a-z]*\n(.*?)```", re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def commands(page: Path) -> list[tuple[str, bool]]:
    """Every `dpbench ...` of a page, and whether it is shown as a whole line to type."""
    text = page.read_text(encoding="utf-8")
    text = text.replace("\\\n", "")  # a long command goes over several lines
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    lines += [line for line in text.splitlines() if line.startswith("    ")]
    found = [(part.strip(), True) for line in lines for part in line.split("&&")]
    found += [(code, False) for code in INLINE.findall(BLOCK.sub("", text))]
    # Two spaces, or a hash, begin a remark beside a command.
    return [(re.split(r"\s{2,}|\s#", text)[0], whole) for text, whole in found if text.startswith("dpbench ")]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_are_taken(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line, whole in commands(page):
        refusal = refusal_of(shlex.split(line)[1:], capsys)
        # In a sentence, `dpbench demos generate` and `dpbench evaluate --option` stand for more.
        incomplete = not whole and any(part in refusal for part in ("are required", "expected one argument"))
        assert not refusal or incomplete, f"{line}: {refusal}"


def refusal_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What the parser says against a command line; empty where it takes it."""
    try:
        parser_for(arguments).parse_args(arguments)
    except SystemExit as end:
        return capsys.readouterr().err if end.code else ""
    return ""


def test_the_page_of_commands_has_all_of_them() -> None:
    shown = {line.split()[1] for line, _ in commands(ROOT / "docs" / "commands.md")}
    assert shown == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_of_the_help_are_taken(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser_for([name, "--help"]).parse_args([name, "--help"])
    shown = re.findall(r"^(?:  |examples?: )(dpbench .*)$", capsys.readouterr().out, re.MULTILINE)
    assert shown, "a command shows an example"
    for line in shown:
        arguments = shlex.split(re.split(r"\s{2,}", line)[0])[1:]
        assert not refusal_of(arguments, capsys), line


def test_the_workflow_runs_the_two_commands_of_readme(capsys: pytest.CaptureFixture[str]) -> None:
    steps = re.findall(r"run: (.*)", (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    shown = (ROOT / "README.md").read_text(encoding="utf-8").split("## Two commands")[1].split("## ")[0]
    for line in re.findall(r"^    (pip install .*)$", shown, re.MULTILINE):
        for part in line.split(" && "):
            assert any(step.startswith(part) for step in steps), part
    for step in steps:
        if step.startswith("dpbench "):
            assert not refusal_of(shlex.split(step)[1:], capsys), step


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_tasks_are_installed(page: Path) -> None:
    named = set(re.findall(r"\bdpbench/[A-Z]\w+-v\d+", page.read_text(encoding="utf-8")))
    assert named <= set(registry("task").names())


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_and_modules_are_there(page: Path) -> None:
    for code in INLINE.findall(BLOCK.sub("", page.read_text(encoding="utf-8"))):
        for path in re.findall(rf"(?<![\w/.])((?:{FOLDERS})/[\w./-]+)", code):
            is_task, has_gap = re.fullmatch(r"dpbench/\w+-v\d+", path), re.search(r"\b[A-Z]{3,}/", path)
            assert is_task or has_gap or (ROOT / path).exists(), f"{name_of(page)} names {path}"
        for name in re.findall(r"^dpbench(?:\.\w+)+", code):
            parts = name.split(".")
            module = name if parts[-1][0].islower() else ".".join(parts[:-1])
            assert name in ENTRY_POINTS or find_spec(module), name


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", text):
        if "://" in target or target.startswith("../../actions/"):  # pages of the host, beside the files
            continue
        path = page.parent / target if target else page
        assert path.exists(), f"{name_of(page)} links to {target}"
        if anchor:
            heads = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}, anchor


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
