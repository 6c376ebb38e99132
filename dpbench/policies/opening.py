"""Policies by name: what one is (`describe_policy`), and one that acts (`open_policy`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from dpbench.errors import ConfigError, PolicyError, UnknownNameError, shown
from dpbench.plugins.failures import safely_shown, told_as
from dpbench.policies.acting import check_policy
from dpbench.policies.delayed import DelayedPolicy, delayed_horizon
from dpbench.policies.devices import check_device
from dpbench.policies.ensembled import TemporalEnsemble, ensembled_horizon
from dpbench.policies.learned import MICRO_BATCH
from dpbench.policies.policy_source import PolicyDescription, PolicySource
from dpbench.policies.protocol import Policy
from dpbench.policies.threads import fixed_arithmetic
from dpbench.registry import registry
from dpbench.spec import Horizon

LATENCY_STEPS, TEMPORAL_ENSEMBLE = "latency_steps", "temporal_ensemble"
"""Options that fit any policy that predicts chunks."""


def describe_policy(
    text: str, task_id: str | None = None, options: Mapping[str, str] | None = None
) -> PolicyDescription:
    """What a policy is, without opening it: a checkpoint's weights are not read.

    Args:
        text: `SOURCE:REFERENCE`, such as `"sb3:model.zip"`; a folder with a `checkpoint.json`; or the name of a
            scripted policy, such as `"hold"`.
        task_id: task to act in; a checkpoint knows its own.
        options: inference-time choices, e.g. `{"temperature": "1"}`; `temporal_ensemble` and
            `latency_steps` fit any policy that predicts chunks.

    Raises:
        CheckpointError: when the checkpoint is missing, or made for another task.
        UnknownNameError: when `text` names no source and no policy.
        ConfigError: for options that the method does not have, or a policy that needs a task and got none.
        PolicyError: for whatever else a plug-in's source or script raises.
    """
    own = dict(options or {})
    late, decay = own.pop(LATENCY_STEPS, None), own.pop(TEMPORAL_ENSEMBLE, None)
    name, reference = _source_of(text)
    with told_as(PolicyError, f"{text} cannot be described:"):
        described = _source(name).describe(reference, task_id, own)
    if not isinstance(described, PolicyDescription):
        raise PolicyError(f"{text}: its source {name!r} gave {safely_shown(described)}, expected a PolicyDescription.")
    if not isinstance(described.horizon, Horizon):
        raise PolicyError(f"{text}: its horizon is {safely_shown(described.horizon)}, expected a Horizon.")
    # In this order: chunks that come late can still be averaged, but an average is one action, and none of it can be
    # left out.
    if late is not None:
        described = _described_late(described, late)
    if decay is not None:
        described = _described_ensemble(described, decay)
    return described


def open_policy(
    policy: str | PolicyDescription,
    task_id: str | None = None,
    *,
    options: Mapping[str, str] | None = None,
    device: str = "cpu",
    micro_batch: int | None = MICRO_BATCH,
) -> Policy:
    """A policy, ready to act.

    Args:
        policy: a text as in `describe_policy`, or what that returned.
        task_id: as in `describe_policy`; a description has its own.
        options: as in `describe_policy`; a description has its own.
        device: torch device.
        micro_batch: rows a network call, None for the batch as it is.

    Raises:
        ConfigError: for a device that this machine does not have.
        DpbenchError: as `describe_policy`, and when the policy is corrupt or lacks horizon, `reset` or `act`.
    """
    check_device(device)
    described = describe_policy(policy, task_id, options) if isinstance(policy, str) else policy
    with told_as(PolicyError, f"{described.reference} cannot be opened:"), fixed_arithmetic():
        opened = _source(described.source).open(described, device, micro_batch)
    try:
        check_policy(opened)
    except PolicyError as error:
        raise PolicyError(f"{described.reference}: {error}") from error
    if described.n_latency_steps is not None:
        opened = DelayedPolicy(opened, described.n_latency_steps)
    if described.ensemble_decay is not None:
        opened = TemporalEnsemble(opened, described.ensemble_decay)
    if opened.horizon != described.horizon:
        raise PolicyError(f"{described.reference}: it acts with {opened.horizon}, but said {described.horizon} before.")
    return opened


def _source_of(text: str) -> tuple[str, str]:
    """Name of the source, and what it opens.

    Raises:
        UnknownNameError: for `SOURCE:REFERENCE` with a source that is not installed.
    """
    prefix, colon, rest = text.partition(":")
    if colon and prefix in registry("policy_source"):
        return prefix, rest
    if os.path.exists(text) or "/" in text or os.sep in text:
        return "checkpoint", text
    if colon:
        registry("policy_source").entry(prefix)
    return "scripted", text


def _source(name: str) -> PolicySource:
    source = registry("policy_source").load(name)
    if not isinstance(source, PolicySource):
        raise UnknownNameError(f"policy source {name!r} is a {type(source).__name__}, expected a PolicySource.")
    return source


def _described_late(described: PolicyDescription, text: str) -> PolicyDescription:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise ConfigError(f"latency_steps = {shown(text)}: expected a whole number of control steps, such as 3.")
    n_latency_steps = int(text)
    return replace(
        described,
        horizon=delayed_horizon(described.horizon, n_latency_steps),
        identity={**described.identity, LATENCY_STEPS: n_latency_steps},
        n_latency_steps=n_latency_steps,
    )


def _described_ensemble(described: PolicyDescription, text: str) -> PolicyDescription:
    try:
        decay = float(text)
    except ValueError as error:
        raise ConfigError(f"temporal_ensemble = {shown(text)}: expected a number, such as 0.01.") from error
    return replace(
        described,
        horizon=ensembled_horizon(described.horizon, decay),
        identity={**described.identity, TEMPORAL_ENSEMBLE: decay},
        ensemble_decay=decay,
    )
