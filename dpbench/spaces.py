"""Flat observation keys, as a TaskSpec has them, and the nested observations of Gymnasium."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from dpbench.errors import check_whole
from dpbench.spec import ActionSpec, ArraySpec

MAX_SIDE_PX = 4096


def check_render_size(render_size: int) -> None:
    """Raise ConfigError for a picture that cannot be drawn; `render_size` is its side, px."""
    check_whole("render_size", render_size, 1, MAX_SIDE_PX)


def array_space(spec: ArraySpec) -> spaces.Box:
    """The Gymnasium space of an array."""
    dtype = np.dtype(spec.dtype)
    low, high = (np.broadcast_to(np.asarray(bound, dtype), spec.shape).copy() for bound in (spec.low, spec.high))
    return spaces.Box(low, high, spec.shape, dtype.type)


def action_space(spec: ActionSpec) -> spaces.Box[np.float32]:
    """The Gymnasium space of an action, float32."""
    return spaces.Box(np.array(spec.low, dtype=np.float32), np.array(spec.high, dtype=np.float32))


def observation_space(specs: Mapping[str, ArraySpec]) -> spaces.Dict:
    """The Dict space of flat keys: `"pixels.top"` becomes `pixels -> top`."""
    arrays = nested({key: array_space(spec) for key, spec in specs.items()})
    return spaces.Dict({key: spaces.Dict(value) if isinstance(value, dict) else value for key, value in arrays.items()})


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Flat keys as nested ones: `"pixels.top"` becomes `pixels -> top`; the inverse of `flatten`."""
    values: dict[str, Any] = {}
    for key, value in flat.items():
        group, _, name = key.partition(".")
        if name:
            values.setdefault(group, {})[name] = value
        else:
            values[key] = value
    return values


def flatten(observation: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, NDArray[Any]]]:
    """Nested observations as flat keys: `pixels -> top` becomes `"pixels.top"`."""
    for key, value in observation.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
