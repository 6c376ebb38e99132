"""Where a policy comes from: what can be said about it before it is opened, and how it is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dpbench.spec import Horizon


@dataclass(frozen=True)
class PolicyDescription:
    """A policy before it is opened.

    Attributes:
        text: what was asked for: a checkpoint folder, the name of a scripted policy, or `SOURCE:REFERENCE`.
        baseline: name of the method or script.
        task_id: Gymnasium id of the task that it acts in.
        horizon: observed, predicted and executed steps, with the options applied.
        options: inference-time choices as they were given, e.g. `{"sampler": "ddim", "latency_steps": "3"}`.
        identity: JSON-able: everything about the policy that decides its actions, as records keep it (`baseline`,
            `preset`, `config`, `checkpoint_sha256`, `seed`, `step`, `n_parameters`, and the options of any policy).
    """

    text: str
    baseline: str
    task_id: str
    horizon: Horizon
    options: Mapping[str, str]
    identity: Mapping[str, Any]
