"""CPU threads and arithmetic of a policy, fixed wherever its actions become a number or a picture.

Matrix kernels divide their sums by the number of threads, so that a network rounds differently with another number;
in a closed loop the difference grows. What a program or a plug-in has set for torch as a whole (a lower precision of
products, autocast, another default type or device) does the same, and must not reach the policies of others.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

N_THREADS = 1
"""Of every policy in evaluation, so that results do not depend on the machine's number of cores."""
Setting = tuple[Callable[[], Any], Callable[[Any], object], object]
"""How a setting is read and written, and the value that torch starts with."""


@contextmanager
def fixed_threads(n_threads: int = N_THREADS) -> Iterator[None]:
    """Let torch use this many CPU threads and its own arithmetic, and what it used before afterwards."""
    import torch  # a scripted policy needs no torch before it acts

    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        with fixed_arithmetic():
            yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def fixed_arithmetic() -> Iterator[None]:
    """Let torch compute as it does when nothing was set, and as before afterwards; without torch, nothing happens."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    settings = _settings(torch)
    before = [read() for read, _, _ in settings]
    for _, write, value in settings:
        write(value)
    # A default device costs time in every call of torch, so it is set only over another one.
    elsewhere = torch.get_default_device().type != "cpu"
    try:
        with torch.device("cpu") if elsewhere else nullcontext():
            yield
    finally:
        for (_, write, _), value in zip(settings, before, strict=True):
            write(value)


def _settings(torch: Any) -> tuple[Setting, ...]:
    kernels = torch.backends.mkldnn
    return (
        (torch.get_default_dtype, torch.set_default_dtype, torch.float32),
        (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest"),
        (lambda: kernels.enabled, partial(setattr, kernels, "enabled"), True),
        *(
            (partial(torch.is_autocast_enabled, device), partial(torch.set_autocast_enabled, device), False)
            for device in ("cpu", "cuda")
        ),
    )
