"""Options that would count for nothing are refused, each with the one that makes it so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dpbench.cli import main

ROOT = Path(__file__).parents[2]
TASK = "dpbench/PushTKeypoints-v0"
CHECKPOINT = str(ROOT / "zoo/PushTKeypoints-v0/diffusion-cnn")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "mlp-bc", "--task", TASK, "--report-every", "0", "--rollouts", "3"], "--rollouts does nothing"),
        (["train", "mlp-bc", "--task", TASK, "--set", "width=3", "--set", "width=4"], "width is there twice"),
        (["evaluate", CHECKPOINT, "--steps", "4", "--option", "steps=5"], "the option 'steps' is there twice"),
        (["evaluate", CHECKPOINT, "--option", "steps=4", "--option", "steps=5"], "the option 'steps' is there twice"),
        (["evaluate", CHECKPOINT, "--sampler", "ddpm", "--eta", "0.5"], "eta = 0.5 belongs to the sampler ddim"),
        (["latency", CHECKPOINT, "--episodes", "3"], "--episodes does nothing without --success"),
        (["latency", CHECKPOINT, "--sampler-seeds", "0,1"], "--sampler-seeds does nothing without --success"),
        (["latency", CHECKPOINT, "--real-time"], "--real-time does nothing without --success"),
        (["latency", CHECKPOINT, "--workers", "2"], "--workers does nothing without --success"),
        (["latency", CHECKPOINT, "--steps", "1,2", "--option", "steps=3"], "the option 'steps' is there twice"),
        (["compare", "--data-dir", "data"], "--data-dir does nothing without --train"),
        (["chunks", "hold", "--task", TASK, "--paths", "0", "--steps", "3"], "--steps does nothing without --paths"),
        (["demos", "generate", "avoid", "--out", "a.zarr", "--data-dir", "d"], "--data-dir does nothing beside --out"),
        (["demos", "record", "pusht", "--out", "a.zarr", "--data-dir", "d"], "--data-dir does nothing beside --out"),
        (
            ["data", "import", "a", "--task", TASK, "--format", "bet-npy", "--out", "a.zarr", "--data-dir", "d"],
            "--data-dir does nothing beside --out",
        ),
        (["arm", "record", "--out", "a.zarr", "--data-dir", "d"], "--data-dir does nothing beside --out"),
        (["arm", "check", "--camera", "opencv"], "renders its own pictures: leave the camera's settings out"),
        (["arm", "check", "--camera-option", "source=0"], "renders its own pictures"),
        (["baselines", "list", "act"], "list takes no name; dpbench baselines show 'act' shows one"),
        (["baselines", "show"], "show needs a name"),
        (["delay", "hold"], "name one with --task"),
        (["latency", "hold"], "name one with --task"),
    ],
)
def test_an_option_that_counts_for_nothing_is_refused(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1


def test_an_option_is_given_once_and_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        (["evaluate", "hold", "--task", TASK, "--episodes", "1", "--episodes", "2"], "--episodes is there twice"),
        (["evaluate", "hold", "--task", TASK, "--epis", "1"], "unknown option '--epis'; did you mean --episodes?"),
        (["evaluate", "hold", "--task", TASK, "--tempral-ensemble=1"], "did you mean --temporal-ensemble?"),
        (["evaluate", "hold", "act", "--task", TASK], "'act' is one argument too many"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "run.json: is not JSON"),
        ("{", "run.json: is not JSON"),
        ("[" * 10_000, "run.json: is not JSON"),
        ("[]", "run.json: holds [], expected a JSON object"),
        ("null", "run.json: holds null, expected a JSON object"),
        (json.dumps({"baseline": "act"}), "holds another run (baseline: 'act' there, 'nearest-neighbour' asked for"),
    ],
)
def test_a_folder_that_is_of_no_run_or_another_is_not_overwritten(
    content: str, message: str, tmp_path: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "run.json").write_text(content)
    command = ["train", "nearest-neighbour", "--task", TASK, "--out", str(out), "--data-dir", str(data_dir)]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert (out / "run.json").read_text() == content
    assert sorted(path.name for path in out.iterdir()) == ["run.json"]


def test_a_network_larger_than_the_memory_is_refused_before_a_folder_is_made(
    tmp_path: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "mlp-bc", "--task", TASK, "--out", str(tmp_path / "run"), "--data-dir", str(data_dir)]
    assert main([*command, "--set", "width=65536", "--set", "depth=900"]) == 2
    assert "choose fewer or narrower layers" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
