"""`check_baseline`: does a method keep to what the harness relies on?"""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch

from dpbench.checks.baseline_subject import PICTURES, BaselineSubject, train
from dpbench.checks.outcome import Check, CheckFailed, CheckSkipped, listed, require, run_check, run_checks
from dpbench.errors import ConfigError
from dpbench.findings import Finding
from dpbench.nets.vision import CameraEncoder
from dpbench.policies.baseline import Baseline
from dpbench.policies.method import as_method
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.sampling import as_options
from dpbench.registry import registry
from dpbench.spec import Horizon

N_STEPS = 1000
N_ROWS = 5
"""Windows that a method must be able to learn by heart."""
SHARE = 0.3
"""Largest error after that, as a share of the error of the mean action."""


def check_baseline(
    baseline: str | Baseline[Any], config: object | None = None, n_steps: int = N_STEPS
) -> tuple[Finding, ...]:
    """Check a learned method, on a CPU and on made-up windows.

    Args:
        baseline: name of an installed method, or a method that is not registered yet.
        config: what it is checked with, best small enough to train in seconds; by default that of the preset `small`,
            or of the first.
        n_steps: gradient steps within which it must learn five windows by heart; 0 skips that check.

    Returns:
        One finding a check; when the method cannot be loaded or built, that alone.
    """
    opened: list[BaselineSubject] = []

    def open_subject() -> str:
        loaded = registry("baseline").load(baseline) if isinstance(baseline, str) else baseline
        if not isinstance(loaded, Baseline):
            raise CheckFailed(f"{baseline} is {type(loaded).__name__}", "name a method that is trained")
        presets = loaded.presets
        chosen = config if config is not None else presets.get("small", next(iter(presets.values()))).config
        subject = BaselineSubject(loaded, chosen, n_steps)
        module = subject.build()
        as_method(module)
        opened.append(subject)
        return f"{sum(parameter.numel() for parameter in module.parameters()):,} parameters"

    first = run_check("the network can be built", open_subject)
    return (first, *run_checks(CHECKS, opened[0])) if opened else (first,)


def _presets(subject: BaselineSubject) -> str:
    """Every configuration has a window and survives JSON."""
    baseline = subject.baseline
    for name, preset in baseline.presets.items():
        again = baseline.config(json.loads(json.dumps(asdict(preset.config))))
        require(again == preset.config, f"preset {name!r} becomes {again}", "use plain values and tuples in the config")
        require(
            isinstance(preset.config.window, Horizon), f"preset {name!r} has no window", "give the config a Horizon"
        )
    return listed(baseline.presets)


def _packages(subject: BaselineSubject) -> str:
    for package in subject.baseline.packages:
        try:
            version(package)
        except PackageNotFoundError as error:
            raise CheckFailed(f"package {package} is not installed", "name distributions, not modules") from error
    return listed(subject.baseline.packages)


def _loss(subject: BaselineSubject) -> str:
    """A finite scalar that depends on weights, batch and generator only."""
    module, batch = subject.prepared()
    losses = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        losses.append(as_method(module).loss(batch, torch.Generator().manual_seed(5)))
    require(losses[0].shape == (), f"a loss of shape {tuple(losses[0].shape)}", "return a scalar")
    require(bool(torch.isfinite(losses[0])), f"a loss of {losses[0].item()}", "return a finite number")
    require(
        losses[0].item() == losses[1].item(),
        "the same generator gives another loss",
        "draw all randomness from `generator`",
    )
    return "a function of its generator"


def _gradients(subject: BaselineSubject) -> str:
    module, batch = subject.prepared()
    trained = {name: each for name, each in module.named_parameters() if each.requires_grad}
    if not trained:
        raise CheckSkipped("no parameter is trained")
    module.train()
    module.zero_grad()
    torch.autograd.backward(as_method(module).loss(batch, torch.Generator().manual_seed(5)))
    without = sorted(name for name, each in trained.items() if each.grad is None)
    require(not without, f"no gradient for {listed(without)}", "use them in the loss, or set requires_grad to False")
    broken = sorted(name for name, each in trained.items() if each.grad is not None and not each.grad.isfinite().all())
    require(not broken, f"NaN or infinite gradients for {listed(broken)}", "look for divisions and logarithms")
    return f"{len(trained)} parameters"


def _same_noise(subject: BaselineSubject) -> str:
    """Actions depend on weights, observations and noise only."""
    module, batch = subject.prepared()
    chunks = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        np.random.seed(global_seed)
        chunks.append(subject.act(module, batch))
    shape = (len(batch.actions), subject.config.window.n_action_steps, 2)
    require(chunks[0].shape == shape, f"actions of shape {chunks[0].shape}", f"return {shape}")
    require(bool(np.isfinite(chunks[0]).all()), "NaN or infinite actions", "return finite numbers")
    require(np.array_equal(chunks[0], chunks[1]), "other actions for the same noise", "draw from `noise` only")
    return "the same actions"


