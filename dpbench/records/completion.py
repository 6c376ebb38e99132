"""A record of earlier with the metrics that came later, computed from its trajectories where it has them."""

from __future__ import annotations

from pathlib import Path

from dpbench.metrics.measure import measured
from dpbench.metrics.metric import Metric, OfEpisode, OfSet
from dpbench.metrics.table import metrics_of
from dpbench.records.record import Episodes, Record
from dpbench.records.trajectories import TRAJECTORIES, read_trajectories
from dpbench.tasks import load_task


def completed(record: Record, folder: Path) -> Record:
    """A record with every metric of the table that it holds, or that its trajectories tell; nothing is written.

    Trajectories are read only where a metric is missing.

    Args:
        record: of any age.
        folder: of the record and its trajectories.

    Raises:
        DataError: for trajectories that are not those of the record.
    """
    task = load_task(record.cell.task)
    missing = [metric for metric in metrics_of(task) if _lacks(record, metric)]
    kept = record.trajectories
    if not missing or kept is None or not (folder / kept.file).exists():
        return record
    recorded = read_trajectories(folder, kept, task)
    trials = [(episode.trial.start_seed, episode.trial.sampler_seed) for episode in recorded.episodes]
    if trials != list(zip(record.episodes.start_seed, record.episodes.sampler_seed, strict=True)):
        raise TRAJECTORIES.wrong(folder / kept.file, "its episodes are not those of the record")
    columns, summary = measured(recorded, missing)
    return record.model_copy(
        update={
            "summary": {**record.summary, **summary},
            "episodes": Episodes.model_validate({**record.episodes.columns(), **columns}),
        }
    )


def _lacks(record: Record, metric: Metric) -> bool:
    if isinstance(metric.of, OfEpisode):
        return metric.name not in record.episodes.columns()
    return isinstance(metric.of, OfSet) and metric.name not in record.summary
