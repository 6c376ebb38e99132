"""The UR driver: with the real library in a process of its own, and without a robot."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from dpbench.envs.real_arm.drivers.ur_rtde import UrRtdeServo
from dpbench.errors import ConfigError

ROOT = Path(__file__).parents[4]
CASES = Path(__file__).with_name("ur_rtde_cases.py")


def run_cases() -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(CASES)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("rtde_control", "rtde_receive")),
    reason="the library ur_rtde is not installed: pip install 'dpbench[ur]'",
)
def test_every_case_holds_with_the_real_library() -> None:
    done = run_cases()
    if done.returncode < 0:
        # The library may end its whole process when a connection breaks; a failed case is never repeated.
        print(f"the cases died from signal {-done.returncode} and are run once more:\n{done.stdout}{done.stderr}")
        done = run_cases()
    assert done.returncode == 0, f"exit status {done.returncode}:\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("values", [{"gain": 5000.0}, {"lookahead_s": 0.5}, {"rate_hz": 1000.0}, {"watchdog_hz": 0.0}])
def test_values_that_servo_l_does_not_accept_are_named(values: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="expected 100 to 2000"):
        UrRtdeServo("127.0.0.1", **values)


def test_the_spec_is_readable_without_a_connection() -> None:
    servo = UrRtdeServo("127.0.0.1")
    assert servo.spec.rate_hz == 125.0
    with pytest.raises(OSError, match="is lost"):
        servo.read()
    servo.stop()
    servo.close()


def test_closing_works_while_the_connection_breaks() -> None:
    closed: list[str] = []

    class Broken:
        def __init__(self, name: str) -> None:
            self.name = name

        def isConnected(self) -> bool:  # noqa: N802  # as the library has it
            return False

        def disconnect(self) -> None:
            closed.append(self.name)
            raise RuntimeError("write: Broken pipe")

    servo = UrRtdeServo("127.0.0.1")
    servo._control, servo._receive = Broken("control"), Broken("receive")
    servo.close()
    servo.close()
    assert closed == ["control", "receive"]
