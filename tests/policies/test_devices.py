"""A device is one that this machine has, wherever it is named."""

from __future__ import annotations

import pytest
import torch

from dpbench.comparison.cells import Cell, resolve
from dpbench.errors import ConfigError
from dpbench.policies.devices import check_device
from dpbench.policies.opening import open_policy
from dpbench.training.run import execute, make_run
from dpbench.training.trainer import Execution

TASK = "dpbench/PushTKeypoints-v0"
WRONG = ["", "gpu", "GPU", "cpu:0", "cuda:99", "cuda:x", "cuda:-1", "meta", "banana", "mps:3", "xla", "x" * 5_000]


@pytest.mark.parametrize("name", WRONG)
def test_a_device_that_is_not_there_is_named_with_those_that_are(name: str) -> None:
    for check in (
        lambda: check_device(name),
        lambda: open_policy("hold", TASK, device=name),
        lambda: resolve(Cell("hold", TASK, device=name)),
        lambda: execute(make_run("mlp-bc", TASK, "small", 0), Execution(device=name)),
    ):
        with pytest.raises(ConfigError, match=r"^device = .*: expected cpu") as refused:
            check()
        assert len(str(refused.value)) < 200


def test_a_device_that_is_there_is_taken() -> None:
    assert check_device("cpu") == "cpu"
    if torch.cuda.is_available():
        assert check_device("cuda") == "cuda"
        assert check_device("cuda:0") == "cuda:0"
