"""Client libraries of arms and cameras: optional, and imported when a connection is opened."""

from __future__ import annotations

import importlib
from typing import Any

from dpbench.errors import MissingExtraError


def client_library(module: str, extra: str) -> Any:
    """Import a client library.

    Args:
        module: name of its module.
        extra: extra of dpbench that installs it.

    Raises:
        MissingExtraError: if it cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"this device needs the library {module} ({error}): pip install 'dpbench[{extra}]'"
        ) from error
