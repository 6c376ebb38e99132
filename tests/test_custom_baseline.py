"""A stranger's package: installed in an environment of its own, then trained, evaluated, compared and listed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest

from dpbench.data.episodes import EpisodeStore

ROOT = Path(__file__).parents[1]
TASK = "dpbench/PushTKeypoints-v0"
BROKEN_TOML = """
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"
[project]
name = "broken-package"
version = "1"
[project.entry-points."dpbench.baselines"]
broken = "broken_package:BASELINES"
[tool.setuptools]
py-modules = ["broken_package"]
"""


@pytest.fixture(scope="module")
def dpbench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a fresh environment with our package, the example, and two plugins that fail to import.

    What is heavy is lent by this environment through a .pth file, dpbench from this tree.
    """
    folder = tmp_path_factory.mktemp("stranger")
    venv.create(folder / "env", with_pip=True)
    site = next((folder / "env/lib").glob("python*/site-packages"))
    (site / "lent.pth").write_text(f"{Path(np.__file__).parents[1]}\n")
    tree = folder / "dpbench"
    for name in ("dpbench", "envs", "baselines"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    shutil.copytree(ROOT / "examples/custom_baseline", folder / "custom_baseline")
    broken = folder / "broken"
    broken.mkdir()
    (broken / "pyproject.toml").write_text(BROKEN_TOML)
    (broken / "broken_package.py").write_text("BASELINES = {'broken': 'broken_package_that_is_not_there:BASELINE'}\n")
    options = ["--quiet", "--no-deps", "--no-index"]
    wheels = [sys.executable, "-m", "pip", "wheel", *options, "--no-build-isolation", "--wheel-dir", str(folder)]
    wheels += [str(tree), str(folder / "custom_baseline"), str(broken)]
    install = [str(folder / "env/bin/python"), "-m", "pip", "install", *options]
    for command in (wheels, install):
        more = map(str, folder.glob("*.whl")) if command is install else ()
        done = subprocess.run([*command, *more], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
    return folder / "env/bin/dpbench"


def run(dpbench: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(dpbench.with_name("python")), "-m", "dpbench.cli", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done


def test_a_strangers_baseline_goes_all_the_way(dpbench: Path, tmp_path: Path) -> None:
    arrays = {"action": ((2,), "float32"), "agent_pos": ((2,), "float32"), "block_pose": ((3,), "float32"),
              "keypoints": ((18,), "float32")}  # fmt: skip
    store = EpisodeStore.create(tmp_path / "data/pusht.zarr", arrays)
    rng = np.random.default_rng(0)
    for _ in range(3):
        store.append({name: rng.uniform(0, 512, (40, *shape)).astype(dtype) for name, (shape, dtype) in arrays.items()})
    run(dpbench, tmp_path, "train", "linear-bc", "--task", TASK, "--data-dir", "data", "--set", "n_steps=5",
        "--set", "batch_size=16", "--rollouts", "0")  # fmt: skip
    out = "runs/PushTKeypoints-v0/linear-bc-small-seed42"
    record = json.loads(run(dpbench, tmp_path, "evaluate", out, "--episodes", "2", "--workers", "1", "--json").stdout)
    assert record["cell"]["policy"]["baseline"] == "linear-bc"
    compared = run(dpbench, tmp_path, "compare", "--zoo", "runs", "--records", "r", "--episodes", "2",
                   "--sampler-seeds", "0", "--workers", "1", "--json")  # fmt: skip
    rows = json.loads(compared.stdout[compared.stdout.index("[") :])
    assert "linear-bc" in {row["policy"] for row in rows}
    assert "'broken' of the plug-in broken-package cannot be imported: ModuleNotFoundError" in compared.stderr, (
        "named, and the rest goes on"
    )
    checked = json.loads(run(dpbench, tmp_path, "check", "baseline", "linear-bc", "--json").stdout)["linear-bc"]
    assert {finding["name"] for finding in checked if finding["passed"]} >= {"loss", "rows", "weights", "learning"}
    listed = run(dpbench, tmp_path, "baselines", "--task", TASK, "--json")
    row = {row["name"]: row for row in json.loads(listed.stdout)}["linear-bc"]
    assert row["from"] == "my-baseline"
    assert row["presets"]["small"]["n_parameters"] == 40 * 32 + 32
    assert "'broken' of the plug-in broken-package" in run(dpbench, tmp_path, "baselines").stderr


def test_the_example_is_short() -> None:
    lines = (ROOT / "examples/custom_baseline/my_baseline/policy.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 40
