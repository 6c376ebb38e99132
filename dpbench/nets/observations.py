"""Vector observations of several steps as one vector."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from dpbench.errors import ConfigError


def observation_vector(observations: Mapping[str, Tensor]) -> Tensor:
    """Join all observations of all steps, keys in alphabetical order: flat key -> `(B, To, D)` to `(B, To * Do)`.

    Raises:
        ConfigError: for image observations, which need an encoder.
    """
    for key, value in observations.items():
        if value.ndim != 3:
            raise ConfigError(f"observation {key!r} has shape {tuple(value.shape)}; this method takes vectors only.")
    return torch.cat([observations[key] for key in sorted(observations)], dim=2).flatten(1)
