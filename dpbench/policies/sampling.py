"""What can be chosen when a trained policy samples: a typed value of its method, which prints itself.

A method with such a choice declares a frozen dataclass. Its fields are the options of `--option KEY=VALUE`, `str()` is
how tables show it:

    @dataclass(frozen=True)
    class Greedy:
        temperature: float = option("of the softmax, 0 or more")

        def __str__(self) -> str:
            return f"temperature {self.temperature:g}"
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from dpbench.errors import ConfigError, shown


class Sampling(Protocol):
    """A frozen dataclass of text, whole numbers and numbers, each field an `option`."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __str__(self) -> str:
        """As a table shows it; empty for what goes without saying."""
        ...


ConfigT = TypeVar("ConfigT")
SamplingT = TypeVar("SamplingT", bound=Sampling)


@dataclass(frozen=True)
class SamplingChoice(Generic[ConfigT, SamplingT]):
    """What a method lets one choose, without training again.

    Attributes:
        of: the sampling that a configuration stands for.
        with_options: `(config, options) -> config` for options such as `{"temperature": "1"}`, with `read_options`;
            raises ConfigError for options or values that do not exist.
        sweep: what `dpbench latency` measures. Settings that differ in numbers only are joined by a line, over the
            first number.
    """

    of: Callable[[ConfigT], SamplingT]
    with_options: Callable[[ConfigT, Mapping[str, str]], ConfigT]
    sweep: tuple[SamplingT, ...] = ()


def option(text: str) -> Any:
    """A field of a Sampling; `text` says what it is and which values it takes."""
    return dataclasses.field(metadata={"text": text})


def option_texts(sampling: Sampling) -> dict[str, str]:
    """Option -> what it is and which values it takes."""
    return {field.name: str(field.metadata.get("text", "")) for field in dataclasses.fields(sampling)}


def read_options(sampling: SamplingT, options: Mapping[str, str]) -> SamplingT:
    """A sampling with some fields replaced, read from text as the kind that they have.

    Raises:
        ConfigError: for an option that it does not have, or a text that is no such number.
    """
    known = option_texts(sampling)
    if unknown := sorted(set(options) - set(known)):
        told = "; ".join(f"{name}: {text}" for name, text in known.items())
        raise ConfigError(f"unknown sampling option {', '.join(unknown)}; known are {told}.")
    changes: dict[str, Any] = {}
    for name, text in options.items():
        kind = type(getattr(sampling, name))
        try:
            if kind is not str and (not text.isascii() or "_" in text):
                raise ValueError("a number that Python reads, but other programs do not")
            changes[name] = kind(text)
        except ValueError as error:
            raise ConfigError(f"{name} = {shown(text)}: expected {KINDS[kind]}; {name}: {known[name]}.") from error
    return dataclasses.replace(sampling, **changes)


KINDS = {int: "a whole number", float: "a number", str: "text"}


def as_options(sampling: Sampling) -> dict[str, str]:
    """The options that choose this sampling."""
    return {name: str(getattr(sampling, name)) for name in option_texts(sampling)}


def text_options(sampling: Sampling) -> tuple[str, ...]:
    """Names of the fields that hold text."""
    return tuple(name for name in option_texts(sampling) if isinstance(getattr(sampling, name), str))
