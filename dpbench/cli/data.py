"""`dpbench data fetch`, `import`, `export` and `info`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text
from tqdm import tqdm

from dpbench.cli import kinds
from dpbench.cli.arguments import TASK, not_both
from dpbench.cli.json_output import json_text
from dpbench.data.episodes import UNKNOWN, EpisodeStore, open_store, store_name
from dpbench.data.fetch import fetch, fetch_archive, find_dataset
from dpbench.data.public import own_dataset
from dpbench.data.root import data_root
from dpbench.escaping import in_terminal, printable
from dpbench.files.locks import working_on

if TYPE_CHECKING:
    Actions = argparse._SubParsersAction[argparse.ArgumentParser]

EXAMPLE = """examples:
  dpbench data fetch pusht                      download, check and store the human demonstrations
  dpbench data fetch pusht --from pusht.zip     the same from a file, a folder or a mirror
  dpbench data fetch robomimic/lift/ph --task liftabs
  dpbench data import bet_data_release/multimodal_push --task blockpush --format bet-npy
  dpbench data import low_dim_v15.hdf5 --task lift --format robomimic-hdf5 --filter train
  dpbench data export Lift-v0 --task lift --out lift.hdf5
  dpbench data info pusht --picture pusht.png   counts, ranges and a picture
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    getting = actions.add_parser("fetch", help="download, check and store published demonstrations")
    getting.add_argument("name", type=kinds.name, help="name of a public data set, as in the examples")
    getting.add_argument(
        "--from",
        dest="source",
        type=kinds.path_or_name,
        help="file, folder or mirror to use instead of the published address",
    )
    getting.add_argument(
        "--task", type=kinds.name, help=f"task to build the store for: {TASK} (default: the first that can read it)"
    )
    importing = _add_import(actions)
    exporting = actions.add_parser(
        "export", help="write generated demonstrations in the format of the task's public data"
    )
    exporting.add_argument(
        "name",
        type=kinds.path_or_name,
        help="store of `dpbench demos generate`: its path, or its name in the data root",
    )
    exporting.add_argument("--task", required=True, type=kinds.name, help="task of the store")
    exporting.add_argument("--out", type=kinds.new_path, required=True, help="file to write")
    looking = actions.add_parser("info", help="counts, ranges and a picture of a store")
    looking.add_argument("name", type=kinds.path_or_name, help="name of a store in the data root, or its path")
    looking.add_argument("--picture", type=kinds.new_file(".png"), help="where to draw the trajectories, a PNG file")
    for action in (getting, importing, exporting, looking):
        action.add_argument(
            "--data-dir",
            type=kinds.data_dir,
            help="data root, the folder of all stores (default $DPBENCH_DATA, else ./data)",
        )
        action.add_argument("--json", action="store_true", help="print JSON")


def _add_import(actions: Actions) -> argparse.ArgumentParser:
    importing = actions.add_parser("import", help="build a task's store from an archive of another project")
    importing.add_argument("source", type=kinds.path, help="archive, or the folder it is in")
    importing.add_argument("--task", required=True, type=kinds.name, help=TASK)
    importing.add_argument(
        "--format",
        required=True,
        type=kinds.name,
        help="bet-npy, diffusion-policy-zarr, robomimic-hdf5, or a format of a plug-in",
    )
    importing.add_argument(
        "--filter", type=kinds.name, help="only the episodes that the archive lists under this name, such as train"
    )
    importing.add_argument(
        "--out", type=kinds.new_folder, help="store to create (default DATA_ROOT/NAME-imported.zarr)"
    )
    return importing


def run(arguments: argparse.Namespace) -> int:
    """Fetch, import, export or describe."""
    if arguments.action == "import":
        not_both(arguments, "--out", "--data-dir")
    if arguments.action == "fetch":
        store = _fetch(arguments, data_root(arguments.data_dir))
    elif arguments.action == "import":
        store = _import(arguments)
    else:
        store = open_store(arguments.name, arguments.data_dir)
    if arguments.action == "export":
        _export(arguments, store)
    if arguments.action == "info" and arguments.picture is not None:
        from dpbench.data.picture import save_picture  # matplotlib is slow to import

        with working_on(arguments.picture):
            save_picture(store, arguments.picture)
    described = describe(store)
    print(json_text(described)) if arguments.json else _print(described)
    return 0


def _fetch(arguments: argparse.Namespace, root: Path) -> EpisodeStore:
    dataset, task = find_dataset(arguments.name, arguments.task)
    if dataset == own_dataset(task):
        store, built = fetch(dataset, task, root, arguments.source)
    else:
        store, built = fetch_archive(dataset, task, root, arguments.source, _warn)
    if not arguments.json:
        print(f"{'built:' if built else 'exists already:'} {store.path}")
    return store


def _import(arguments: argparse.Namespace) -> EpisodeStore:
    from dpbench.data.importing import import_archive
    from dpbench.tasks import load_task

    task = load_task(arguments.task)
    path = arguments.out or data_root(arguments.data_dir) / f"{store_name(task)}-imported.zarr"
    with tqdm(unit="episode", desc=task.id, disable=arguments.json, delay=0.5) as bar:
        return import_archive(
            task, arguments.source, arguments.format, path, bar.update, filter_name=arguments.filter, say=_warn
        )


def _export(arguments: argparse.Namespace, store: EpisodeStore) -> None:
    from dpbench.demonstrations.exporting import export
    from dpbench.tasks import load_task

    with working_on(arguments.out):
        export(load_task(arguments.task), store, arguments.out)
    if not arguments.json:
        print(f"written: {arguments.out}")


def _warn(sentence: str) -> None:
    tqdm.write(f"note: {printable(sentence)}", file=sys.stderr)  # does not break the progress bar


def describe(store: EpisodeStore) -> dict[str, Any]:
    """Counts, lengths and the range of every array; `start_seeds` is the number of episodes whose start is known."""
    lengths = np.diff(store.episode_ends, prepend=0)
    arrays = {}
    for key in store.keys():  # noqa: SIM118  # a store is no mapping
        shape, dtype = store.item(key)
        arrays[key] = {"shape": list(shape), "dtype": dtype.name, **_ranges(store, key)}
    return {
        "path": str(store.path),
        "episodes": store.n_episodes,
        "steps": store.n_steps,
        "start_seeds": int((store.start_seeds != UNKNOWN).sum()),
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
    counts = f": {described['episodes']} episodes, {described['steps']} steps"
    console.print(Text.assemble((printable(described["path"]), "bold"), counts), soft_wrap=True)
    if described["episodes"]:
        console.print(f"episode length: {length['min']:.0f} to {length['max']:.0f} steps, mean {length['mean']:.1f}")
        console.print(f"start seeds: known for {described['start_seeds']} episodes")
    table = Table("array", "shape of a step", "dtype", "min", "mean", "max")
    for name, row in described["arrays"].items():
        figures = [f"{row[key]:.3f}" if row[key] is not None else "-" for key in ("min", "mean", "max")]
        table.add_row(in_terminal(name), str(tuple(row["shape"])), row["dtype"], *figures)
    console.print(table)
