"""The interface of a driver: connect, read, send one pose, stop, close. `ServoLoop` adds the rest."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from dpbench.arms.driver import ArmSpec, ArmState, Waypoint


class Servo(Protocol):
    """An arm that accepts one pose per servo period.

    `ServoLoop` makes one call at a time, with two exceptions: `spec`, and `stop` if another call hangs.
    """

    @property
    def spec(self) -> ArmSpec:
        """Readable without a connection."""
        ...

    def connect(self) -> None:
        """Open the connection; raises ConfigError with advice if it fails."""
        ...

    def read(self) -> ArmState:
        """The newest measured state; does not wait for a new one."""
        ...

    def send(self, waypoint: Waypoint) -> None:
        """Go to a pose within one servo period."""
        ...

    def stop(self) -> None:
        """Brake and hold, by the arm's own means."""
        ...

    def close(self) -> None:
        """Close the connection; can be called twice."""
        ...


@runtime_checkable
class FreeDrive(Protocol):
    """A servo whose arm can be guided by hand."""

    def free_drive(self, on: bool) -> None:
        """Let the arm be guided by hand, or hold it again where it is."""
        ...
