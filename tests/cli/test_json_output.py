"""`--json` prints JSON that every program reads, whatever the numbers are."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from dpbench.cli.findings import print_json
from dpbench.cli.json_output import json_text
from dpbench.findings import Finding

COMMANDS = Path(__file__).parents[2] / "dpbench/cli"
NOT_FINITE = (math.nan, math.inf, -math.inf, np.float64("nan"))


def refuse(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is no JSON")


@pytest.mark.parametrize("value", NOT_FINITE)
def test_numbers_that_json_lacks_are_null_and_all_else_stays(value: float) -> None:
    content = {"a": [value, 1.5, (value, "NaN")], "b": {"c": value, "d": None, "e": True, "f": 2**70}}
    read = json.loads(json_text(content), parse_constant=refuse)
    assert read == {"a": [None, 1.5, [None, "NaN"]], "b": {"c": None, "d": None, "e": True, "f": 2**70}}


def test_findings_with_nan_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_json([("a", [Finding("x", True, "y", values={"z": math.nan})])])
    assert json.loads(capsys.readouterr().out, parse_constant=refuse)["a"][0]["values"] == {"z": None}


def test_every_command_prints_json_this_way() -> None:
    others = [path.name for path in COMMANDS.rglob("*.py") if "print(json.dumps(" in path.read_text()]
    users = [path.name for path in COMMANDS.rglob("*.py") if "print(json_text(" in path.read_text()]
    assert others == []
    assert len(users) >= 11
