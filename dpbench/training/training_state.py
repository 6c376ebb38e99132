"""The state of a training run on disk: enough to resume after SIGKILL and end with the same weights.

`state.json` (step and file name) points to `state-<step>.safetensors` (weights, averaged weights, both AdamW
moments). Random numbers need no state: batches and noise are pure functions of seed and step.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load
from torch import Tensor, nn

from dpbench.errors import CheckpointError
from dpbench.files import write_json
from dpbench.policies.tensor_files import write_tensors

STATE_JSON = "state.json"
MOMENTS = ("exp_avg", "exp_avg_sq")


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
    state: TrainingState, module: nn.Module, average: Mapping[str, Tensor], optimiser: torch.optim.Optimizer
) -> None:
    """Load a state into the module, the averaged weights and the optimiser, in place."""
    module.load_state_dict(state.group("weights"))
    for name, value in state.group("average").items():
        average[name].copy_(value)
    moments = {moment: state.group(moment) for moment in MOMENTS}
    for name, parameter in trained_parameters(module):
        optimiser.state[parameter] = {
            "step": torch.tensor(float(state.step)),
            **{moment: moments[moment][name].to(parameter.device) for moment in MOMENTS},
        }


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
    for old in folder.glob("state-*.safetensors"):
        if old != path:
            old.unlink()


def read_state(folder: Path) -> TrainingState | None:
    """The last state, or None for a fresh run.

    Raises:
        CheckpointError: when the state is there but corrupt.
    """
    if not (folder / STATE_JSON).exists():
        return None
    try:
        pointer = json.loads((folder / STATE_JSON).read_text(encoding="utf-8"))
        content = (folder / pointer["file"]).read_bytes()
        if hashlib.sha256(content).hexdigest() != pointer["sha256"]:
            raise ValueError(f"its SHA-256 is not the one in {STATE_JSON}")
        return TrainingState(int(pointer["step"]), load(content))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{folder}: the saved training state is corrupt ({error}); delete {STATE_JSON} to train from the start."
        ) from error
