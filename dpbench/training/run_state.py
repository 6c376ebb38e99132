"""The state of a training run on disk: enough to go on after SIGKILL and end with the same weights.

`state.json` (step and file name) points to `state-<step>.safetensors` (weights, averaged weights, both AdamW
moments). Random numbers need no state: batches and noise are pure functions of seed and step.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load
from torch import Tensor, nn

from dpbench.errors import CheckpointError, ConfigError
from dpbench.files import write_json
from dpbench.policies.checkpoint import write_tensors

STATE_JSON = "state.json"
MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class RunState:
    """Where a run stands.

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
    """Name and parameter of everything that is not frozen."""
    return [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]


def capture(step: int, module: nn.Module, average: Mapping[str, Tensor], optimiser: torch.optim.Optimizer) -> RunState:
    """The state after `step` gradient steps (a view; write it before going on)."""
    tensors = {f"weights.{name}": value for name, value in module.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.items()}
    for name, parameter in trained_parameters(module):
        for moment in MOMENTS:
            tensors[f"{moment}.{name}"] = optimiser.state[parameter][moment]
    return RunState(step, tensors)


def restore(
    state: RunState, module: nn.Module, average: Mapping[str, Tensor], optimiser: torch.optim.Optimizer
) -> None:
    """Put a state back, in place."""
    module.load_state_dict(state.group("weights"))
    for name, value in state.group("average").items():
        average[name].copy_(value)
    moments = {moment: state.group(moment) for moment in MOMENTS}
    for name, parameter in trained_parameters(module):
        optimiser.state[parameter] = {
            "step": torch.tensor(float(state.step)),
            **{moment: moments[moment][name].to(parameter.device) for moment in MOMENTS},
        }


def write_state(folder: Path, state: RunState) -> None:
    """Write the tensors, then the JSON that points to them, then drop older ones.

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
            "command again, it goes on from the last saved state."
        ) from error
    for old in folder.glob("state-*.safetensors"):
        if old != path:
            old.unlink()


def read_state(folder: Path) -> RunState | None:
    """The last state, or None for a fresh run.

    Raises:
        CheckpointError: when the state is there but corrupt.
    """
    if not (folder / STATE_JSON).exists():
        return None
    try:
        pointer = json.loads((folder / STATE_JSON).read_text())
        content = (folder / pointer["file"]).read_bytes()
        if hashlib.sha256(content).hexdigest() != pointer["sha256"]:
            raise ValueError("its SHA-256 is not the one written down")
        return RunState(int(pointer["step"]), load(content))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{folder}: the saved training state is corrupt ({error}); delete {STATE_JSON} to begin anew."
        ) from error


def claim_folder(folder: Path, identity: Mapping[str, Any]) -> None:
    """Make the run's folder, or check that it belongs to this run.

    Raises:
        ConfigError: when the folder holds a run with another configuration.
    """
    path = folder / "run.json"
    wanted = json.loads(json.dumps(identity))
    if not path.exists():
        write_json(path, wanted)
        return
    found = json.loads(path.read_text())
    if different := sorted(key for key in {*wanted, *found} if wanted.get(key) != found.get(key)):
        changes = "; ".join(f"{key}: {found.get(key)!r} there, {wanted.get(key)!r} asked for" for key in different)
        raise ConfigError(f"{folder} holds another run ({changes}); choose another --out or delete it.")
