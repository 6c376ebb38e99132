"""The state of a training run on disk: enough to resume after SIGKILL and end with the same weights.

`state.json` (step and file name) points to `state-<step>.safetensors` (weights, averaged weights, both AdamW
moments). Random numbers need no state: batches and noise are pure functions of seed and step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from dpbench.errors import CheckpointError
from dpbench.files.reading import Digest, Kind, as_model, read_bytes, read_json
from dpbench.files.writing import write_json
from dpbench.policies.tensor_files import parse_tensors, write_tensors

STATE_JSON = "state.json"
MOMENTS = ("exp_avg", "exp_avg_sq")
PREFIXES = ("weights", "average", *MOMENTS)
"""Of the names of tensors."""
REMEDY = f"delete {STATE_JSON} to train from the start"
STATE = Kind(CheckpointError, REMEDY, limit_bytes=2**16)
TENSORS = Kind(CheckpointError, REMEDY, limit_bytes=16 * 2**30)


class _Pointer(BaseModel):
    """The content of `state.json`."""

    model_config = ConfigDict(strict=True, extra="forbid")

    step: int = Field(ge=0)
    file: str = Field(pattern=r"^state-[0-9]{1,19}\.safetensors$")
    sha256: Digest


@dataclass(frozen=True)
class TrainingState:
    """How far a run is.

    Attributes:
        step: gradient steps done.
        tensors: `weights.*`, `average.*`, `exp_avg.*`, `exp_avg_sq.*`, all float32.
    """

    step: int
    tensors: Mapping[str, Tensor]

    def group(self, prefix: str) -> dict[str, Tensor]:
        """The tensors of one prefix, by parameter name."""
        return {name[len(prefix) + 1 :]: value for name, value in self.tensors.items() if name.startswith(prefix + ".")}


def trained_parameters(module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """Name and parameter of everything that requires a gradient."""
    return [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]


def capture(
    step: int, module: nn.Module, average: Mapping[str, Tensor], optimiser: torch.optim.Optimizer
) -> TrainingState:
    """The state after `step` gradient steps. Its tensors are the live ones: write it before the next step."""
    tensors = {f"weights.{name}": value for name, value in module.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.items()}
    for name, parameter in trained_parameters(module):
        for moment in MOMENTS:
            tensors[f"{moment}.{name}"] = optimiser.state[parameter][moment]
    return TrainingState(step, tensors)


def restore(
    state: TrainingState,
    module: nn.Module,
    average: Mapping[str, Tensor],
    optimiser: torch.optim.Optimizer,
    folder: Path,
    n_steps: int,
) -> None:
    """Load a state into the module, the averaged weights and the optimiser, in place.

    Args:
        state: to resume from.
        module: to train.
        average: of its weights.
        optimiser: of its parameters.
        folder: of the state, for messages.
        n_steps: gradient steps of the whole run.

    Raises:
        CheckpointError: when the tensors are not those of the module, or the state is beyond the end of the run.
    """
    if state.step > n_steps:
        raise STATE.wrong(folder / STATE_JSON, f"step = {state.step}, the run has {n_steps}")
    trained = trained_parameters(module)
    wanted = {"weights": _layout(module.state_dict()), "average": _layout(average)}
    wanted |= {moment: _layout(dict(trained)) for moment in MOMENTS}
    try:
        module.load_state_dict(state.group("weights"))
    except RuntimeError as error:
        raise STATE.wrong(folder / STATE_JSON, f"its weights are those of another network ({error})") from error
    for prefix, layout in wanted.items():
        if _layout(state.group(prefix)) != layout:
            raise STATE.wrong(folder / STATE_JSON, f"its {prefix} is that of another network")
    for name, value in state.group("average").items():
        average[name].copy_(value)
    moments = {moment: state.group(moment) for moment in MOMENTS}
    for name, parameter in trained:
        optimiser.state[parameter] = {
            "step": torch.tensor(float(state.step)),
            **{moment: moments[moment][name].to(parameter.device) for moment in MOMENTS},
        }


def _layout(tensors: Mapping[str, Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (value.shape, value.dtype) for name, value in tensors.items()}


def write_state(folder: Path, state: TrainingState) -> None:
    """Write the tensors, then the JSON that points to them, then delete older ones.

    Raises:
        CheckpointError: when the disk is full; the older state stays.
    """
    path = folder / f"state-{state.step}.safetensors"
    try:
        sha256 = write_tensors(path, state.tensors)
        write_json(folder / STATE_JSON, {"step": state.step, "file": path.name, "sha256": sha256})
    except OSError as error:
        raise CheckpointError(
            f"{folder}: training state of step {state.step} not saved ({error}); free some space and run the same "
            "command again: it resumes from the last saved state."
        ) from error
    remove_other_states(folder, state.step)


def remove_other_states(folder: Path, step: int) -> None:
    """Delete the tensors of all other steps; a process that was killed while it saved leaves some."""
    for other in folder.glob("state-*.safetensors"):
        if other.name != f"state-{step}.safetensors":
            other.unlink()


def read_state(folder: Path) -> TrainingState | None:
    """The last state, or None for a fresh run.

    Raises:
        CheckpointError: when the state is there but corrupt.
    """
    path = folder / STATE_JSON
    if not path.exists() and not path.is_symlink():
        return None
    pointer = as_model(read_json(path, STATE, inside=folder), _Pointer, path, STATE)
    content = read_bytes(folder / pointer.file, TENSORS, inside=folder)
    if hashlib.sha256(content).hexdigest() != pointer.sha256:
        raise TENSORS.wrong(folder / pointer.file, f"is corrupt, its SHA-256 is not the one in {STATE_JSON}")
    tensors = parse_tensors(content, folder / pointer.file, TENSORS)
    for name, tensor in tensors.items():
        prefix, _, rest = name.partition(".")
        if prefix not in PREFIXES or not rest:
            raise TENSORS.wrong(folder / pointer.file, f"holds {name!r}, expected {', '.join(PREFIXES)}")
        if prefix == "exp_avg_sq" and tensor.numel() and not tensor.min() >= 0:
            raise TENSORS.wrong(folder / pointer.file, f"{name} holds negative squares")
    return TrainingState(pointer.step, tensors)
