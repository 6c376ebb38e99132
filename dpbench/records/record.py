"""A record: one evaluation of one policy, as it is kept in a JSON file.

The models check what is read, and the JSON schema is generated from them (`dpbench.records.schema`). The fields are
closed, so that a misspelt one is found; the names in `summary` and `episodes` are those of `dpbench.metrics.table`, and
open, so that a metric can be added, or dropped, without another version of the schema.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from dpbench.errors import DataError
from dpbench.files.reading import Digest, Name, is_plain_name
from dpbench.metrics.metric import EpisodeValue, Value
from dpbench.metrics.statistics.intervals import Estimate
from dpbench.records.machine import Hardware, Latency, Part, Provenance
from dpbench.records.submission import Submission

SCHEMA_VERSION: Final = 2


class PolicyIdentity(Part):
    """What a policy is, checkpoint included; sources of policies add fields of their own, such as `latency_steps`."""

    model_config = ConfigDict(extra="allow")

    baseline: Name = Field(description="name of the method, of the scripted policy, or of the model's format")
    preset: Name | None = Field(description="size of the method; null for a policy without presets")
    config: dict[str, JsonValue] = Field(description="hyper-parameters, sampling included")
    n_parameters: int = Field(ge=0, description="of the networks; 0 for a policy without one")
    checkpoint_sha256: Name | None = Field(description="of the weights; null for a policy without weights")
    seed: int | None = Field(default=None, ge=0, description="of the training")
    step: int | None = Field(default=None, ge=0, description="gradient steps of the training")
    run_steps: int | None = Field(
        default=None, ge=1, description="gradient steps of the whole training, of one of the last checkpoints it kept"
    )

    @model_serializer(mode="wrap")
    def _as_given(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A field that was not given stays away: the identity is a hash of what was given."""
        return {key: value for key, value in serialise(self).items() if key in self.model_fields_set}


class EvaluatedCell(Part):
    """Everything that decides the episodes."""

    protocol_version: int = Field(description="of the harness")
    task: Name = Field(description="Gymnasium id")
    starts: Name = Field(description="name of the start protocol")
    reset_options: dict[str, JsonValue] = Field(description="options of `reset`")
    start_seeds: tuple[int, ...] = Field(description="seeds of `reset`")
    sampler_seeds: tuple[int, ...] = Field(description="each start is run once with each")
    policy: PolicyIdentity

    def canonical(self) -> str:
        """The JSON that the identity is the SHA-256 of."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    def identity(self) -> str:
        """SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


class Episodes(Part):
    """One list a metric, one item an episode; beside these three there is a list for each other metric."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, tuple[EpisodeValue, ...]] = Field(init=False)

    start_seed: tuple[int, ...] = Field(description="decides the start state")
    sampler_seed: tuple[int, ...] = Field(description="with the start seed decides the policy's noise")
    success: tuple[bool, ...] = Field(description="whether the task was solved at some step")

    @model_validator(mode="after")
    def _one_value_an_episode(self) -> Episodes:
        for name, values in self.columns().items():
            if len(values) != len(self.start_seed):
                raise ValueError(f"{name} has {len(values)} values, start_seed has {len(self.start_seed)}")
        return self

    def columns(self) -> Mapping[str, tuple[EpisodeValue, ...]]:
        """All lists by name."""
        known = {"start_seed": self.start_seed, "sampler_seed": self.sampler_seed, "success": self.success}
        return {**known, **(self.__pydantic_extra__ or {})}

    def column(self, name: str) -> NDArray[Any]:
        """A list as an array `(N,)`.

        Raises:
            KeyError: for a metric that the record does not have.
        """
        return np.asarray(self.columns()[name])

    def by_start(self, name: str) -> dict[int, float]:
        """Mean of a metric over the episodes from each start.

        Raises:
            KeyError: for a metric that the record does not have.
        """
        values, starts = self.column(name).astype(np.float64), self.column("start_seed")
        return {start: float(values[starts == start].mean()) for start in dict.fromkeys(self.start_seed)}

    def __len__(self) -> int:
        return len(self.start_seed)


class TrajectoryFile(Part):
    """The trajectories of the episodes, in a file beside the record (`dpbench.records.trajectories`)."""

    file: str = Field(description="its name, in the folder of the record")
    sha256: Digest = Field(description="of its content")

    @field_validator("file")
    @classmethod
    def _is_beside_the_record(cls, name: str) -> str:
        if not (is_plain_name(name) and name.endswith(".npz")):
            raise ValueError("is not the name of an .npz file beside the record")
        return name


class RealTime(Part):
    """The same trials with the policy's latency in the loop (`dpbench.policies.real_time`)."""

    latency: Latency = Field(description="each call takes one of its `times_s`")
    hardware: Hardware = Field(description="where the latency was measured")
    summary: dict[str, Annotated[Value, Field(union_mode="left_to_right")]] = Field(
        description="as in the record, in real time; `success_difference` is success minus that in lock-step"
    )
    episodes: Episodes = Field(description="as in the record, in real time")
    provenance: Provenance = Field(description="where these episodes come from")

    def estimate(self, name: str) -> Estimate:
        """A metric of the summary that has an interval.

        Raises:
            DataError: when the part does not have it.
        """
        value = self.summary.get(name)
        if not isinstance(value, Estimate):
            raise DataError(f"the figures in real time have no {name} with an interval; evaluate the policy again.")
        return value

    @model_validator(mode="after")
    def _has_the_times(self) -> RealTime:
        if self.latency.times_s is None:
            raise ValueError("latency has no times_s, which the episodes follow from")
        return self


