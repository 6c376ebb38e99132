"""`dpbench data fetch`, `dpbench data import` and `dpbench data info`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from dpbench.data.episodes import EpisodeStore, data_root, store_name
from dpbench.data.fetch import fetch, find_dataset

EXAMPLE = """examples:
  dpbench data fetch pusht                      download, check and store the human demonstrations
  dpbench data fetch pusht --from pusht.zip     the same from a file, a folder or a mirror
  dpbench data import bet_data_release/multimodal_push --task blockpush --format bet-npy
  dpbench data info pusht --picture pusht.png   counts, ranges and a picture
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    getting = actions.add_parser("fetch", help="download published demonstrations, or take them from a file")
    getting.add_argument("name", help="data set, such as pusht")
    getting.add_argument("--from", dest="source", help="archive, folder or address to take it from")
    importing = actions.add_parser("import", help="build a task's store from an archive of another project")
    importing.add_argument("source", type=Path, help="archive, or folder that holds it")
    importing.add_argument("--task", required=True, help="Gymnasium id or short name, such as blockpush")
    importing.add_argument("--format", required=True, help="bet-npy, diffusion-policy-zarr or a plugin's")
    importing.add_argument("--out", type=Path, help="store (default DATA_ROOT/NAME-imported.zarr)")
    looking = actions.add_parser("info", help="counts, ranges and a picture of a store")
    looking.add_argument("name", help="data set, such as pusht, or path of a store")
    looking.add_argument("--picture", type=Path, help="where to draw the trajectories, a PNG file")
    for action in (getting, importing, looking):
        action.add_argument("--data-dir", help="data root (default $DPBENCH_DATA, else ./data)")
        action.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Fetch, import or describe."""
    root = data_root(arguments.data_dir)
    if arguments.action == "fetch":
        store, built = fetch(find_dataset(arguments.name), root, arguments.source)
        if not arguments.json:
            print(f"{'built' if built else 'already there:'} {store.path}")
    elif arguments.action == "import":
        store = _import(arguments, root)
    else:
        path = Path(arguments.name)
        store = EpisodeStore.open(path if (path / ".zgroup").exists() else root / f"{arguments.name}.zarr")
    if arguments.action == "info" and arguments.picture is not None:
        from dpbench.data.picture import save_picture  # matplotlib is slow to import

        save_picture(store, arguments.picture)
    described = describe(store)
    print(json.dumps(described, indent=2)) if arguments.json else _print(described)
    return 0


def _import(arguments: argparse.Namespace, root: Path) -> EpisodeStore:
    from tqdm import tqdm  # only where something is imported

    from dpbench.cli.demos import task_id
    from dpbench.data.importing import import_archive
    from dpbench.tasks import load_task

    task = load_task(task_id(arguments.task))
    path = arguments.out or root / f"{store_name(task)}-imported.zarr"
    with tqdm(unit="episode", desc=task.id, disable=arguments.json) as bar:
        return import_archive(task, arguments.source, arguments.format, path, bar.update)


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
