"""A trained network as a Policy: normalise, sample, denormalise, cut out the executed slice."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dpbench.data.normalise import Normaliser, normalise_pixels
from dpbench.errors import DataError
from dpbench.nets.observations import ObservationEncoder
from dpbench.policies.method import Method, Recurrent
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations
from dpbench.spec import Horizon

MICRO_BATCH = 10
"""Rows of a network call. Matrix kernels round differently for different batch sizes; with one size for all, an episode
has the same result alone and among fifty. It divides the 50 start states of published protocols."""


class LearnedPolicy:
    """A method that acts.

    Args:
        method: torch module with `sample`, on `device`, in evaluation mode.
        horizon: To, Tp, Ta.
        normalisers: flat key or `"action"` -> normaliser.
        device: where `method` lives.
        micro_batch: rows of a network call; a smaller batch is filled up with copies of its last row. None takes the
            batch as it is, which timing needs.
    """

    def __init__(
        self,
        method: Method,
        horizon: Horizon,
        normalisers: Mapping[str, Normaliser],
        device: torch.device,
        micro_batch: int | None = MICRO_BATCH,
    ) -> None:
        self._method = method
        self._horizon = horizon
        self._normalisers = normalisers
        self._device = device
        self._micro_batch = micro_batch
        self._memory: dict[int, Tensor] = {}

    @property
    def horizon(self) -> Horizon:
        """Observed, predicted and executed steps."""
        return self._horizon

    def reset(self) -> None:
        """Forget the recurrent state of every episode."""
        self._memory.clear()

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:
        """`(B, To, ...)` in the task's units -> `(B, Ta, Da)` in the task's units.

        Raises:
            DataError: for NaN or infinite observations.
        """
        normal = {key: self._normalise(key, value) for key, value in observations.items()}
        n_rows = len(noise)
        size = self._micro_batch or n_rows
        chunks = []
        for begin in range(0, n_rows, size):
            # Copies get noise of their own: a second draw from the row's stream would change the row's next noise.
            rows = np.minimum(np.arange(begin, begin + size), n_rows - 1)
            n_fill = max(0, begin + size - n_rows)
            real = noise.rows(rows[: size - n_fill])
            filled = NoiseStreams(
                real.generators + NoiseStreams.from_seeds(0, range(n_fill)).generators,
                real.episodes + real.episodes[-1:] * n_fill,
            )
            tensors = {key: torch.from_numpy(value[rows]).to(self._device) for key, value in normal.items()}
            with torch.inference_mode():
                sampled = self._sample(tensors, filled)  # (size, Tp, Da)
            chunks.append(sampled[: size - n_fill, self._horizon.executed].float().cpu().numpy())
        return self._normalisers["action"].denormalise(np.concatenate(chunks))

    @contextlib.contextmanager
    def time_encoder(self, times: list[float]) -> Iterator[None]:
        """Append the duration of every call of the method's ObservationEncoder to `times`, s.

        A GPU is synchronised before and after each call. A method without exactly one ObservationEncoder is not timed.
        """
        parts = self._method.modules() if isinstance(self._method, nn.Module) else ()
        encoders = [part for part in parts if isinstance(part, ObservationEncoder)]
        if len(encoders) != 1:
            yield
            return
        (encoder,) = encoders
        begun: list[int] = []

        def now() -> int:
            if self._device.type == "cuda":
                torch.cuda.synchronize(self._device)
            return time.perf_counter_ns()

        hooks = (
            encoder.register_forward_pre_hook(lambda *_: begun.append(now())),
            encoder.register_forward_hook(lambda *_: times.append((now() - begun.pop()) * 1e-9)),
        )
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _sample(self, observations: Mapping[str, Tensor], noise: NoiseStreams) -> Tensor:
        if not isinstance(self._method, Recurrent):
            return self._method.sample(observations, noise)
        fresh = self._method.initial_memory(len(noise))
        kept = [self._memory.get(episode, row) for episode, row in zip(noise.episodes, fresh, strict=True)]
        sampled, memory = self._method.sample_with_memory(observations, noise, torch.stack(kept).to(self._device))
        # Backwards, so that the memory of the episode itself is kept, not that of its copies.
        for episode, row in reversed(list(zip(noise.episodes, memory, strict=True))):
            self._memory[episode] = row
        return sampled

    def _normalise(self, key: str, value: NDArray[Any]) -> NDArray[np.float32]:
        if key.startswith("pixels."):
            return normalise_pixels(value)
        if not np.isfinite(value).all():
            raise DataError(f"observation {key!r} holds NaN or infinite values; check the environment.")
        return self._normalisers[key].normalise(value)
