"""Data-parallel training in several processes under `torchrun`; a single process skips all of it."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from dpbench.policies.method import Batch, as_method


def start(device: str) -> str:
    """Join the process group that torchrun announces, if it does.

    Returns:
        The device of this process: `cuda` becomes `cuda:<local rank>`.
    """
    if "WORLD_SIZE" not in os.environ or torch.distributed.is_initialized():
        return device
    torch.distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if device == "cuda" else device


def rank() -> int:
    """Number of this process, 0 when there is only one."""
    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0


def is_main() -> bool:
    """True in the one process that logs and saves."""
    return rank() == 0


def shard(windows: NDArray[np.int64]) -> NDArray[np.int64]:
    """This process's share of a batch."""
    return windows[rank() :: torch.distributed.get_world_size()] if torch.distributed.is_initialized() else windows


def wrap(module: nn.Module, device: torch.device) -> Callable[[Batch, torch.Generator], Tensor]:
    """The loss function of a Method; with several processes its gradients are averaged over them."""
    if not torch.distributed.is_initialized():
        return as_method(module).loss
    return DistributedDataParallel(_Loss(module), device_ids=[device] if device.type == "cuda" else None)


class _Loss(nn.Module):
    """The loss as a forward pass, which is what DistributedDataParallel hooks into."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module  # its parameters are found here
        self._loss = as_method(module).loss

    def forward(self, batch: Batch, generator: torch.Generator) -> Tensor:
        return self._loss(batch, generator)
