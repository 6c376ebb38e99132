"""Bad values for every argument of every command: one line each, before any work, and nothing is written.

The arguments are those that the parsers declare, so that a new option is tried without a change here.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import torch

from dpbench.cli import COMMANDS, main, parser_for
from dpbench.data.episodes import EpisodeStore

ROOT = Path(__file__).parents[2]
TASK = "dpbench/PushTKeypoints-v0"
CHECKPOINT = "zoo/PushTKeypoints-v0/diffusion-cnn"
WORK = (
    "dpbench.training.run.working_on",
    "dpbench.training.missing.train_missing",
    "dpbench.comparison.evaluate.evaluate",
    "dpbench.comparison.plan.carry_out",
    "dpbench.leaderboard.render.render",
    "dpbench.comparison.submissions.submission.check",
    "dpbench.comparison.latency_sweep.time_policy",
    "dpbench.comparison.delay_sweep.known_or_evaluated",
    "dpbench.comparison.reuse.known_or_evaluated",
    "dpbench.comparison.chunks.scene",
    "dpbench.cli.data.fetch",
    "dpbench.cli.data.fetch_archive",
    "dpbench.data.importing.fill",
    "dpbench.data.picture.save_picture",
    "dpbench.demonstrations.exporting.export",
    "dpbench.demonstrations.generation.generate",
    "dpbench.checks.check_task",
    "dpbench.checks.check_baseline",
    "dpbench.checks.check_dataset",
    "dpbench.checks.check_floors",
    "dpbench.demonstrations.recording.record",
    "dpbench.arms.station.station_of",
)
"""Where the work of a command begins: whatever comes here was accepted."""
REQUIRED = {
    "train": ["mlp-bc", "--task", TASK],
    "evaluate": ["hold", "--task", TASK],
    "checkpoints": ["run"],
    "compare": [],
    "power": [],
    "leaderboard render": [],
    "leaderboard add": ["record.json", "--verify", "1"],
    "latency": [CHECKPOINT],
    "delay": [CHECKPOINT],
    "chunks": ["hold", "--task", TASK],
    "data fetch": ["pusht"],
    "data import": ["data/pusht.zarr", "--task", TASK, "--format", "diffusion-policy-zarr"],
    "data export": ["data/pusht.zarr", "--task", TASK, "--out", "new.hdf5"],
    "data info": ["pusht"],
    "arm check": [],
    "arm record": ["--operator", "script", "--view", "none"],
    "arm run": ["demonstrator", "--task", "RealArm", "--view", "none"],
    "demos record": ["pusht"],
    "demos generate": ["avoid"],
    "check task": [TASK],
    "check baseline": ["mlp-bc"],
    "check dataset": [TASK],
    "check floors": [TASK],
    "baselines": [],
    "tasks": [],
}
"""Arguments with which each command works."""
VALUES = (
    "", " ", "-1", "0", "1e99", "nan", "inf", "-inf", "x", "x" * 10_000, "9" * 5_000, "9" * 30, "1.5", "1_0", "٣",
    "²", "a\0b", "\udcff", "a\nb", "a,,b", ",", "=", "=x", "x=1", "x=", "x==", "None", "true", "[" * 5_000, "%s{0}",
    "~", "*", "../..", "folder", "file", "file/x", "missing/x", "x.avi",
    "/dev/null", "/dev/full", "/dev/full/x.mp4", "/proc/x.mp4",
    "cuda:99",
)  # fmt: skip
PATHS = {
    "--out", "--output", "--records", "--record", "--zoo", "--data-dir", "--from", "--video", "--picture", "source",
    "record",
}  # fmt: skip
"""Arguments that name a file or folder of the user's choice, which may have any name that can be written."""
ACCEPTED = {
    "--seed": {"0"},
    "--sample-seed": {"0"},
    "--rollouts": {"0"},
    "--base": {"0"},
    "--correlation": {"0"},
    "--report-every": {"0"},
    "--keep-checkpoints": {"0"},
    "--sampler-seeds": {"0"},
    "--paths": {"0"},
    "--replay": {"0"},
    "--latency-steps": {"0"},
    "--temporal-ensemble": {"0", "1.5"},
    "--execution-latency": {"0", "1.5"},
    "--max-s": {"1.5"},
    "--steps": {"0"},
    "--checkpoint": set(VALUES),  # measured after the arm, whose findings are printed all the same
}
"""Values of the list that are right for an option."""


class WorkBegun(BaseException):  # no error: it must pass every `except`
    """A command came to its work."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store, a zoo of one checkpoint, a record, a file and a folder."""
    root = tmp_path_factory.mktemp("scene")
    arrays = {"action": ((2,), "float32"), "agent_pos": ((2,), "float32"), "block_pose": ((3,), "float32"),
              "keypoints": ((18,), "float32")}  # fmt: skip
    store = EpisodeStore.create(root / "data/pusht.zarr", arrays)
    store.append({name: np.ones((20, *shape), dtype) for name, (shape, dtype) in arrays.items()})
    shutil.copytree(ROOT / CHECKPOINT, root / CHECKPOINT)
    (root / "leaderboards/records").mkdir(parents=True)
    for path in (ROOT / "leaderboards/records").glob("Avoid-v1--hold--*.json"):
        shutil.copy(path, root / "leaderboards/records")
    for step in (1, 2):
        shutil.copytree(ROOT / CHECKPOINT, root / f"run/checkpoints/step-{step}")
    (root / "folder").mkdir()
    (root / "file").write_text("text")
    for path in sorted((ROOT / "dpbench").rglob("*.py")):  # what is imported later would keep the stubs
        if path.stem != "__main__":
            import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    return root


