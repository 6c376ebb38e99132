"""`dpbench leaderboard add`: a record from elsewhere, checked and, if all holds, added to ours."""

from __future__ import annotations

import argparse
from pathlib import Path

from dpbench.cli import kinds
from dpbench.cli.arguments import add_workers_argument, only_with
from dpbench.cli.json_output import json_text
from dpbench.escaping import printable
from dpbench.files.locks import working_on

EXAMPLE = """examples:
  dpbench leaderboard add submitted/PushTKeypoints-v0--mlp-bc.json
  dpbench leaderboard add submitted/record.json --checkpoint submitted/checkpoint --verify 10
  dpbench leaderboard add submitted/record.json --checkpoint submitted/checkpoint --verify all --json

The trajectories (.npz) stand beside the record. Their actions are played again in the simulator, and every figure is
computed from them; with --verify, episodes are made again by the policy. The first thing that does not hold is said in
one line, and nothing is added.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument("record", type=kinds.path, help="JSON of the record")
    parser.add_argument("--checkpoint", type=kinds.folder, help="folder of the policy's checkpoint")
    parser.add_argument(
        "--verify",
        type=kinds.count_or_all,
        default=0,
        metavar="N",
        help="make N episodes, or all, again from the policy (default: none)",
    )
    parser.add_argument(
        "--sample-seed", type=kinds.seed, help="choose the same episodes as an earlier --verify (default: a new choice)"
    )
    parser.add_argument(
        "--records", type=kinds.new_folder, default=Path("leaderboards/records"), help="folder to add it to"
    )
    add_workers_argument(parser)
    parser.add_argument("--json", action="store_true", help="print what was checked as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Check, print what was checked, and add."""
    only_with(arguments, arguments.verify != 0, "--verify", "--sample-seed")
    with working_on(arguments.records):
        return _add(arguments)


def _add(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm  # heavy imports only when something is checked

    from dpbench.comparison.submissions.submission import Wanted, check, refuse_known
    from dpbench.records import store

    wanted = Wanted(arguments.checkpoint, arguments.verify, arguments.sample_seed, arguments.workers)
    known = store.read_all(arguments.records)
    with tqdm(unit="episode", desc="played again") as bar:
        checked = check(arguments.record, wanted, bar.update)
    is_there = refuse_known(arguments.record, checked.record, known)
    record = checked.record if is_there else store.add(arguments.records, checked.record, checked.recorded)
    told = "is there already, nothing was changed" if is_there else f"added to {arguments.records}"
    if arguments.json:
        checks = {one.what: one.found for one in checked.checks}
        note = record.submission.model_dump(mode="json") if record.submission is not None else None
        print(json_text({"added": not is_there, "identity": record.identity, "checks": checks, "submission": note}))
        return 0
    for one in checked.checks:
        print(f"{one.what:<13}{printable(one.found)}")
    print(printable(f"{arguments.record}: {told}"))
    return 0
