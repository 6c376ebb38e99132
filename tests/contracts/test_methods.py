"""Every installed method keeps to what training and evaluation rely on."""

from __future__ import annotations

import pytest

from dpbench.checks import check_baseline, raise_on_failure

from .small_methods import learned, subject

DETERMINISTIC = {"act", "action-tokens", "mlp-bc", "nearest-neighbour"}
"""At their presets."""


@pytest.mark.parametrize("name", learned())
def test_a_method_passes_its_checks(name: str) -> None:
    small = subject(name)
    findings = check_baseline(small.baseline, small.config, small.n_steps)
    raise_on_failure(findings)
    skipped = {finding.name for finding in findings if finding.passed is None}
    assert ("another noise" in skipped) == (name in DETERMINISTIC)
    assert "learning" not in skipped
