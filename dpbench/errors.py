"""The few exception types of dpbench; each message names the value, what was expected and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import SupportsIndex


class DpbenchError(Exception):
    """Anything that a user can put right; the command line prints its message without a traceback."""


class UnknownNameError(DpbenchError):
    """A name that no registry, task or preset knows."""


class NameTakenError(DpbenchError):
    """A name that is registered already; nothing is overwritten."""


class PluginError(DpbenchError, ImportError):
    """A plug-in that cannot be imported; the message names it and its distribution."""


class TaskError(DpbenchError):
    """A task whose description or environment is not what it should be: a wrong name, kind, shape or number."""


class PolicyError(DpbenchError):
    """A policy that raises, or returns something else than a chunk of actions.

    Attributes:
        row: of the batch, where it is known which one failed.
    """

    def __init__(self, message: str, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row


class EvaluationError(DpbenchError):
    """An evaluation that did not end; the message names policy and task, and where it is known seed and step."""


class ConformanceError(DpbenchError):
    """A task, baseline, data set or arm that fails a check; the message has one line for each."""


class ConfigError(DpbenchError):
    """A configuration value that cannot work."""


class DataError(DpbenchError):
    """A data set or archive that is missing, truncated, of the wrong shape or not the one expected."""


class BusyError(DpbenchError):
    """A file or folder that another process is writing."""


class CheckpointError(DpbenchError):
    """A checkpoint that is missing, corrupt or made for another task."""


class ActionError(DpbenchError, ValueError):
    """An action of the wrong shape, or with NaN or infinite values."""


class CopyError(DpbenchError, TypeError):
    """An object that cannot be copied or pickled; the message says what to do instead."""


class MissingExtraError(DpbenchError, ImportError):
    """An optional package that is not installed; the message names the extra to install."""


class ArmFaultError(DpbenchError):
    """An arm that has stopped, or is not connected; the message says why and what to do."""


def shown(value: object, limit: int = 60) -> str:
    """A value as a message names it: its `repr` in one line, cut where it is long."""
    try:
        text = " ".join(str.__str__(repr(value)).split())
    except KeyboardInterrupt:
        raise
    except BaseException:  # a `repr` may raise anything; Python's own does for a number of 4,301 digits
        text = f"<{type(value).__name__}>"
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text):,} characters)"


def check_whole(name: str, value: object, low: int, high: int) -> None:
    """Raise a ConfigError that names the argument, unless its value is a whole number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, SupportsIndex) or not low <= index(value) <= high:
        raise ConfigError(f"{name} = {shown(value)}: expected a whole number from {low:,} to {high:,}.")


def check_choice(name: str, value: object, known: Sequence[object]) -> None:
    """Raise a ConfigError that names the argument, unless its value is one of the known ones."""
    if value not in known:
        raise ConfigError(f"{name} = {shown(value)}: expected {' or '.join(map(str, known))}.")
