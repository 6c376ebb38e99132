"""The training loop, one for every method.

Everything random (batches, noise, dropout) is a function of seed and step. So a run that is killed and resumed from its
last state ends with the same weights, bit by bit on a CPU.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Ge, Le
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm import tqdm

from dpbench.errors import ConfigError
from dpbench.fields import check_fields
from dpbench.policies.baseline import TrainingConfig
from dpbench.policies.method import Fitted, PartlyDecayed, as_method
from dpbench.training import distributed
from dpbench.training.batches import TrainingData, batches
from dpbench.training.kept import kept_steps
from dpbench.training.loggers import Logger
from dpbench.training.losses import Meter, checked_loss, method_call
from dpbench.training.schedules import cosine_with_warmup, ema_decay
from dpbench.training.training_state import capture, read_state, restore, trained_parameters, write_state

VALIDATION_STEP, FIT_STEP = 2**31 - 1, 2**31 - 2
"""Seeds of the validation loss and of `fit`, in place of a step's number; no gradient step has these."""


MAX_INTERVAL, MAX_KEPT = 1_000_000_000, 1000
Interval = Annotated[int, Ge(1), Le(MAX_INTERVAL)]
"""Counted in gradient steps."""


@dataclass(frozen=True)
class Execution:
    """How a run is executed, beside what it computes.

    Attributes:
        device: `"cpu"`, `"cuda"`, `"cuda:1"`.
        bf16: automatic mixed precision with bfloat16.
        compile: compile the networks with torch.compile.
        save_every: steps between saved states.
        log_every: steps between rows of the log; a report has a row as well.
        report_every: steps between calls of `on_report` (validation loss, rollouts); 0 for none.
        stop_after: end early after that step, as if interrupted; None runs to the end.
        keep_checkpoints: how many of the last checkpoints are kept.
        checkpoint_every: steps between those; None for a hundredth of the run.
    """

    device: str = "cpu"
    bf16: bool = False
    compile: bool = False
    save_every: Interval = 500
    log_every: Interval = 50
    report_every: Annotated[int, Ge(0), Le(MAX_INTERVAL)] = 2000
    stop_after: Interval | None = None
    keep_checkpoints: Annotated[int, Ge(0), Le(MAX_KEPT)] = 0
    checkpoint_every: Interval | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    def kept(self, n_steps: int) -> range:
        """Steps whose checkpoints are kept, of a run of `n_steps`; ConfigError where it is too short."""
        return kept_steps(n_steps, self.keep_checkpoints, self.checkpoint_every)


Report = Callable[[int, Mapping[str, Tensor]], Mapping[str, float]]
"""`(step, averaged weights) -> values for the log`; saves checkpoints and runs rollouts."""
Keep = Callable[[int, Mapping[str, Tensor]], object]
"""`(step, averaged weights)`; saves a checkpoint that is kept."""


@dataclass(frozen=True)
class Trained:
    """What a run ends with.

    Attributes:
        step: gradient steps done.
        weights: averaged weights where the preset averages, else the last ones.
        wall_s: seconds spent by this process.
    """

    step: int
    weights: Mapping[str, Tensor]
    wall_s: float


def train(
    module: nn.Module,
    data: TrainingData,
    config: TrainingConfig,
    execution: Execution,
    seed: int,
    folder: Path,
    loggers: Sequence[Logger],
    on_report: Report,
    on_keep: Keep = lambda *_: None,
) -> Trained:
    """Train from the last saved state in `folder`, or from the start.

    Args:
        module: a torch module that is a Method; trained in place.
        data: normalised windows.
        config: optimisation.
        execution: device, precision, intervals.
        seed: decides batches, noise and dropout (initial weights are the caller's).
        folder: where states go.
        loggers: take loss, learning rate, samples/s and what `on_report` returns.
        on_report: called with the step and the averaged weights.
        on_keep: the same, for each checkpoint that is kept; before the state of its step is saved.

    Raises:
        DivergedError: when loss or weights become NaN or infinite; the last good state stays on disk.
        MethodError: for a method that raises, or a loss that is not one number.
        CheckpointError: when a state cannot be saved, or the saved one is corrupt.
    """
    if config.n_steps == 0:
        return _only_fit(module, data, seed)
    optimiser, average, first_step = _begin(module, data, config, execution, seed, folder)
    loss_of = distributed.wrap(module, torch.device(execution.device))
    last_step = min(config.n_steps, execution.stop_after or config.n_steps)
    kept = execution.kept(config.n_steps)
    drawn = batches(len(data.train), config.batch_size, seed, first_step)
    started = time.perf_counter()
    meter = Meter(first_step, started)
    with tqdm(total=config.n_steps, initial=first_step, unit="step", disable=not distributed.is_main()) as bar:
        for step in range(first_step, last_step):
            windows = data.train[distributed.shard(next(drawn))]
            rate = config.learning_rate * cosine_with_warmup(step, config.warmup_steps, config.n_steps)
            loss = _gradient_step(loss_of, module, data, windows, optimiser, rate, config, execution, seed, step)
            _update_average(average, module, ema_decay(step, config.ema_power) if config.ema_power else 0.0)
            meter.losses.append(loss)
            done = step + 1
            bar.update()
            reports = is_due(done, execution.report_every, config.n_steps)
            logs, saves = is_due(done, execution.log_every, last_step), is_due(done, execution.save_every, last_step)
            if reports or logs or saves or done in kept:
                meter.check(done, module, folder)
            if done in kept and distributed.is_main():
                on_keep(done, average)
            if reports or logs:
                values = {**meter.read(done, config.batch_size), "learning_rate": rate}
                bar.set_postfix({name: f"{value:.3g}" for name, value in values.items()})
                if reports:
                    values |= _report(module, average, data, execution, seed, done, config.batch_size, on_report)
                    meter.since = (done, time.perf_counter())
                if distributed.is_main():
                    for logger in loggers:
                        logger.log(done, values)
            if saves and distributed.is_main():
                write_state(folder, capture(done, module, average, optimiser))
    return Trained(last_step, average, time.perf_counter() - started)


