"""Commands wait for an arm that falls behind; one that stays behind is a fault."""

from __future__ import annotations

import numpy as np
import pytest

from dpbench.errors import ArmFaultError

from .fake_servo import LIMITS, connected, run, to


@pytest.mark.parametrize(
    ("goal", "reason"), [(0.53, None), (0.57, "for 1.0. s; is it blocked"), (0.7, "m from its command")]
)
def test_commands_wait_for_an_arm_that_falls_behind_until_it_is_a_fault(goal: float, reason: str | None) -> None:
    loop, servo, clock = connected()
    servo.send = servo.sent.append  # type: ignore[method-assign]  # it does not move
    for _ in range(20):
        if loop.fault is None:
            loop.schedule([to(goal, clock.now_s + 0.4)])
        run(loop, clock, 0.1)
    assert (loop.report.n_held > 0) == (reason is not None)
    assert loop.commanded().position[0] < 0.5 + 2 * LIMITS.lag_m + LIMITS.speed_m_s / 125
    if reason is None:
        assert loop.fault is None
    else:
        with pytest.raises(ArmFaultError, match=reason):
            loop.schedule([])


def test_an_arm_that_catches_up_continues() -> None:
    loop, servo, clock = connected()
    servo.send = servo.sent.append  # type: ignore[method-assign]
    loop.schedule([to(0.57, clock.now_s + 0.3)])
    run(loop, clock, 0.5)
    servo.place = np.array([0.55, 0.0, 0.5])
    loop.schedule([to(0.57, clock.now_s + 0.1)])
    run(loop, clock, 0.4)
    assert loop.fault is None
    assert abs(loop.commanded().position[0] - 0.57) < 1e-6


def test_a_push_away_from_the_command_is_a_fault() -> None:
    loop, servo, clock = connected()
    run(loop, clock, 0.1)
    servo.place = servo.place + np.array([0.0, 0.15, 0.0])
    run(loop, clock, 0.02)
    assert "0.150 m from its command" in str(loop.fault)
