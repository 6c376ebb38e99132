"""Runs a suite, kills it at random moments, types the same line again, and compares; for `test_killed_suites`.

One process imports everything; each command runs in a copy of it (fork), and so do its workers, which in earnest are
spawned. Killed are the command, one of its workers, or all of them at once.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from multiprocessing import get_context
from pathlib import Path

from dpbench.cli import compare, compare_suite, main, suite_display  # noqa: F401  # imported once, before the copies
from dpbench.comparison.engines import local, worker  # noqa: F401
from dpbench.comparison.suites import expansion, run  # noqa: F401
from dpbench.data.episodes import EpisodeStore, step_shapes
from dpbench.demonstrations.generation import demonstrate
from dpbench.leaderboard import tables  # noqa: F401
from dpbench.policies.checkpoint import load_checkpoint
from dpbench.training.kept import kept_checkpoints

TASK = "dpbench/Avoid-v0"
SUITE = """
[evaluation]
episodes = 2
[[train]]
methods = ["mlp-bc"]
tasks = ["Avoid-v0"]
set = {{ n_steps = 30, width = 16, batch_size = 8 }}
store = "{store}"
checkpoints = "last-2"
[[policies]]
names = ["hold", "random"]
tasks = ["Avoid-v0"]
"""
MAX_S = 60.0


def start(folder: Path) -> int:
    """The process of a copy that runs the suite, the first of a group of its own."""
    child = os.fork()
    if child == 0:
        os.setsid()
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        line = (
            f"compare --suite {folder.parent}/suite.toml --store {folder}/store --records {folder}/records --workers 2"
        )
        os._exit(main(line.split()))
    return child


def workers_of(process: int) -> list[int]:
    """The children of a process; none where it has ended."""
    try:
        return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def ended(process: int, within_s: float) -> int | None:
    """The status of a process, None where it still runs."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    return None


def content(folder: Path) -> object:
    """What a suite left, but dates, latencies and where it was computed."""
    cells = []
    for path in (folder / "records").glob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        del record["latency"], record["provenance"]
        record.pop("episodes_provenance", None)
        record["trajectories"] = record["trajectories"]["sha256"]
        cells.append(json.dumps(record, sort_keys=True))
    trained = [path for path in sorted((folder / "store/trainings").iterdir()) if path.is_dir()]
    weights = [load_checkpoint(one).sha256 for path in trained for one in (path, *kept_checkpoints(path))]
    return [sorted(cells), [path.name for path in trained], weights]


def left(folder: Path) -> list[str]:
    """Half-written files, and such of failures."""
    return [str(path) for path in folder.rglob("*") if path.name.endswith(".tmp") or path.parent.name == "failed"]


def kill(process: int, what: str) -> None:
    """Kill a part of a running suite."""
    if what == "all":
        os.killpg(process, signal.SIGKILL)
    elif what == "command":
        os.kill(process, signal.SIGKILL)
    elif workers := workers_of(process):
        os.kill(random.choice(workers), signal.SIGKILL)


def attack(root: Path, n_kills: int, draws: random.Random) -> dict[str, object]:
    """Kill and type again until there were enough kills; whenever a suite ends, compare."""
    for name in ("first", "whole"):  # the first waits for what the next ones find in memory
        started, whole = time.monotonic(), root / name
        if ended(start(whole), MAX_S) != 0:
            return {"kills": {}, "wrong": ["it fails undisturbed"]}
        whole_s, expected = time.monotonic() - started, content(whole)
    kills: Counter[str] = Counter()
    wrong: list[object] = []
    n_whole = 0
    while sum(kills.values()) < n_kills:
        folder = root / f"attacked-{n_whole}"
        for what in draws.sample(("command", "worker", "all", "command"), 4):
            process = start(folder)
            if ended(process, draws.uniform(0, 0.8 * whole_s)) is not None:
                break
            kill(process, what)
            kills[what] += 1
            if what != "worker":
                ended(process, MAX_S)
            elif (status := ended(process, MAX_S)) != 0:  # another worker does what the killed one did
                wrong.append(f"status {status} after a worker was killed")
        status = ended(start(folder), MAX_S)
        found = content(folder)
        if status != 0 or found != expected or left(folder):
            wrong.append([status, found, expected, left(folder)])
        n_whole += 1
    return {"kills": kills, "whole": n_whole, "whole_s": whole_s, "wrong": wrong}


if __name__ == "__main__":
    top = Path(sys.argv[1])
    local.get_context = lambda _: get_context("fork")  # type: ignore[assignment]
    made = demonstrate(TASK, 0)
    store = EpisodeStore.create(top / "avoid.zarr", step_shapes(made.arrays), {"task": TASK})
    for _ in range(2):
        store.append(made.arrays, made.start_seed)
    (top / "suite.toml").write_text(SUITE.format(store=top / "avoid.zarr"), encoding="utf-8")
    print(json.dumps(attack(top, int(sys.argv[2]), random.Random(int(sys.argv[3])))))
