"""CPU threads of a policy, fixed wherever its actions become a number or a picture.

Matrix kernels divide their sums by the number of threads, so that a network rounds differently with another number;
in a closed loop the difference grows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

N_THREADS = 1
"""Of every policy in evaluation, so that results do not depend on the machine's number of cores."""


@contextmanager
def fixed_threads(n_threads: int = N_THREADS) -> Iterator[None]:
    """Let torch use this many CPU threads, and what it used before afterwards."""
    import torch  # a scripted policy needs no torch before it acts

    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
