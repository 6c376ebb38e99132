"""Files of tensors: types that torch cannot compare are refused in one line, and a state keeps its types."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save

from dpbench.errors import CheckpointError
from dpbench.files.arrays import read_header
from dpbench.policies.checkpoint import WEIGHTS
from dpbench.policies.tensor_files import DTYPES, parse_tensors
from dpbench.training.training_state import STATE_JSON, capture, read_state, restore, write_state

UNUSUAL = (torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.complex64, torch.uint16, torch.uint64)


@pytest.mark.parametrize("dtype", UNUSUAL)
def test_types_that_are_no_weights_are_refused_in_one_line(dtype: torch.dtype) -> None:
    content = save({"weights.a": torch.zeros(2).to(dtype)})
    with pytest.raises(CheckpointError, match=r"a\.safetensors: weights\.a holds torch\..*, expected float32.*; copy"):
        parse_tensors(content, Path("a.safetensors"), WEIGHTS)


@pytest.mark.parametrize("dtype", set(DTYPES) - {torch.float32})
@pytest.mark.parametrize("prefix", ["weights", "average", "exp_avg", "exp_avg_sq"])
def test_a_state_of_another_type_than_the_network_is_refused(prefix: str, dtype: torch.dtype, tmp_path: Path) -> None:
    module = torch.nn.Linear(3, 2)
    average = {name: value.clone() for name, value in module.state_dict().items()}
    optimiser = torch.optim.AdamW(module.parameters())
    module(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    write_state(tmp_path, capture(3, module, average, optimiser))
    tensors = load_file(tmp_path / "state-3.safetensors")
    content = save(tensors | {f"{prefix}.bias": tensors[f"{prefix}.bias"].to(dtype)})
    (tmp_path / "state-3.safetensors").write_bytes(content)
    described = json.loads((tmp_path / STATE_JSON).read_text()) | {"sha256": hashlib.sha256(content).hexdigest()}
    (tmp_path / STATE_JSON).write_text(json.dumps(described))
    state = read_state(tmp_path)
    assert state is not None
    with pytest.raises(CheckpointError, match=f"its {prefix} (is|are) that of another network"):
        restore(state, module, average, optimiser, tmp_path, n_steps=9)


def test_a_long_header_of_an_array_is_told_in_one_line_without_numpys_advice_to_trust_it() -> None:
    header = ("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }" + " " * 60_000 + "\n").encode()
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(8)
    with pytest.raises(ValueError, match="header") as told:
        read_header(io.BytesIO(content))
    assert "\n" not in str(told.value)
    assert "allow_pickle" not in str(told.value)
