"""Torch devices by name, checked before anything is loaded onto them."""

from __future__ import annotations

from dpbench.errors import ConfigError, shown

CPU = "cpu"


def check_device(name: str) -> str:
    """The name of a device that this machine has, as it was given.

    Raises:
        ConfigError: for any other text.
    """
    if name == CPU:  # without torch, which is slow to import
        return name
    known = _devices()
    if name not in known:
        raise ConfigError(f"device = {shown(name)}: expected {' or '.join(known)}, what torch finds on this machine.")
    return name


def _devices() -> tuple[str, ...]:
    import torch  # slow

    n_cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    cuda = ("cuda", *(f"cuda:{number}" for number in range(n_cuda))) if n_cuda else ()
    mps = ("mps",) if torch.backends.mps.is_available() else ()
    return (CPU, *cuda, *mps)
