"""Normalised training windows in memory, and the order in which batches are drawn from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dpbench.data.episodes import EpisodeStore
from dpbench.data.normalise import Normaliser, normalise_pixels
from dpbench.data.plausible import check_values, spec_of
from dpbench.data.windows import real_steps, shortest, split_episodes, too_short, window_indices
from dpbench.errors import DataError
from dpbench.policies.method import Batch
from dpbench.spec import ActionSpec, Horizon, TaskSpec


@dataclass(frozen=True)
class TrainingData:
    """Episodes of one task as windows.

    Vectors are normalised once and held in memory; pixels are read from the store batch by batch.

    Attributes:
        vectors: flat key or `"action"` -> `(steps, D)` float32 in [-1, 1].
        pixels: flat camera key -> array of the store.
        store: where the pixels are.
        train: `(N, Tp)` step indices of the training windows.
        val: `(M, Tp)` of the validation windows.
        normalisers: as written into the checkpoint.
        n_obs_steps: steps of a window whose observations a method trains on: To, or Tp for sequence observations.
        device: where the vectors are.
        pad_before: steps of a window that may lie before its episode, To-1.
        masks_padding: batches say which actions are real.
        notes: a sentence for each thing that the user should know about the data.
    """

    vectors: Mapping[str, Tensor]
    pixels: Mapping[str, str]
    store: EpisodeStore
    train: NDArray[np.int64]
    val: NDArray[np.int64]
    normalisers: Mapping[str, Normaliser]
    n_obs_steps: int
    device: torch.device
    pad_before: int = 0
    masks_padding: bool = False
    notes: tuple[str, ...] = ()

    @property
    def actions(self) -> Tensor:
        """Normalised actions of every training window, `(N, Tp, Da)`."""
        return self.vectors["action"][torch.from_numpy(self.train).to(self.device)]

    def in_batches(self, batch_size: int) -> Iterator[Batch]:
        """Every training window once, in order; the last batch may be smaller."""
        for begin in range(0, len(self.train), batch_size):
            yield self.batch(self.train[begin : begin + batch_size])

    def batch(self, windows: NDArray[np.int64]) -> Batch:
        """The batch of the windows with these step indices, `(B, Tp)`."""
        indices = torch.from_numpy(windows).to(self.device)
        observed = indices[:, : self.n_obs_steps]
        observations = {key: value[observed] for key, value in self.vectors.items() if key != "action"}
        for key, array in self.pixels.items():
            pixels = self.store.gather(array, windows[:, : self.n_obs_steps])
            observations[key] = torch.from_numpy(normalise_pixels(pixels)).to(self.device)
        real = real_steps(windows, self.store.episode_ends, self.pad_before) if self.masks_padding else None
        return Batch(
            observations,
            self.vectors["action"][indices],
            None if real is None else torch.from_numpy(real).to(self.device),
        )


def training_data(
    store: EpisodeStore,
    task: TaskSpec,
    horizon: Horizon,
    val_ratio: float,
    seed: int,
    device: torch.device,
    sequence_observations: bool = False,
    masks_padding: bool = False,
) -> TrainingData:
    """Read a store, split it and normalise it; normalisers are fitted to the training episodes only.

    With `sequence_observations` batches hold the observations of all Tp steps of a window instead of the first To; with
    `masks_padding` they say which actions are real.

    Raises:
        DataError: when the store lacks an array of the task or has it in another shape.
    """
    _check_arrays(store, task)
    train_episodes, val_episodes = split_episodes(store.n_episodes, val_ratio, seed)
    ends = store.episode_ends
    train_steps = np.concatenate([np.arange(0 if e == 0 else ends[e - 1], ends[e]) for e in train_episodes])
    pixels = {key: array for key, array in task.store_arrays.items() if key.startswith("pixels.")}
    vectors: dict[str, Tensor] = {}
    normalisers: dict[str, Normaliser] = {}
    for key, array in task.store_arrays.items():
        if key not in pixels:
            values, spec = store.read(array), spec_of(task, key)
            check_values(values, spec, f"{store.path}: array {array!r}", task)
            normalisers[key] = Normaliser.from_limits(values[train_steps], array, spec.unscaled)
            vectors[key] = torch.from_numpy(normalisers[key].normalise(values)).to(device)
    empty = np.zeros((0, horizon.horizon), dtype=np.int64)
    return TrainingData(
        vectors=vectors,
        pixels=pixels,
        store=store,
        train=window_indices(ends, train_episodes, horizon),
        val=window_indices(ends, val_episodes, horizon, "validation") if len(val_episodes) else empty,
        normalisers=normalisers,
        n_obs_steps=horizon.horizon if sequence_observations else horizon.n_obs_steps,
        device=device,
        pad_before=horizon.pad_before,
        masks_padding=masks_padding,
        notes=_left_out(ends, horizon),
    )


def _left_out(ends: NDArray[np.int64], horizon: Horizon) -> tuple[str, ...]:
    short = too_short(ends, np.arange(len(ends)), horizon)
    if len(short) == 0:
        return ()
    return (
        f"{len(short)} of {len(ends)} episodes are left out: they are shorter than the {shortest(horizon)} steps that "
        f"a window of horizon = {horizon.horizon} takes.",
    )


def batches(n_windows: int, batch_size: int, seed: int, first_step: int) -> Iterator[NDArray[np.int64]]:
    """Window numbers of the batches of step `first_step`, `first_step + 1`, ...: a pure function of seed and step.

    Every epoch is a new permutation. Its last, smaller batch is left out: all batches have one size, so that a compiled
    network is compiled once. (The loader of diffusion_policy keeps the smaller batch.)
    """
    batch_size = min(batch_size, n_windows)
    per_epoch = n_windows // batch_size
    step = first_step
    while True:
        epoch, number = divmod(step, per_epoch)
        order = np.random.default_rng([seed, epoch]).permutation(n_windows)
        for begin in range(number * batch_size, per_epoch * batch_size, batch_size):
            yield order[begin : begin + batch_size]
            step += 1


def _check_arrays(store: EpisodeStore, task: TaskSpec) -> None:
    for key, array in task.store_arrays.items():
        if array not in store.keys():  # noqa: SIM118  # a store is no mapping
            raise DataError(f"{task.id} trains on the array {array!r}, which this store lacks; it has {store.keys()}.")
        spec, (shape, dtype) = spec_of(task, key), store.item(array)
        expected = (spec.dim,) if isinstance(spec, ActionSpec) else spec.shape
        if shape != expected:
            raise DataError(f"array {array!r} holds values of shape {shape}; {task.id} expects {expected} for {key!r}.")
        if key.startswith("pixels.") and dtype != np.uint8:
            raise DataError(f"array {array!r} holds {dtype}, expected uint8 from 0 to 255; record or import it again.")
