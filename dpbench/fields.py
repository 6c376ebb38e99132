"""Values of a configuration, checked against the types and bounds that its dataclass declares.

    @dataclass(frozen=True)
    class Config:
        width: Size = 512
        dropout: Share = 0.1
        mode: Literal["fast", "exact"] = "fast"

The declaration is the only place of a rule: what is set on the command line, built in Python or read from a checkpoint
is checked by it. Rules between fields belong into `__post_init__`.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from dataclasses import Field
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

import pydantic_core
from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen, MultipleOf
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict  # pydantic asks for it before Python 3.12

from dpbench.errors import ConfigError, shown

Size = Annotated[int, Ge(1), Le(65_536)]
"""Width of a layer, or the size of a vector."""
Layers = Annotated[int, Ge(1), Le(1_000)]
"""Layers, heads and other parts of a network that are built one by one."""
Count = Annotated[int, Ge(1), Le(1_000_000)]
"""Anything else that is counted, and is there at least once."""
Steps = Annotated[int, Ge(1), Le(10_000)]
"""Control steps of a window."""
Share = Annotated[float, Ge(0), Lt(1)]
"""A part of the whole, but not all of it: dropout, decay, validation episodes."""
Weight = Annotated[float, Ge(0)]
"""A factor of a term of a loss; 0 leaves it out."""
Positive = Annotated[float, Gt(0)]
"""A number above 0."""


class AnyDataclass(Protocol):
    """An instance of a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


DataclassT = TypeVar("DataclassT", bound=AnyDataclass)
CHECKS = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)


def check_fields(instance: AnyDataclass) -> None:
    """Check every field of a dataclass; call it first in `__post_init__`.

    Raises:
        ConfigError: for the first value that is not of its field's type, or outside its bounds; NaN and infinite
            numbers are never inside.
    """
    kind = type(instance)
    values = {field.name: getattr(instance, field.name) for field in dataclasses.fields(instance)}
    try:
        _adapter(kind).validate_python(values)
    except ValidationError as error:
        raise ConfigError(_message(error, kind, values)) from error


def from_json(kind: type[DataclassT], values: Mapping[str, Any]) -> DataclassT:
    """A dataclass from its JSON form: lists become tuples, names become members of an enum.

    Raises:
        ConfigError: for a field that the dataclass does not have, one that is missing, or a value that does not fit.
    """
    known = {field.name: field for field in dataclasses.fields(kind)}
    if unknown := sorted(set(values) - set(known)):
        raise ConfigError(f"{kind.__name__} has no field {', '.join(unknown)}; it has {', '.join(sorted(known))}.")
    optional = {name for name, field in known.items() if not _is_required(field)}
    if missing := sorted(set(known) - set(values) - optional):
        raise ConfigError(f"{kind.__name__} needs a value for {', '.join(missing)}.")
    try:
        read = _adapter(kind).validate_json(pydantic_core.to_json(values))
    except ValidationError as error:
        raise ConfigError(_message(error, kind, values)) from error
    # A whole number stays one where a number is expected: identities are hashes of the text.
    whole = {name: value for name, value in values.items() if type(value) is int and isinstance(read[name], float)}
    return kind(**{**read, **whole})


def _is_required(field: Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


@cache
def _adapter(kind: type[AnyDataclass]) -> TypeAdapter[Any]:
    fields = TypedDict("fields", _hints(kind), total=False)  # type: ignore[misc]  # made at run time
    return TypeAdapter(with_config(CHECKS)(fields))


@cache
def _hints(kind: type[AnyDataclass]) -> dict[str, Any]:
    try:
        hints = get_type_hints(kind, include_extras=True)
    except NameError as error:
        raise ConfigError(
            f"{kind.__name__}: the type of a field cannot be found ({error}); import it at run time, not under "
            "TYPE_CHECKING."
        ) from error
    return {name: hints[name] for name in kind.__dataclass_fields__}


def _message(error: ValidationError, kind: type[AnyDataclass], values: Mapping[str, Any]) -> str:
    name = str(error.errors(include_url=False, include_context=False, include_input=False)[0]["loc"][0])
    return f"{name} = {shown(values[name])}: expected {expected(_hints(kind)[name])}."


NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "text", NoneType: "null"}


def expected(hint: Any) -> str:
    """A type and its bounds in words, such as `a whole number from 1 to 100`."""
    arguments = get_args(hint)
    if get_origin(hint) is Annotated:
        return expected(arguments[0]) + _bounds(arguments[1:])
    if get_origin(hint) is Literal:
        return " or ".join(map(str, arguments))
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(map(expected, arguments))
    if get_origin(hint) is tuple and arguments[-1] is not ...:
        return f"a list of {len(arguments)} values: {', '.join(map(expected, arguments))}"
    if get_origin(hint) in (tuple, list):
        return f"a list (in Python a {get_origin(hint).__name__}) of values, each {expected(arguments[0])}"
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return " or ".join(str(member.value) for member in hint)
    return NAMES.get(hint, getattr(hint, "__name__", str(hint)))


def _bounds(metadata: tuple[Any, ...]) -> str:
    if shortest := next((each.min_length for each in metadata if isinstance(each, MinLen)), 0):
        longest = next((f" to {each.max_length}" for each in metadata if isinstance(each, MaxLen)), " or more")
        return f", {shortest}{longest} of them"
    lower = next((f"from {each.ge:,}" for each in metadata if isinstance(each, Ge)), "")
    lower = next((f"above {each.gt:,}" for each in metadata if isinstance(each, Gt)), lower)
    upper = next((f"to {each.le:,}" for each in metadata if isinstance(each, Le)), "")
    upper = next((f"to below {each.lt:,}" for each in metadata if isinstance(each, Lt)), upper)
    if lower.startswith("above"):
        upper = upper.replace("to below", "and below").replace("to ", "and at most ")
    elif not upper:
        lower += " up" if lower else ""
    multiple = next((f", a multiple of {each.multiple_of}" for each in metadata if isinstance(each, MultipleOf)), "")
    return "".join(f" {part}" for part in (lower, upper) if part) + multiple