def is_due(step: int, every: int, last: int) -> bool:
    """Whether something is done after `step`: at every multiple of its own interval and at the last; 0 is never."""
    return every > 0 and (step % every == 0 or step == last)


def _only_fit(module: nn.Module, data: TrainingData, seed: int) -> Trained:
    """A method without gradient steps: what it keeps of the data is all that it learns."""
    if not isinstance(module, Fitted):
        raise ConfigError(f"n_steps = 0, but {type(module).__name__} has no `fit`: choose at least 1 step.")
    started = time.perf_counter()
    module.to(data.device)
    with method_call("fit"):
        module.fit(data, seeded_generator(seed, FIT_STEP, data.device))
    return Trained(0, module.state_dict(), time.perf_counter() - started)


def _begin(
    module: nn.Module, data: TrainingData, config: TrainingConfig, execution: Execution, seed: int, folder: Path
) -> tuple[torch.optim.Optimizer, dict[str, Tensor], int]:
    """Optimiser, averaged weights and first step: fresh, or as the last saved state has them."""
    module.to(torch.device(execution.device)).train()
    state = read_state(folder)
    if state is None and isinstance(module, Fitted):
        with method_call("fit"):
            module.fit(data, seeded_generator(seed, FIT_STEP, data.device))
    optimiser = torch.optim.AdamW(
        parameter_groups(module, config.weight_decay), lr=config.learning_rate, betas=config.betas, fused=True
    )
    average = {name: value.detach().clone() for name, value in module.state_dict().items()}
    if state is not None:
        restore(state, module, average, optimiser, folder, config.n_steps)
    if execution.compile:
        for child in module.children():
            child.compile()
    return optimiser, average, state.step if state is not None else 0


def parameter_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Trained parameters with their weight decay: none for those that the method names (`PartlyDecayed`)."""
    spared = module.no_decay() if isinstance(module, PartlyDecayed) else frozenset()
    trained = trained_parameters(module)
    if unknown := sorted(spared - {name for name, _ in module.named_parameters()}):
        raise ConfigError(f"{type(module).__name__}.no_decay names parameters that it lacks: {', '.join(unknown)}.")
    decayed = [parameter for name, parameter in trained if name not in spared]
    others = [parameter for name, parameter in trained if name in spared]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def seeded_generator(seed: int, step: int, device: torch.device) -> torch.Generator:
    """The generator of one gradient step."""
    number = int(np.random.SeedSequence([seed, step, distributed.rank()]).generate_state(1, np.uint64)[0])
    # Dropout draws from torch's global generator, which gets the same seed.
    torch.manual_seed(number)
    return torch.Generator(device).manual_seed(number)


def _gradient_step(
    loss_of: Callable[..., Tensor],
    module: nn.Module,
    data: TrainingData,
    windows: np.ndarray[Any, np.dtype[np.int64]],
    optimiser: torch.optim.Optimizer,
    rate: float,
    config: TrainingConfig,
    execution: Execution,
    seed: int,
    step: int,
) -> Tensor:
    device = torch.device(execution.device)
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad(set_to_none=True)
    with _kernels(execution):
        loss = checked_loss(lambda: loss_of(data.batch(windows), seeded_generator(seed, step, device)), step + 1)
    with method_call(f"the gradient at step {step + 1}"):
        loss.backward()  # type: ignore[no-untyped-call]
    if config.max_gradient_norm is not None:
        nn.utils.clip_grad_norm_(module.parameters(), config.max_gradient_norm)
    optimiser.step()
    return loss.detach()


@contextlib.contextmanager
def _kernels(execution: Execution) -> Iterator[None]:
    """Mixed precision where it is asked for; plain attention on a CPU.

    A chunk has few tokens: there the backward pass of the CPU's fused attention takes longer than all else together.
    """
    device = torch.device(execution.device).type
    with contextlib.ExitStack() as stack:
        if execution.bf16:
            stack.enter_context(torch.autocast(device, torch.bfloat16))
        if device == "cpu":
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        yield


@torch.no_grad()
def _update_average(average: Mapping[str, Tensor], module: nn.Module, decay: float) -> None:
    averaged, current = [], []
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            averaged.append(average[name])
            current.append(value)
        else:
            average[name].copy_(value)
    torch._foreach_lerp_(averaged, current, 1 - decay)


def _report(
    module: nn.Module,
    average: Mapping[str, Tensor],
    data: TrainingData,
    execution: Execution,
    seed: int,
    step: int,
    batch_size: int,
    on_report: Report,
) -> dict[str, float]:
    if not distributed.is_main():
        return {}
    values: dict[str, float] = {}
    if len(data.val):
        device = torch.device(execution.device)
        # As many windows as in a training batch, so that a compiled network sees no new shape.
        rows = np.linspace(0, len(data.val) - 1, min(batch_size, len(data.train))).astype(np.int64)
        module.eval()
        with torch.no_grad(), _kernels(execution), method_call("validation loss"):
            loss = as_method(module).loss(data.batch(data.val[rows]), seeded_generator(seed, VALIDATION_STEP, device))
        module.train()
        values["val_loss"] = loss.item()
    return {**values, **on_report(step, average)}
