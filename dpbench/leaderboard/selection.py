"""Which records stand on the pages: those of one protocol, the newest of each identity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dpbench.errors import ConfigError, DpbenchError
from dpbench.records import store
from dpbench.records.completion import completed
from dpbench.records.record import Record
from dpbench.spec import TaskSpec
from dpbench.tasks import find_task, load_task


@dataclass(frozen=True)
class Protocol:
    """What records must have in common to be compared.

    Attributes:
        starts: name of the start protocol, None for the first of each task.
        n_starts: number of start states, None for all of the protocol.
        sampler_seeds: each start state was run once with each.
        tasks: names of tasks; none for all.
    """

    starts: str | None = None
    n_starts: int | None = None
    sampler_seeds: tuple[int, ...] = (0,)
    tasks: Sequence[str] = ()


def shown_records(folder: Path, protocol: Protocol, say: Callable[[str], object] = lambda _: None) -> list[Record]:
    """The records of a folder that follow a protocol, with the metrics that are newer than they are.

    Args:
        folder: of the records.
        protocol: that they follow.
        say: is told of records whose task is not installed here.

    Raises:
        ConfigError: when no record follows the protocol.
        DataError: for a file that is not a record, or trajectories that are not those of theirs.
        UnknownNameError: for a task that does not exist.
    """
    wanted = {find_task(name) for name in protocol.tasks}
    known = [record for record in store.read_all(folder) if record.cell.task in wanted or not wanted]
    tasks = _installed(known, say)
    of_tasks = [record for record in known if record.cell.task in tasks]
    newest = {one.identity: one for one in of_tasks if _follows(one, tasks[one.cell.task], protocol)}
    if not newest:
        raise ConfigError(
            f"nothing to show: of the {len(known)} records in {folder} none has {_in_words(protocol)}; name other "
            "records with --records, or their protocol with --starts, --episodes and --sampler-seeds."
        )
    return [completed(record, folder) for record in newest.values()]


def _installed(records: Sequence[Record], say: Callable[[str], object]) -> dict[str, TaskSpec]:
    tasks: dict[str, TaskSpec] = {}
    for name in dict.fromkeys(record.cell.task for record in records):
        try:
            tasks[name] = load_task(name)
        except DpbenchError as error:
            count = sum(record.cell.task == name for record in records)
            say(f"{count} records of {name} are left out: {error}")
    return tasks


def _follows(record: Record, task: TaskSpec, protocol: Protocol) -> bool:
    if record.cell.sampler_seeds != protocol.sampler_seeds:
        return False
    name = protocol.starts or task.starts().name
    if record.cell.starts != name:
        return False
    starts = next((one for one in task.evaluation if one.name == name), None)  # the task may have dropped it since
    n_starts = protocol.n_starts or (starts.count if starts is not None else 0)
    if starts is None or len(record.cell.start_seeds) != n_starts:
        return False
    return record.cell.start_seeds == starts.seeds(n_starts)


def _in_words(protocol: Protocol) -> str:
    starts = f"the starts {protocol.starts!r}" if protocol.starts else "the first list of starts of its task"
    number = "all of it" if protocol.n_starts is None else f"{protocol.n_starts} of it"
    return f"{starts}, {number}, with the sampler seeds {','.join(map(str, protocol.sampler_seeds))}"
