"""Parts of a record that depend on the machine: the latency of its policy, and where its results come from."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from dpbench.files.reading import Name

IDLE_BELOW_CORES = 0.1
MAX_CALL_S = 1e6
Text = Annotated[str, Field(max_length=500)]
"""What a machine says of itself."""


class Part(BaseModel):
    """A part of a record: frozen, closed, of strict types and finite numbers."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Percentiles(Part):
    """Of a time, s."""

    p50: float = Field(ge=0)
    p95: float = Field(ge=0)
    p99: float = Field(ge=0)


class Latency(Part):
    """Inference latency of one environment, see `dpbench.evaluation.latency`; null where an old record does not say."""

    call_s: Percentiles = Field(description="of one call, s")
    control_step_s: Percentiles = Field(description="of a call, divided by the steps that it serves (Ta), s")
    encode_s: Percentiles | None = Field(default=None, description="part of a call spent in the observation encoder, s")
    held_rate_hz: float | None = Field(
        default=None,
        description="control rate at which, 99 times in 100, the next chunk is ready when the last one ends, with "
        "inference beside the control loop: Ta / p99 of a call",
    )
    blocking_rate_hz: float | None = Field(
        default=None,
        description="the same when the control loop waits for the policy at every chunk: 1 / p99 of a call",
    )
    n_calls: int = Field(ge=0, description="timed calls")
    n_warmup: int | None = Field(default=None, description="calls before the timed ones")
    n_threads: int = Field(ge=1, description="CPU threads that torch may use")
    clock: Name | None = Field(default=None, description="name of the clock")
    other_cores: float | None = Field(
        default=None,
        description="CPU cores that other processes kept busy meanwhile, on average; the machine counts as otherwise "
        f"idle below {IDLE_BELOW_CORES}",
    )
    times_s: tuple[Annotated[float, Field(ge=0, le=MAX_CALL_S)], ...] | None = Field(
        default=None, min_length=1, description="of each timed call, s, to the nanosecond"
    )

    @property
    def idle(self) -> bool | None:
        """Whether the machine was otherwise idle; None where that is unknown."""
        return self.other_cores < IDLE_BELOW_CORES if self.other_cores is not None else None


class Commit(Part):
    """Of the checkout that was run; null outside of one."""

    id: Name | None
    dirty: bool | None = Field(description="whether files differed from the commit")


class Hardware(Part):
    """The machine."""

    cpu: Text
    family: Text | None = Field(default=None, description="of the processor: vendor, family and model, as Linux tells")
    instructions: Text | None = Field(default=None, description="vector instructions that torch uses on it")
    cores: int | None = Field(ge=1)
    gpu: Text | None
    platform: Text


class Threads(Part):
    """CPU threads while the actions of the episodes were computed; those of the latency stand beside it."""

    torch: int | None = Field(description="that torch may use")
    blas: Text | None = Field(description="that numpy's BLAS may use, as the environment sets it; null for all cores")


class Provenance(Part):
    """Where a result comes from, beside everything in `cell`."""

    versions: dict[Name, Text | None] = Field(
        description="of Python, and of the packages that harness, task and policy name as deciding their results"
    )
    threads: Threads | None = Field(default=None, description="null where an old record does not say")
    commit: Commit
    hardware: Hardware
    date_utc: str = Field(pattern=r"^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d\+00:00)?$", description="ISO 8601")
    command: str
