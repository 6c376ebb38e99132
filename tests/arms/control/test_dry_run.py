"""A dry run shows every command and sends none."""

from __future__ import annotations

from dpbench.arms.control.dry_run import DryRun
from dpbench.arms.control.loop import ServoLoop

from .fake_servo import LIMITS, Clock, FakeServo, run, to


def test_every_command_is_shown_and_nothing_moves() -> None:
    clock = Clock()
    servo, shown = FakeServo(clock), []
    dry = DryRun(servo, shown.append)
    loop = ServoLoop(dry, LIMITS, clock=clock)
    loop.begin()
    loop.schedule([to(0.8, clock.now_s + 1.0)])
    for _ in range(4):
        run(loop, clock, 0.4)
        if loop.queue_depth():
            loop.schedule([to(0.8, clock.now_s + 0.5)])
    assert loop.fault is None
    assert not servo.sent
    assert not servo.stopped
    assert dry.n_shown == len(shown) == loop.report.n_ticks
    assert abs(shown[-1].position[0] - 0.8) < 0.1
    assert dry.spec is servo.spec
    loop.halt("emergency stop")
    run(loop, clock, 0.1)
    assert not servo.stopped, "it never moved"
    loop.close()
    assert servo.stopped, "closing is passed on"
