"""Calls of a policy whose code nobody has checked: what it raises and what it returns become a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import DpbenchError, PolicyError
from dpbench.plugins.failures import failure_of, safely_shown
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations, Policy
from dpbench.spec import Horizon


@contextmanager
def failing_as(what: str) -> Iterator[None]:
    """Around code of a policy.

    Args:
        what: begins the sentence, such as `"act()"`.

    Raises:
        PolicyError: for whatever it raises, `sys.exit` included; Ctrl-C passes.
    """
    try:
        yield
    except (KeyboardInterrupt, PolicyError):
        raise
    except DpbenchError as error:
        raise PolicyError(f"{what}: {error}") from error
    except BaseException as error:
        raise PolicyError(f"{what} raised {failure_of(error)}") from error


def check_policy(policy: Policy) -> None:
    """Check that it has what a policy has.

    Raises:
        PolicyError: for one without horizon, `reset` or `act`.
    """
    with failing_as("horizon"):
        horizon: object = policy.horizon
    if not isinstance(horizon, Horizon):
        raise PolicyError(f"horizon is {safely_shown(horizon)}, expected a Horizon.")
    for name in ("reset()", "act()"):
        if not callable(getattr(policy, name.removesuffix("()"), None)):
            raise PolicyError(f"{name} is missing: a policy has horizon, reset() and act().")


def chunk_of(
    policy: Policy, observations: Observations, noise: NoiseStreams, action_dim: int | None = None
) -> NDArray[np.float32]:
    """What a policy returns for a batch, checked.

    Args:
        policy: acts.
        observations: flat key -> `(B, To, ...)`.
        noise: B streams.
        action_dim: Da; None takes any.

    Returns:
        `(B, Ta, Da)`.

    Raises:
        PolicyError: for what it raises, and for anything else than finite numbers of that shape. Its `row` is the row
            of the first number that is not finite, where that is what is wrong.
    """
    with failing_as("act()"):
        chunk: object = policy.act(observations, noise)
    expected = (len(noise), policy.horizon.n_action_steps, action_dim)
    axes = f"(B, Ta, Da) = ({', '.join('Da' if size is None else str(size) for size in expected)})"
    if not isinstance(chunk, np.ndarray):
        raise PolicyError(f"act() returned {_a(type(chunk).__name__)}, expected a numpy array {axes}.")
    if chunk.dtype.kind not in "fiu":
        raise PolicyError(f"act() returned an array of {chunk.dtype}, expected float32 {axes}.")
    if chunk.ndim != 3 or any(size not in (None, found) for size, found in zip(expected, chunk.shape, strict=True)):
        raise PolicyError(f"act() returned an array of shape {chunk.shape}, expected {axes}.")
    with np.errstate(over="ignore"):
        finite = np.isfinite(chunk.astype(np.float32, copy=False))
    if not finite.all():
        row, step, dim = (int(index) for index in np.argwhere(~finite)[0])
        raise PolicyError(
            f"act() returned {chunk[row, step, dim]} in action {step} of its chunk, expected finite numbers {axes}.",
            row,
        )
    return chunk


def _a(word: str) -> str:
    return f"{'an' if word[:1].lower() in 'aeiou' else 'a'} {word}"
