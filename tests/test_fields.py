"""Declared types and bounds, for configurations of other packages as well: nested, enums, choices, lists."""

from __future__ import annotations

import enum
import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import pytest

from dpbench.errors import ConfigError
from dpbench.fields import Count, Share, check_fields, from_json


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Inner:
    width: Count = 3


@dataclass(frozen=True)
class Config:
    name: str
    size: Count | None = None
    shares: tuple[Share, ...] = ()
    pair: tuple[int, str] = (1, "a")
    mode: Literal["fast", "slow"] = "fast"
    colour: Colour = Colour.RED
    inner: Inner = Inner()
    table: dict[str, int] = field(default_factory=dict)
    exact: bool = False

    def __post_init__(self) -> None:
        check_fields(self)


RIGHT: dict[str, Any] = {
    "name": "n",
    "size": 4,
    "shares": [0, 0.5],
    "pair": [2, "b"],
    "mode": "slow",
    "colour": "blue",
    "inner": {"width": 5},
    "table": {"a": 1},
    "exact": True,
}


def test_json_becomes_the_dataclass_that_wrote_it() -> None:
    config = from_json(Config, RIGHT)
    assert config == Config("n", 4, (0.0, 0.5), (2, "b"), "slow", Colour.BLUE, Inner(5), {"a": 1}, True)
    assert from_json(Config, {"name": "n"}) == Config("n")


def test_a_whole_number_stays_one_where_a_number_is_expected() -> None:
    @dataclass(frozen=True)
    class Rates:
        first: float

    globals()["Rates"] = Rates
    assert str(asdict(from_json(Rates, {"first": 1}))) == "{'first': 1}"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("name", 3, "text"),
        ("size", 0, "a whole number from 1 to 1,000,000 or null"),
        ("size", 2**70, "a whole number from 1 to 1,000,000 or null"),
        ("shares", [0.5, 1], "a list (in Python a tuple) of values, each a number from 0 to below 1"),
        ("shares", [math.nan], "a list (in Python a tuple) of values, each a number from 0 to below 1"),
        ("pair", [1], "a list of 2 values: a whole number, text"),
        ("mode", "slwo", "fast or slow"),
        ("colour", "green", "red or blue"),
        ("inner", {"width": 0}, "Inner"),
        ("exact", "False", "true or false"),
        ("exact", 1, "true or false"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_what_is_expected(name: str, value: Any, expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        from_json(Config, {**RIGHT, name: value})
    assert str(refused.value).startswith(f"{name} = ")
    assert str(refused.value).endswith(f": expected {expected}.")


def test_a_field_that_is_unknown_or_missing_is_named() -> None:
    with pytest.raises(ConfigError, match="Config has no field naem; it has colour"):
        from_json(Config, {**RIGHT, "naem": 1})
    with pytest.raises(ConfigError, match="Config needs a value for name"):
        from_json(Config, {})


def test_a_constructor_checks_as_a_file_does() -> None:
    with pytest.raises(ConfigError, match="colour = 'red': expected red or blue"):
        Config("n", colour="red")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="size = True: expected a whole number"):
        Config("n", size=True)
