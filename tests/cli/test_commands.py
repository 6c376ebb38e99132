"""The commands as a user types them: train (killed and started again), evaluate, compare, list; and bad input."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dpbench.cli import COMMANDS, main
from dpbench.policies.checkpoint import load_checkpoint
from dpbench.training.zoo import export

TASK = "dpbench/PushTKeypoints-v0"
SMALL = ["--set", "down_dims=[16,32]", "--set", "dim_step=16", "--set", "batch_size=16", "--set", "n_inference_steps=2"]


def train(data_dir: Path, out: Path, n_steps: int, *more: str) -> list[str]:
    return [
        "train", "diffusion-cnn", "--task", TASK, "--out", str(out), "--data-dir", str(data_dir), "--seed", "3",
        *SMALL, "--set", f"n_steps={n_steps}", "--save-every", "5", "--report-every", "10", "--rollouts", "0", *more,
    ]  # fmt: skip


def run(arguments: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dpbench.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **options)


def test_killed_with_sigkill_and_started_again_ends_with_the_same_weights(data_dir: Path, tmp_path: Path) -> None:
    n_steps = 120
    assert run(train(data_dir, tmp_path / "whole", n_steps)).returncode == 0
    killed = tmp_path / "killed"
    command = [sys.executable, "-m", "dpbench.cli", *train(data_dir, killed, n_steps)]
    for _ in range(2):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before = (killed / "state.json").read_text() if (killed / "state.json").exists() else ""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            if (killed / "state.json").exists() and (killed / "state.json").read_text() != before:
                break
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    stopped = json.loads((killed / "state.json").read_text())["step"]
    assert 0 < stopped < n_steps, "it was killed on its way"
    assert run(train(data_dir, killed, n_steps)).returncode == 0
    whole, pieces = load_checkpoint(tmp_path / "whole"), load_checkpoint(killed)
    assert whole.sha256 == pieces.sha256
    rows = [line.split(",")[0] for line in (killed / "log.csv").read_text().splitlines()]
    assert len(rows) == len(set(rows))


def test_two_processes_train_one_model(data_dir: Path, tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "dpbench.cli",
        *train(data_dir, tmp_path / "run", 10),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert load_checkpoint(tmp_path / "run").description["step"] == 10


def test_train_evaluate_export_and_compare(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, zoo = tmp_path / "run", tmp_path / "zoo"
    command = train(data_dir, out, 10, "--tensorboard")
    command[command.index("--rollouts") + 1] = "1"
    assert main(command) == 0
    assert list((out / "tensorboard").iterdir())
    assert (out / "log.csv").read_text().splitlines()[-1].count(",") == 6
    video = tmp_path / "grid.gif"
    evaluate = ["evaluate", str(out), "--episodes", "2", "--workers", "1", "--video", str(video), "--json"]
    assert main([*evaluate, "--sampler", "ddpm", "--steps", "3"]) == 0
    record = json.loads(capsys.readouterr().out.split("dpbench evaluate")[-1].partition("\n")[2])
    assert record["cell"]["policy"]["config"]["n_inference_steps"] == 3
    assert video.exists()
    assert main([*evaluate, "--temporal-ensemble", "0.01", "--option", "eta=0.5"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["cell"]["policy"]["temporal_ensemble"] == 0.01
    assert record["cell"]["policy"]["config"]["eta"] == 0.5
    export(out, zoo / "PushTKeypoints-v0/diffusion-cnn")
    card = (zoo / "PushTKeypoints-v0/diffusion-cnn/README.md").read_text()
    assert "stored in float16" in card
    assert "--preset small --seed 3 --set" in card
    assert "--set n_steps=10" in card
    compare = ["compare", "--zoo", str(zoo), "--records", str(tmp_path / "records"),
               "--episodes", "2", "--sampler-seeds", "0", "--workers", "1"]  # fmt: skip
    assert main(compare) == 0
    assert len(list((tmp_path / "records").glob("*.json"))) == 4, "the checkpoint and three scripted policies"
    capsys.readouterr()
    assert main([*compare, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err.count("reused") + captured.out.count("reused") == 4
    assert main([*compare, "--retime", "--policies", "hold"]) == 0
    kept = [json.loads(path.read_text()) for path in (tmp_path / "records").glob("*--hold--*.json")]
    assert len(kept) == 2
    assert kept[0]["episodes"] == kept[1]["episodes"]
    assert kept[0]["latency"] != kept[1]["latency"]
    rows = json.loads(captured.out)
    assert {row["policy"] for row in rows} == {"diffusion-cnn", "random", "hold", "demonstrator"}
    monkeypatch.setattr("dpbench.comparison.plan.missing_extra", lambda _: "this task needs a simulator")
    capsys.readouterr()
    assert main([*compare, "--retime", "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err.count("not run, this task needs a simulator") == 4
    assert len(json.loads(captured.out)) == 4, "shown as they were measured before"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "diffusion-cn", "--task", TASK], "unknown baseline 'diffusion-cn'; did you mean diffusion-cnn"),
        (["train", "diffusion-cnn", "--task", "dpbench/PushTKeypoint-v0"], "unknown task"),
        (["train", "mlp-bc", "--task", TASK, "--preset", "huge"], "no preset 'huge'; it has paper, small"),
        (["train", "diffusion-cnn", "--task", TASK, "--set", "horizon=15"], "horizon = 15 cannot be halved"),
        (["train", "diffusion-cnn", "--task", TASK, "--set", "widht=3"], "no field 'widht'"),
        (
            ["train", "mlp-bc", "--task", TASK, "--set", "width=wide"],
            "width = 'wide': expected a whole number from 1 to 65,536",
        ),
        (["train", "mlp-bc", "--task", TASK, "--set", "n_steps=1.5"], "n_steps = 1.5: expected a whole number from 0"),
        (["train", "hold", "--task", TASK], "'hold' needs no training"),
        (["train", "mlp-bc", "--task", TASK, "--data-dir", "nowhere"], "dpbench data fetch pusht"),
        (["evaluate", "nowhere/at-all"], "holds no checkpoint.json"),
        (["evaluate", "hold"], "name one with --task"),
        (["evaluate", "hold", "--task", TASK, "--starts", "x"], "no start states named 'x'"),
        (["evaluate", "hold", "--task", TASK, "--temporal-ensemble", "0.01"], "nothing to ensemble"),
        (["evaluate", "demonstrator", "--task", "dpbench/PushTImage-v0"], "has no scripted demonstrator"),
        (["evaluate", "hold", "--task", TASK, "--latency-steps", "1"], "latency_steps = 1: expected 0 to 0"),
        (["latency", "nowhere"], "there is no checkpoint folder 'nowhere'"),
        (["delay", "nowhere/at-all"], "holds no checkpoint.json"),
        (
            ["train", "diffusion-cnn", "--task", TASK, "--set", "sampler=dpm"],
            "'dpm': expected ddpm or ddim",
        ),
        (
            ["train", "flow-matching", "--task", TASK, "--set", "n_inference_steps=0"],
            "= 0: expected a whole number",
        ),
        (["train", "flow-matching", "--task", TASK, "--set", "horizon=15"], "horizon = 15 cannot be halved"),
        (["train", "ibc", "--task", TASK, "--set", "sampler=ddim"], "sampler = 'ddim': expected dfo or langevin"),
        (["train", "bet", "--task", TASK, "--set", "horizon=4"], "expected horizon = n_obs_steps"),
        (["train", "lstm-gmm", "--task", TASK, "--set", "n_action_steps=2"], "one step at a time"),
        (["train", "act", "--task", TASK, "--set", "n_heads=3"], "is not a multiple of n_heads = 3"),
        (["train", "action-tokens", "--task", TASK, "--set", "n_bins=1"], "n_bins = 1: expected a whole number from 2"),
        (["train", "vq-bet", "--task", TASK, "--set", "temperature=0"], "temperature = 0: expected a number above 0"),
        (["compare", "--zoo", "nowhere"], "nothing to compare"),
        (["compare", "--tasks", "pusht"], "tasks: dpbench/PushT-v0 is not in the zoo"),
        (["compare", "--policies", "act,hodl"], "policies: hodl is not in the zoo"),
        (["demos", "record", "push"], "did you mean dpbench/PushT-v0"),
        (["baselines", "show", "difusion-cnn"], "did you mean diffusion-cnn"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert "Traceback" not in error


def test_latency_goes_through_samplers_and_steps(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(train(data_dir, out, 4)) == 0
    command = ["latency", str(out), "--samplers", "ddpm,ddim", "--steps", "1,3", "--output", str(tmp_path / "latency"),
               "--success", "--episodes", "2", "--workers", "1"]  # fmt: skip
    capsys.readouterr()
    assert main([*command, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    rows = document["rows"]
    assert [(row["sampler"], row["steps"]) for row in rows] == [("ddpm", 1), ("ddpm", 3), ("ddim", 1), ("ddim", 3)]
    for row in rows:
        assert 0 < row["call_p50_ms"] <= row["call_p95_ms"] <= row["call_p99_ms"]
        assert row["held_rate_hz"] == pytest.approx(8 * row["blocking_rate_hz"])
        assert 0 < row["encode_p50_ms"] < row["call_p50_ms"]
        assert (row["n_warmup"], row["n_threads"], row["clock"]) == (5, 1, "time.perf_counter_ns")
        assert 0 <= row["success"] <= 1
    assert document["provenance"]["hardware"]["cpu"]
    assert len(list((tmp_path / "latency/records").glob("*.json"))) == 4
    assert (tmp_path / "latency/PushTKeypoints-v0--diffusion-cnn.png").read_bytes().startswith(b"\x89PNG")
    assert main(command) == 0
    assert len(list((tmp_path / "latency/records").glob("*.json"))) == 4, "known evaluations are reused"
    assert "ddim" in capsys.readouterr().out
    assert main(["latency", str(out), "--samplers", "euler"]) == 2
    assert "euler is none of diffusion-cnn's: ddpm, ddim, dpm-solver++" in capsys.readouterr().err
    assert main(["latency", str(out), "--option", "temperature=1"]) == 2
    assert "unknown sampling option temperature" in capsys.readouterr().err
    assert main(["latency", str(out), "--steps", "101"]) == 2
    assert "101 inference steps" in capsys.readouterr().err


def test_delay_sweeps_over_latencies_and_resumes(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, folder = tmp_path / "run", tmp_path / "delay"
    assert main(train(data_dir, out, 4)) == 0
    command = ["delay", str(out), "--episodes", "1", "--workers", "1", "--output", str(folder)]
    assert main([*command, "--steps", "0,7"]) == 0
    assert len(list((folder / "records").glob("*.json"))) == 2
    capsys.readouterr()
    assert main([*command, "--steps", "0,3,7", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["latency_steps"] for row in rows] == [0, 3, 7]
    assert len(list((folder / "records").glob("*.json"))) == 3, "known evaluations are reused"
    assert all(row["success_low"] <= row["success"] <= row["success_high"] for row in rows)
    assert (folder / "PushTKeypoints-v0.png").read_bytes().startswith(b"\x89PNG")
    assert "| PushTKeypoints-v0 | run | position | 0.00 [" in (folder / "PushTKeypoints-v0.md").read_text()
    assert main([*command, "--steps", "7-8"]) == 2
    assert "latency_steps = 8: expected 0 to 7" in capsys.readouterr().err
    assert main(["delay", str(out), str(out)]) == 2
    assert "two checkpoints of one task are called run" in capsys.readouterr().err


def test_a_method_that_only_looks_at_the_data_trains_and_acts(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    command = ["train", "nearest-neighbour", "--task", TASK, "--out", str(out), "--data-dir", str(data_dir)]
    assert main(command) == 0
    assert main(command) == 0, "the same command again"
    capsys.readouterr()
    assert main(["evaluate", str(out), "--episodes", "1", "--workers", "1", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["episodes"]["success"]) == 1


def test_a_folder_of_another_run_is_not_overwritten(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(train(data_dir, tmp_path, 10)) == 0
    assert main(train(data_dir, tmp_path, 20)) == 2
    assert "holds another run (training:" in capsys.readouterr().err


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_explains_itself_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    assert f"dpbench {command}" in capsys.readouterr().out.split("example")[-1]


def test_lists_can_be_read_by_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tasks", "--json"]) == 0
    assert TASK in {row["id"] for row in json.loads(capsys.readouterr().out)}
    assert main(["baselines", "--task", TASK, "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["diffusion-cnn"]["presets"]["paper"]["n_parameters"] == 65_783_298
    assert main(["baselines", "show", "mlp-bc"]) == 0
    assert json.loads(capsys.readouterr().out)["presets"]["small"]["config"]["width"] == 512
    assert main(["baselines", "show", "flow-matching"]) == 0
    assert json.loads(capsys.readouterr().out)["sampling"]["sampler"] == "one of euler, heun"


@pytest.mark.parametrize("name", [TASK, "PushTKeypoints-v0", "dpbench/PushTKeypoints", "pushtkeypoints"])
def test_every_command_takes_the_same_names_of_a_task(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    run_folder = str(tmp_path / "run")
    command = ["train", "nearest-neighbour", "--task", name, "--out", run_folder, "--data-dir", str(data_dir)]
    assert main(command) == 0
    assert load_checkpoint(Path(run_folder)).description["task"] == TASK
    capsys.readouterr()
    evaluate = ["evaluate", run_folder, "--task", name, "--episodes", "1", "--workers", "1", "--json"]
    assert main(evaluate) == 0
    assert json.loads(capsys.readouterr().out)["cell"]["task"] == TASK
    picture = str(tmp_path / "chunks.png")
    assert main(["chunks", "hold", "--task", name, "--chunks", "1", "--paths", "0", "--output", picture]) == 0
    assert main(["baselines", "show", "mlp-bc", "--task", name]) == 0
    assert main(["data", "fetch", "nothing", "--task", name, "--data-dir", str(data_dir)]) == 2
    assert f"unknown data set 'nothing' of {TASK}" in capsys.readouterr().err
    compare = ["compare", "--zoo", run_folder, "--tasks", name, "--policies", "hold", "--episodes", "1"]
    compare += ["--workers", "1", "--records", str(tmp_path / "records")]
    assert main(compare) == 0
    assert [path.name.split("--")[0] for path in (tmp_path / "records").glob("*.json")] == ["PushTKeypoints-v0"]
