"""What the driver of an arm writes: connect, read, send one pose, stop, close. `ServoLoop` makes the rest of it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from dpbench.arms.driver import ArmSpec, ArmState, Waypoint


class Servo(Protocol):
    """What a driver writes.

    One call at a time, but for `spec`, and for `stop` when `ServoLoop.halt` finds that another call hangs.
    """

    @property
    def spec(self) -> ArmSpec:
        """Readable without a connection."""
        ...

    def connect(self) -> None:
        """Open the connection; raises ConfigError with advice when it fails."""
        ...

    def read(self) -> ArmState:
        """The newest measured state; never waits for the next."""
        ...

    def send(self, waypoint: Waypoint) -> None:
        """Go there in one servo period."""
        ...

    def stop(self) -> None:
        """Brake and hold, by the arm's own means."""
        ...

    def close(self) -> None:
        """Let go of the connection; can be called twice."""
        ...


@runtime_checkable
class FreeDrive(Protocol):
    """A servo whose arm can be moved by hand."""

    def free_drive(self, on: bool) -> None:
        """Let the arm be moved by hand, or hold it again where it is."""
        ...
