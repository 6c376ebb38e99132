"""The losses of a run: what a method may return, and whether its training still has finite numbers."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from torch import Tensor, nn

from dpbench.errors import DpbenchError
from dpbench.plugins.failures import safely_shown, told_as


class MethodError(DpbenchError):
    """A method that raises in training, or whose loss is not one number."""


class DivergedError(DpbenchError):
    """The loss or the weights became NaN or infinite."""


def method_call(what: str) -> AbstractContextManager[None]:
    """Around code of a method: whatever it raises becomes a MethodError that begins with `what`."""
    return told_as(MethodError, f"{what} raised")


def checked_loss(compute: Callable[[], object], step: int) -> Tensor:
    """The loss of a gradient step, one number with a gradient.

    Args:
        compute: calls the method.
        step: from 1, for messages.

    Raises:
        MethodError: for anything else, and for whatever the method raises.
    """
    with method_call(f"loss at step {step}"):
        loss = compute()
    if not isinstance(loss, Tensor):
        raise MethodError(f"loss at step {step} is {safely_shown(loss)}, expected a tensor of one number.")
    if loss.numel() != 1 or not loss.is_floating_point():
        raise MethodError(
            f"loss at step {step} is a tensor of {loss.dtype} of shape {tuple(loss.shape)}, expected one number: "
            "take the mean over the batch."
        )
    if not loss.requires_grad:
        raise MethodError(f"loss at step {step} has no gradient: it must be computed from the parameters.")
    return loss


class Meter:
    """Mean loss and speed since the last reading."""

    def __init__(self, step: int, now: float) -> None:
        self.losses: list[Tensor] = []
        self.since = (step, now)

    def check(self, step: int, module: nn.Module, folder: Path) -> None:
        """See that losses and weights are finite, before anything is kept of them.

        Args:
            step: that was done last.
            module: that is trained.
            folder: of the run, for messages.

        Raises:
            DivergedError: with the first step that was not.
        """
        kept = f"the last good state is in {folder}. Lower the learning rate."
        finite = torch.stack(self.losses).isfinite() if self.losses else torch.ones(1, dtype=torch.bool)
        if not finite.all():
            first = int(finite.logical_not().nonzero()[0])
            at = step - len(self.losses) + first + 1
            raise DivergedError(f"the loss is {self.losses[first].item()} at step {at}; {kept}")
        wrong = next((name for name, value in module.named_parameters() if not value.isfinite().all()), None)
        if wrong is not None:
            raise DivergedError(f"the weights {wrong!r} are not finite after step {step}; {kept}")

    def read(self, step: int, batch_size: int) -> dict[str, float]:
        """The values since the last reading, up to `step`."""
        loss = torch.stack(self.losses).mean().item()
        now = time.perf_counter()
        speed = (step - self.since[0]) * batch_size / (now - self.since[1])
        self.losses.clear()
        self.since = (step, now)
        return {"loss": loss, "samples_per_s": speed}
