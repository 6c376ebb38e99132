"""Observations of several steps as one feature vector a step: vectors as they are, cameras through an encoder."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dpbench.errors import ConfigError
from dpbench.nets.features import Features
from dpbench.nets.vision import DIM_CAMERA, CameraEncoder


class ObservationEncoder(nn.Module):
    """Shared by all methods and called once a chunk; its share of the latency is recorded.

    Without cameras it has no parameters.

    Args:
        features: shapes of the observations.
        vision_width: channels of the first stage of each camera's ResNet-18.
    """

    def __init__(self, features: Features, vision_width: int) -> None:
        super().__init__()
        self._shapes = dict(features.observations)
        cameras = sorted(key for key in self._shapes if key.startswith("pixels."))
        # Module names may hold no dot.
        self.cameras = nn.ModuleDict(
            {key.removeprefix("pixels."): CameraEncoder(self._shapes[key], vision_width) for key in cameras}
        )
        self.dim = features.dim_vector + DIM_CAMERA * len(cameras)

    def forward(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Flat key -> `(B, T, ...)` to `(B, T, Do)`, keys in alphabetical order.

        Raises:
            ConfigError: for a missing observation, or one of another shape.
        """
        parts = []
        for key, shape in sorted(self._shapes.items()):
            value = observations.get(key)
            if value is None or value.shape[2:] != shape:
                found = "missing" if value is None else f"of shape {tuple(value.shape)}"
                raise ConfigError(f"observation {key!r} is {found}; expected (B, To, {', '.join(map(str, shape))}).")
            if key.startswith("pixels."):
                encoded = self.cameras[key.removeprefix("pixels.")](value.flatten(0, 1))
                value = encoded.view(*value.shape[:2], DIM_CAMERA)
            parts.append(value)
        return torch.cat(parts, dim=2)
