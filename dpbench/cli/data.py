"""`dpbench data fetch` and `dpbench data info`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from dpbench.data.episodes import EpisodeStore, data_root
from dpbench.data.fetch import fetch, find_dataset

EXAMPLE = """examples:
  dpbench data fetch pusht                      download, check and store the human demonstrations
  dpbench data fetch pusht --from pusht.zip     the same from a file, a folder or a mirror
  dpbench data info pusht --picture pusht.png   counts, ranges and a picture
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    getting = actions.add_parser("fetch", help="download published demonstrations, or take them from a file")
    getting.add_argument("name", help="data set, such as pusht")
    getting.add_argument("--from", dest="source", help="archive, folder or address to take it from")
    looking = actions.add_parser("info", help="counts, ranges and a picture of a store")
    looking.add_argument("name", help="data set, such as pusht, or path of a store")
    looking.add_argument("--picture", type=Path, help="where to draw the trajectories, a PNG file")
    for action in (getting, looking):
        action.add_argument("--data-dir", help="data root (default $DPBENCH_DATA, else ./data)")
        action.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Fetch or describe."""
    root = data_root(arguments.data_dir)
    if arguments.action == "fetch":
        store, built = fetch(find_dataset(arguments.name), root, arguments.source)
        if not arguments.json:
            print(f"{'built' if built else 'already there:'} {store.path}")
    else:
        path = Path(arguments.name)
        store = EpisodeStore.open(path if (path / ".zgroup").exists() else root / f"{arguments.name}.zarr")
    if arguments.action == "info" and arguments.picture is not None:
        from dpbench.data.picture import save_picture  # matplotlib is slow to import

        save_picture(store, arguments.picture)
    described = describe(store)
    print(json.dumps(described, indent=2)) if arguments.json else _print(described)
    return 0


def describe(store: EpisodeStore) -> dict[str, Any]:
    """Counts, lengths and the range of every array."""
    lengths = np.diff(store.episode_ends, prepend=0)
    arrays = {}
    for key in store.keys():  # noqa: SIM118  # a store is no mapping
        shape, dtype = store.item(key)
        arrays[key] = {"shape": list(shape), "dtype": dtype.name, **_ranges(store, key)}
    return {
        "path": str(store.path),
        "episodes": store.n_episodes,
        "steps": store.n_steps,
        "episode_length": {
            name: float(function(lengths)) if len(lengths) else None
            for name, function in (("min", np.min), ("mean", np.mean), ("max", np.max))
        },
        "arrays": arrays,
    }


def _ranges(store: EpisodeStore, key: str) -> dict[str, float | None]:
    low, high, total, count = np.inf, -np.inf, 0.0, 0
    for start in range(0, store.n_steps, 2048):  # block by block: images do not fit into memory
        block = store.read(key, start, start + 2048)
        low, high = min(low, float(block.min())), max(high, float(block.max()))
        total, count = total + float(block.sum(dtype=np.float64)), count + block.size
    return {"min": low, "mean": total / count, "max": high} if count else {"min": None, "mean": None, "max": None}


def _print(described: dict[str, Any]) -> None:
    length = described["episode_length"]
    console = Console()
    console.print(
        f"[bold]{described['path']}[/bold]: {described['episodes']} episodes, {described['steps']} steps",
        soft_wrap=True,
    )
    if described["episodes"]:
        console.print(f"episode length: {length['min']:.0f} to {length['max']:.0f} steps, mean {length['mean']:.1f}")
    table = Table("array", "shape of a step", "dtype", "min", "mean", "max")
    for name, row in described["arrays"].items():
        figures = [f"{row[key]:.3f}" if row[key] is not None else "-" for key in ("min", "mean", "max")]
        table.add_row(name, str(tuple(row["shape"])), row["dtype"], *figures)
    console.print(table)
