"""The wheel holds every file of the tree, and works from another folder."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sdist from a copy of the committed tree, wheel from the sdist."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "tree"
    copy.mkdir()
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, names.decode().split("\0")):
        if name.startswith(("dpbench/", "envs/", "baselines/")) or "/" not in name:
            if not (ROOT / name).is_file():
                continue
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist"), str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next((folder / "dist").glob("*.whl"))


def test_the_wheel_holds_every_module(wheel: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".py")}
    tree = {str(path.relative_to(ROOT)) for path in (ROOT / "dpbench").rglob("*.py")}
    for folder in ("envs", "baselines"):
        tree |= {f"dpbench/{path.relative_to(ROOT)}" for path in (ROOT / folder).rglob("*.py")}
    assert inside == tree


def test_the_wheel_works_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    """In an environment of its own; the heavy requirements are lent by this one through a .pth file."""
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env/bin/python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(pip, check=True, timeout=300)
    site = next((tmp_path / "env/lib").glob("python*/site-packages"))
    (site / "lent.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    code = (
        "import dpbench, dpbench.envs, pathlib, sys, gymnasium as gym\n"
        f"assert pathlib.Path(dpbench.__file__).is_relative_to({str(site)!r}), dpbench.__file__\n"
        "env = gym.make('dpbench/PushT-v0'); env.reset(seed=0)\n"
        "from dpbench.registry import registry\n"
        "print(*registry('baseline').names(), *registry('format').names())"
    )
    done = subprocess.run(
        [str(python), "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "diffusion-cnn" in done.stdout
    assert "diffusion-policy-zarr" in done.stdout
