"""A method that fails in training ends it in one line with the step, and what was saved before stays good."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dpbench.data.normalise import Normaliser
from dpbench.errors import DpbenchError
from dpbench.policies.baseline import TrainingConfig
from dpbench.training.batches import TrainingData
from dpbench.training.losses import DivergedError, MethodError
from dpbench.training.trainer import Execution, train
from dpbench.training.training_state import read_state


def raising(error: BaseException) -> Callable[[Tensor], Any]:
    def loss(_: Tensor) -> Any:
        raise error

    return loss


BAD: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "raises": (raising(ValueError("one\ntwo")), "loss at step 7 raised ValueError: one two (test_losses.py, line "),
    "exits": (raising(SystemExit(0)), "loss at step 7 raised SystemExit: 0"),
    "asserts": (raising(AssertionError()), "loss at step 7 raised AssertionError"),
    "none": (lambda _: None, "loss at step 7 is None, expected a tensor of one number."),
    "float": (lambda loss: loss.item(), "expected a tensor of one number."),
    "tuple": (lambda loss: (loss, {}), "expected a tensor of one number."),
    "a row each": (lambda loss: loss.repeat(8), "of shape (8,), expected one number: take the mean"),
    "empty": (lambda loss: loss.repeat(0), "of shape (0,), expected one number"),
    "whole": (lambda loss: loss.detach().long(), "is a tensor of torch.int64 of shape (), expected one number"),
    "complex": (lambda loss: loss.to(torch.complex64), "is a tensor of torch.complex64"),
    "detached": (lambda loss: loss.detach(), "loss at step 7 has no gradient"),
    "nan": (lambda loss: loss * torch.nan, "the loss is nan at step 7; the last good state is in "),
    "inf": (lambda loss: loss + torch.inf, "the loss is inf at step 7"),
    "steep": (lambda loss: torch.sqrt(loss * 0), "are not finite after step 10; the last good state is in "),
}


class Method(nn.Module):
    """Its loss does what `BAD` says at the 7th step."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.network, self.name, self.step = nn.Linear(4, 2), name, 0

    def loss(self, batch: Any, _: torch.Generator) -> Any:
        self.step += torch.is_grad_enabled()  # the validation loss is no step
        loss = self.network(batch.observations["agent_pos"].flatten(1)).square().mean()
        # The gradient of a root at zero is infinite, and the loss is not: seen in the weights that are to be saved.
        return BAD[self.name][0](loss) if self.step == (10 if self.name == "steep" else 7) else loss

    def sample(self, *_: Any) -> Any: ...


def data() -> TrainingData:
    vectors = {"agent_pos": torch.ones(100, 2), "action": torch.ones(100, 2)}
    windows = np.arange(40)[:, None] + np.arange(4)
    one = Normaliser(np.ones(2, dtype=np.float32), np.zeros(2, dtype=np.float32))
    store: Any = None
    return TrainingData(
        vectors, {}, store, windows, windows[:9], {"agent_pos": one, "action": one}, n_obs_steps=2,
        device=torch.device("cpu"),
    )  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_method_that_fails_is_named_with_its_step_and_the_saved_state_is_good(name: str, tmp_path: Path) -> None:
    saved: list[int] = []

    def report(step: int, average: Any) -> dict[str, float]:
        assert all(value.isfinite().all() for value in average.values())
        saved.append(step)
        return {}

    # Saved between two rows of the log, too.
    every = Execution(save_every=5, log_every=50, report_every=5)
    with pytest.raises(DpbenchError) as caught:
        train(Method(name), data(), TrainingConfig(n_steps=30, batch_size=8), every, 0, tmp_path, [], report)
    assert isinstance(caught.value, MethodError | DivergedError)
    assert BAD[name][1] in str(caught.value)
    assert str(caught.value).isprintable()
    state = read_state(tmp_path)
    assert state is not None
    assert (state.step, saved) == (5, [5])
    assert all(value.isfinite().all() for value in state.tensors.values())


def test_a_fit_that_fails_is_named(tmp_path: Path) -> None:
    class Fitted(Method):
        def fit(self, *_: object) -> None:
            raise KeyError("bins")

    for n_steps in (0, 5):
        config = TrainingConfig(n_steps=n_steps, batch_size=8)
        with pytest.raises(MethodError, match="fit raised KeyError: 'bins'"):
            train(Fitted("none"), data(), config, Execution(), 0, tmp_path, [], lambda *_: {})


def test_the_kinds_are_counted() -> None:
    print({"losses": len(BAD)})
    assert len(BAD) >= 14