class Record(Part):
    """One evaluation of one policy."""

    schema_version: Literal[2] = SCHEMA_VERSION
    identity: Digest = Field(description="SHA-256 of the canonical JSON of `cell` (sorted keys, no spaces)")
    cell: EvaluatedCell
    modes: tuple[Name, ...] = Field(default=(), description="the task's modes when it was evaluated")
    summary: dict[str, Annotated[Value, Field(union_mode="left_to_right")]] = Field(
        description="metrics of the set of episodes: mean, low and high (95 % interval), or a plain number"
    )
    episodes: Episodes
    trajectories: TrajectoryFile | None = Field(default=None, description="null where they were not kept")
    latency: Latency
    submission: Submission | None = Field(default=None, description="null for a run of our own")
    real_time: RealTime | None = Field(default=None, description="null where that was not evaluated")
    provenance: Provenance
    episodes_provenance: Provenance | None = Field(
        default=None, description="where the episodes come from, when only the latency was measured again"
    )

    @model_validator(mode="after")
    def _identity_is_that_of_the_cell(self) -> Record:
        if self.identity != self.cell.identity():
            raise ValueError("identity is not the SHA-256 of cell: the two do not belong together")
        return self

    @property
    def policy(self) -> PolicyIdentity:
        """What was evaluated."""
        return self.cell.policy

    @property
    def origin_of_episodes(self) -> Provenance:
        """Where the episodes come from, whenever the latency was measured."""
        return self.episodes_provenance or self.provenance

    @property
    def n_starts(self) -> int:
        """Different start states."""
        return len(set(self.episodes.start_seed))

    def with_latency(self, latency: Latency, provenance: Provenance) -> Record:
        """The same episodes with a latency that was measured again.

        Args:
            latency: the new one.
            provenance: of the new one.
        """
        of_episodes = self.origin_of_episodes
        return self.model_copy(
            update={"latency": latency, "provenance": provenance, "episodes_provenance": of_episodes}
        )

    def with_real_time(self, part: RealTime) -> Record:
        """The same lock-step episodes, with those in real time beside them."""
        return self.model_copy(update={"real_time": part})

    def mode_counts(self) -> dict[str, int]:
        """Mode -> successful episodes that showed it."""
        counts = dict.fromkeys(self.modes, 0)
        if not counts:
            return counts
        for mode, success in zip(self.episodes.columns()["mode"], self.episodes.success, strict=True):
            if success and mode is not None:
                counts[str(mode)] += 1
        return counts

    def estimate(self, name: str) -> Estimate:
        """A metric of the summary that has an interval.

        Raises:
            DataError: when the record does not have it.
        """
        value = self.summary.get(name)
        if not isinstance(value, Estimate):
            raise DataError(f"record {self.identity[:12]} has no {name} with an interval; evaluate the policy again.")
        return value

    def number(self, name: str) -> float | None:
        """The mean of a metric of the summary, or its number; None when the record does not have it."""
        value = self.summary.get(name)
        return value.mean if isinstance(value, Estimate) else value

    def as_json(self) -> dict[str, Any]:
        """Plain values for a JSON file; what is not known stays away."""
        content: dict[str, Any] = self.model_dump(mode="json")
        return {key: value for key, value in content.items() if value is not None}
