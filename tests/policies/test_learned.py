"""The harness around a trained network: NaN and infinite values are rejected."""

from __future__ import annotations

import pytest
import torch

from dpbench.checks.baseline_subject import BaselineSubject
from dpbench.errors import DataError
from dpbench.policies.method import Batch
from dpbench.policies.noise import NoiseStreams
from dpbench.registry import registry


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_batches_and_observations_with_nan_or_infinite_values_are_rejected(bad: float) -> None:
    baseline = registry("baseline").load("mlp-bc")
    small = BaselineSubject(baseline, baseline.presets["small"].config, 0)
    batch = small.windows(6)
    actions, histories = batch.actions.clone(), small.histories(batch)
    actions[1, 0, 0] = bad
    with pytest.raises(DataError, match="'action' holds NaN or infinite"):
        Batch(batch.observations, actions)
    with pytest.raises(DataError, match=r"'pixels\.top' holds NaN or infinite"):
        Batch({"pixels.top": torch.full((1, 2, 3, 4, 4), bad)}, batch.actions[:1])
    histories["agent_pos"][2, 0, 1] = bad
    with pytest.raises(DataError, match="'agent_pos' holds NaN or infinite"):
        small.policy(small.build()).act(histories, NoiseStreams.from_seeds(0, range(6)))
