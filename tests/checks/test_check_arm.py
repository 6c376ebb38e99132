"""check_arm returns the findings of `dpbench arm check`."""

from __future__ import annotations

import pytest

from dpbench.checks import check_arm, raise_on_failure
from dpbench.errors import ConfigError, ConformanceError


def test_the_twin_is_checked_and_not_moved() -> None:
    findings = {finding.name: finding for finding in check_arm()}
    # The control loop's rate depends on what else this machine does.
    assert all(findings[name].passed for name in ("driver", "limits", "arm", "camera", "pose"))
    assert findings["emergency stop"].status == "skipped"


def test_states_that_come_late_are_named() -> None:
    findings = {finding.name: finding for finding in check_arm(driver_options={"latency_s": 0.3})}
    assert findings["control loop"].status == "failed"
    with pytest.raises(ConformanceError, match="control loop: "):
        raise_on_failure(findings.values())


def test_options_that_nobody_has_are_named() -> None:
    with pytest.raises((ConfigError, TypeError), match="colour"):
        check_arm(driver_options={"colour": "red"})