def _another_noise(subject: BaselineSubject) -> str:
    module, batch = subject.prepared()
    if np.array_equal(subject.act(module, batch, 0), subject.act(module, batch, 1)):
        raise CheckSkipped("deterministic: noise does not change the actions")
    return "other actions"


def _rows(subject: BaselineSubject) -> str:
    """An episode is the same alone and among fifty, its memory included."""
    module, batch = subject.prepared(n_rows=50)
    together, alone, row = subject.policy(module), subject.policy(module), 37
    histories = subject.histories(batch)
    single = {key: value[row : row + 1] for key, value in histories.items()}
    for call in (1, 2):
        among = together.act(histories, NoiseStreams.from_seeds(0, range(50)))[row]
        own = alone.act(single, NoiseStreams.from_seeds(0, [row]))[0]
        require(
            np.array_equal(among, own),
            f"call {call}: a row differs by {np.abs(among - own).max():.2g} when it is alone",
            "no batch statistics in evaluation; one stream of `noise` a row",
        )
    return "equal to the bit, alone and among 50"


def _weights(subject: BaselineSubject) -> str:
    """The weights hold all that was learned: another network with them acts alike."""
    module, batch = subject.prepared()
    other = subject.build(seed=1)
    other.load_state_dict(module.state_dict())
    require(
        np.array_equal(subject.act(module, batch), subject.act(other, batch)),
        "a network with the same state_dict acts otherwise",
        "keep what `fit` finds in parameters or buffers",
    )
    return f"{len(module.state_dict())} tensors"


def _sampling(subject: BaselineSubject) -> str:
    choice = subject.baseline.sampling
    if choice is None:
        raise CheckSkipped("one way to sample")
    for sampling in (choice.of(subject.config), *choice.sweep):
        found = choice.of(choice.with_options(subject.config, as_options(sampling)))
        require(found == sampling, f"{as_options(sampling)} gives {found}", "let with_options set every option")
    try:
        choice.with_options(subject.config, {"no such option": "1"})
    except ConfigError:
        return f"{len(choice.sweep)} settings to sweep"
    raise CheckFailed("an unknown option is taken", "read options with read_options, which raises ConfigError")


def _pictures(subject: BaselineSubject) -> str:
    """Trains and acts from pictures; each is encoded once a chunk."""
    module, batch = subject.prepared(PICTURES)
    cameras = [part for part in module.modules() if isinstance(part, CameraEncoder)]
    calls: list[int] = []
    hooks = [camera.register_forward_pre_hook(lambda _, given: calls.append(len(given[0]))) for camera in cameras]
    noise = NoiseStreams.from_seeds(0, range(len(batch.actions)))
    chunk = subject.policy(module, PICTURES, micro_batch=None).act(subject.histories(batch), noise)
    for hook in hooks:
        hook.remove()
    require(chunk.shape[:1] == batch.actions.shape[:1], f"actions of shape {chunk.shape}", "return (B, Tp, Da)")
    n_pictures = len(batch.actions) * subject.config.window.n_obs_steps
    require(
        calls == [n_pictures] * len(cameras),
        f"encoder calls with {calls} pictures for one chunk",
        f"encode the {n_pictures} pictures once, before the sampling steps",
    )
    return f"{len(cameras)} encoder of the harness, called once a chunk" if cameras else "an encoder of its own"


def _learns(subject: BaselineSubject) -> str:
    """Learns a few windows by heart."""
    if subject.n_steps == 0:
        raise CheckSkipped("n_steps is 0")
    module, batch = subject.build(), subject.windows(N_ROWS)
    train(module, batch, subject.n_steps)
    policy, noise = subject.policy(module), NoiseStreams.from_seeds(0, range(N_ROWS))
    for _ in range(4):  # a recurrent method knows more after some steps
        chunk = policy.act(subject.histories(batch), noise)
    wanted = batch.actions[:, subject.config.window.executed].numpy()
    error, mean_error = np.abs(chunk - wanted).mean(), np.abs(wanted.mean(axis=0) - wanted).mean()
    require(
        error < SHARE * mean_error,
        f"error {error:.3f} after {subject.n_steps} steps; the mean action has {mean_error:.3f}",
        "train longer (n_steps), or look for observations that the network does not use",
    )
    return f"error {error:.3f} after {subject.n_steps} steps; the mean action has {mean_error:.3f}"


CHECKS: dict[str, Check[BaselineSubject]] = {
    "presets": _presets,
    "packages": _packages,
    "loss": _loss,
    "gradients": _gradients,
    "same noise": _same_noise,
    "another noise": _another_noise,
    "rows": _rows,
    "weights": _weights,
    "sampling options": _sampling,
    "pictures": _pictures,
    "learning": _learns,
}
"""Name -> check, in the order of the findings."""
