"""Records of older versions as JSON of the present one: pure functions, one a version.

| version | what changed |
|---|---|
| 1 | as first written |
| 2 | `summary`, `multimodality`, `commitment` and `actions` are one `summary`; `episodes` and `modes` give counts |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Json = dict[str, Any]

_OF_EPISODES = {
    "success_rate": "success",
    "mean_max_reward": "max_reward",
    "mean_max_score": "max_score",
    "mean_final_score": "final_score",
    "mean_length": "length",
    "mean_rms_jerk": "rms_jerk",
}
_OF_MODES = (
    "behaviour_entropy",
    "behaviour_entropy_corrected",
    "conditional_behaviour_entropy",
    "mode_coverage",
)
_OF_CHUNKS = {
    "energy_distance": "energy_distance",
    "energy_distance_floor": "energy_distance_floor",
    "mmd": "mmd",
    "mmd_floor": "mmd_floor",
    "invalid_share": "invalid_share",
    "invalid_share_floor": "invalid_share_floor",
    "n_states": "probe_states",
    "n_samples": "probe_samples",
}


def migrate(record: Json) -> Json:
    """JSON of the present version; a record of the present version, or of one to come, is returned as it is."""
    while (step := MIGRATIONS.get(record["schema_version"])) is not None:
        record = step(record)
    return record


def from_1_to_2(old: Json) -> Json:
    """See the table of the module."""
    gone = {"summary", "multimodality", "commitment", "actions", "episodes_of"}
    new: Json = {key: value for key, value in old.items() if key not in gone} | {"schema_version": 2}
    if "multimodality" in old:
        new["modes"] = list(old["multimodality"]["counts"])
    if "episodes_of" in old:
        new["episodes_provenance"] = old["episodes_of"]
    return {**new, "summary": names_of_version_2(old)}


def names_of_version_2(old: Json) -> Json:
    """The summary of a record from its four parts of version 1."""
    summary = {name: old["summary"][was] for was, name in _OF_EPISODES.items()}
    if "multimodality" in old:
        summary |= {name: old["multimodality"][name] for name in _OF_MODES}
    if "commitment" in old:
        summary["plan_consistency"] = old["commitment"]
    if "actions" in old:
        summary |= {name: old["actions"][was] for was, name in _OF_CHUNKS.items()}
    return summary


MIGRATIONS: Mapping[int, Callable[[Json], Json]] = {1: from_1_to_2}
"""Version -> the step to the next one."""
