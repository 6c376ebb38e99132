"""Runs commands, kills them before their n-th change of a file, types them again, and compares; for `test_killed`.

One process imports everything; each command runs in a copy of it (fork). Changes are seen by an audit hook, so that a
kill can fall before any of them: every file that is opened to write, every rename, folder and removal.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from dpbench.cli import main
from dpbench.data.episodes import EpisodeStore, step_shapes
from dpbench.demonstrations import generation
from dpbench.policies.checkpoint import load_checkpoint
from dpbench.training.kept import kept_checkpoints

CHANGES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree"}
COMMANDS = {
    "demos generate": "demos generate Avoid-v0 --episodes 2 --workers 1 --out {}/s.zarr",
    "data import": "data import {known}/archive --task PushT-v0 --format diffusion-policy-zarr --out {}/s.zarr",
    "train": "train mlp-bc --task Avoid-v0 --store {known}/avoid.zarr --out {}/run --set n_steps=4 --set width=16 "
    "--set batch_size=8 --rollouts 0 --save-every 2 --report-every 2 --keep-checkpoints 2 --checkpoint-every 1",
    "compare": "compare --zoo zoo/Avoid-v0 --policies hold --episodes 1 --workers 1 --records {}/records",
}
KILLS = {"demos generate": 8, "data import": 8, "train": 8, "compare": 3}
"""Of each command, times the number on the command line."""


@contextmanager
def here(_: int) -> Iterator[object]:
    """In place of worker processes: the work is done here."""

    class Here:
        map = staticmethod(lambda function, numbers, chunksize: map(function, numbers))  # noqa: ARG005

    yield Here()


def prepare(folder: Path) -> None:
    """A store of two episodes of Avoid, and an archive of two made-up ones of Push-T."""
    for number in (0, 1):
        made = generation.demonstrate("dpbench/Avoid-v0", number)
        if number == 0:
            store = EpisodeStore.create(folder / "avoid.zarr", step_shapes(made.arrays), {"task": "dpbench/Avoid-v0"})
        store.append(made.arrays, made.start_seed)
    rng = np.random.default_rng(0)
    state = np.concatenate([rng.uniform(100, 400, (20, 4)), rng.uniform(0, 6, (20, 1))], axis=1).astype(np.float32)
    steps = {"state": state, "action": state[:, :2], "keypoint": rng.uniform(100, 400, (20, 9, 2)).astype(np.float32)}
    steps["img"] = np.zeros((20, 96, 96, 3), np.float32)
    archive = EpisodeStore.create(folder / "archive", step_shapes(steps))
    for _ in range(2):
        archive.append(steps)


def in_a_copy(work: Callable[[], object]) -> int:
    """The status of a forked process that does the work; below 0 for a signal."""
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os._exit(int(bool(work())))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def counting(folder: Path, stop_before: int | None, counted: Path | None = None) -> Callable[[list[str]], int]:
    """Runs a command that is killed before one of its changes below a folder, or counts them."""

    def run(arguments: list[str]) -> int:
        n_changes = 0

        def hook(event: str, values: tuple[object, ...]) -> None:
            nonlocal n_changes
            if event not in CHANGES or not str(values[0]).startswith(str(folder)):
                return
            if event == "open" and not (isinstance(values[2], int) and values[2] & (os.O_WRONLY | os.O_RDWR)):
                return
            n_changes += 1
            if n_changes == stop_before:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        status = main(arguments)
        if counted is not None:
            counted.write_text(str(n_changes), encoding="utf-8")
        return status

    return run


def content(name: str, folder: Path) -> object:
    """What a command left: the bytes of its files; where they hold times of day, what stands beside those."""
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    if name == "compare":
        records = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*--*.json"))]
        records = [record for record in records if "episodes" in record]
        kept = sorted((record["identity"], json.dumps(record["episodes"])) for record in records)
        return [kept, sorted(Path(name).suffix for name in names)]
    if name == "train":
        files = {path.name for path in (folder / "run").iterdir()}
        rows = (folder / "run/log.csv").read_text(encoding="utf-8").splitlines()
        hashes = [load_checkpoint(one).sha256 for one in (folder / "run", *kept_checkpoints(folder / "run"))]
        return [names, sorted(files), hashes, [row.split(",")[0] for row in rows]]
    digest = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()]
    return [names, digest]


def attack(name: str, root: Path, n_kills: int, rng: random.Random) -> dict[str, object]:
    """Kill a command at some of its changes, chosen at random; type it again each time."""

    def arguments(folder: Path) -> list[str]:
        return COMMANDS[name].replace("{known}", str(root)).replace("{}", str(folder)).split()

    whole, counted = root / f"{name}-whole".replace(" ", "-"), root / "counted"
    whole.mkdir()
    if in_a_copy(lambda: counting(whole, None, counted)(arguments(whole))) != 0:
        return {"kills": 0, "wrong": ["it fails undisturbed"]}
    n_changes, expected, wrong, kills = int(counted.read_text(encoding="utf-8")), content(name, whole), [], 0
    for moment in sorted(rng.sample(range(1, n_changes + 1), min(n_kills, n_changes))):
        folder = root / f"{name}-{moment}".replace(" ", "-")
        folder.mkdir()
        killed = in_a_copy(lambda: counting(folder, moment)(arguments(folder)))  # noqa: B023
        kills += killed == -signal.SIGKILL
        again = in_a_copy(lambda: main(arguments(folder)))  # noqa: B023
        found = content(name, folder)  # killed after the last rename, an import finds its store, which it refuses
        if found != expected or (again and name != "data import"):
            wrong.append(f"killed before change {moment} of {n_changes}: {found}, expected {expected}")
    return {"kills": kills, "wrong": wrong}


if __name__ == "__main__":
    top, wanted = Path(sys.argv[1]), int(sys.argv[2])
    generation.worker_processes = here  # type: ignore[assignment]
    prepare(top)
    draws = random.Random(0)
    results = {name: attack(name, top, wanted * KILLS[name], draws) for name in COMMANDS}
    print(json.dumps(results))