@pytest.fixture(autouse=True)
def stubbed(scene: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every kind of work ends at its beginning."""

    def begun(*_: object, **__: object) -> NoReturn:
        raise WorkBegun

    for name in WORK:
        monkeypatch.setattr(name, begun)
    monkeypatch.setattr("dpbench.cli.baselines.count_parameters", lambda *_: 0)
    # Made once: that takes longer than all else.
    monkeypatch.setattr("dpbench.cli.parser_for", lambda typed: ROOTS.get(typed[0]) or parser_for(typed))
    monkeypatch.chdir(scene)
    monkeypatch.setenv("DPBENCH_DATA", "data")
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def leaves(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every action of a command, or the command itself, with its parser."""
    nested = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not nested:
        yield name, parser
    for action in nested:
        for word, inner in action.choices.items():
            if parser.prog != "dpbench":
                yield from leaves(f"{name} {word}", inner)
            elif word == name:
                yield from leaves(name, inner)


ROOTS = {command: parser_for([command]) for command in COMMANDS}
PARSERS = {name: leaf for command, root in ROOTS.items() for name, leaf in leaves(command, root)}


def files(root: Path) -> dict[str, int]:
    """Every file and folder with its size."""
    return {str(path): path.stat().st_size if path.is_file() else -1 for path in sorted(root.rglob("*"), key=str)}


def outcome(arguments: Sequence[str]) -> str:
    """What a command line ends with: `done`, `begun`, or the line that refuses it."""
    error = io.StringIO()
    with contextlib.redirect_stderr(error), contextlib.redirect_stdout(io.StringIO()):
        try:
            status = main(list(arguments))
        except SystemExit as stopped:
            status = stopped.code
        except WorkBegun:
            return "begun"
    if status == 0:
        return "done"
    lines = error.getvalue().strip().splitlines()
    said = (arguments[:8], status, lines[:3])
    assert status in (1, 2), said
    assert len(lines) == 1, said
    assert lines[0].startswith("error: "), said
    assert len(lines[0]) < 2_000, said
    return lines[0]


def without(option: str, arguments: Sequence[str]) -> list[str]:
    """Arguments without an option and its value."""
    kept = list(arguments)
    if option in kept:
        place = kept.index(option)
        del kept[place : place + 2]
    return kept


def trials(command: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, str, list[str]]]:
    """Argument, value, and the command line with it."""
    required = REQUIRED[command]
    place = 0
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        if not action.option_strings:
            for value in VALUES:
                changed = list(required)
                changed[place : place + 1] = [value]
                yield action.dest, value, changed
            place += 1
            continue
        name = next(text for text in action.option_strings if text.startswith("--"))
        kept = without(name, required)
        if action.nargs == 0:
            yield name, "=", [*kept, f"{name}=x"]
            continue
        for value in VALUES:
            yield name, value, [*kept, f"{name}={value}"]
        for value in ("-1", "x", ""):
            yield name, value, [*kept, name, value]
        yield name, "nothing", [*kept, name]
        yield name, "twice", [*kept, f"{name}=", f"{name}="]
        yield name, "short", [*kept, f"{name[:-1]}=1"]


@pytest.mark.parametrize("command", PARSERS)
def test_a_bad_value_is_one_line_before_any_work(command: str, scene: Path) -> None:
    words = command.split()
    assert outcome([*words, *REQUIRED[command]]) in ("begun", "done") or command == "compare", "the base itself works"
    before = files(scene)
    counts: Counter[str] = Counter()
    for name, value, arguments in trials(command, PARSERS[command]):
        said = outcome([*words, *arguments])
        counts[said if said in ("begun", "done") else "refused"] += 1
        if said == "begun":
            before = files(scene)
        if said in ("begun", "done"):
            assert name in PATHS or value in ACCEPTED.get(name, ()), f"{command} {name} takes {value[:40]!r}"
        assert files(scene) == before, f"{command} {name} {value[:40]!r} wrote something"
    print(f"{command}: {dict(counts)}")
    TRIED[command] = counts


TRIED: dict[str, Counter[str]] = {}


def test_over_a_thousand_values_were_tried() -> None:
    if set(TRIED) != set(PARSERS):
        pytest.skip("needs the tests before it")
    total = sum(TRIED.values(), Counter[str]())
    print(f"{total.total()} command lines: {dict(total)}")
    assert total["refused"] > 4_000


@pytest.mark.parametrize("command", ["", *PARSERS])
def test_an_unknown_or_missing_argument_is_one_line(command: str) -> None:
    words = command.split()
    assert (
        "unknown option '--unknown'" in outcome([*words, *REQUIRED.get(command, ["tasks"]), "--unknown"]) or not words
    )
    for more in (["--unknown=1"], ["-x"], ["x"] * 40, ["--", "--unknown"], ["-"], ["@file"]):
        said = outcome([*words, *REQUIRED.get(command, []), *more])
        assert said.startswith("error: ") or command.startswith(("check", "chunks", "delay")), (command, more, said)


def test_every_command_has_a_line_that_works() -> None:
    assert set(REQUIRED) == set(PARSERS)
