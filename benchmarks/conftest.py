"""Fixtures of the benchmarks: `measure` times a call, `median` gives what was measured in this run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture


@pytest.fixture(scope="session")
def medians() -> dict[str, float]:
    return {}


@pytest.fixture
def measure(benchmark: BenchmarkFixture, medians: dict[str, float]) -> Callable[..., None]:
    """Times a call several times and keeps the median under a name; with --benchmark-disable it only runs once."""

    def run(name: str, function: Callable[..., Any], *arguments: Any, **pedantic: Any) -> None:
        benchmark.pedantic(function, arguments, **{"warmup_rounds": 1, **pedantic})
        if benchmark.stats is not None:
            medians[name] = benchmark.stats.stats.median

    return run


@pytest.fixture
def median(medians: dict[str, float]) -> Callable[[str], float]:
    """The median time of a name, s; skips the test when it was not measured."""

    def look_up(name: str) -> float:
        if name not in medians:
            pytest.skip(f"{name} was not timed: run the whole file, without --benchmark-disable")
        return medians[name]

    return look_up
