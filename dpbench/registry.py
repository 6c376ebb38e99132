"""One registry class: name -> "module:attribute", found through entry points, imported when asked for.

Each distribution declares one entry point a group, which names a table of strings:

    [project.entry-points."dpbench.baselines"]
    my-package = "my_package:BASELINES"        # BASELINES = {"my-policy": "my_package.policy:BASELINE"}

A taken name raises; a plugin that cannot be imported is kept as a problem and the rest goes on.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from dpbench.errors import NameTakenError, UnknownNameError, shown

Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class Entry:
    """One row of a registry: where the name comes from and what it points to."""

    name: str
    target: Any
    distribution: str


@dataclass(frozen=True)
class Registry:
    """Names of one kind (`"baseline"`, `"task"`, ...) with the problems of plugins that failed to load."""

    kind: str
    entries: Mapping[str, Entry]
    problems: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self.entries))

    def entry(self, name: str) -> Entry:
        """The row of that name.

        Raises:
            UnknownNameError: with the nearest known names and the plugins that failed to load.
        """
        if name in self.entries:
            return self.entries[name]
        # Compared without the package and in lower case: people write `fold`, not `my_package/Fold-v0`.
        short = {known.rpartition("/")[2].lower(): known for known in self.names()}
        close = difflib.get_close_matches(name.rpartition("/")[2].lower(), short, n=3, cutoff=0.5)
        near = [short[each] for each in close]
        hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(self.names())}."
        failed = "".join(f" (Not loaded: {problem})" for problem in self.problems)
        raise UnknownNameError(f"unknown {self.kind} {shown(name)}; {hint}{failed}")

    def load(self, name: str) -> object:
        """Import and return what `name` points to.

        Raises:
            UnknownNameError: when the name is unknown.
            ImportError: when its module cannot be imported.
        """
        return resolve(self.entry(name).target)

    def load_as(self, name: str, kind: type[Loaded]) -> Loaded:
        """As `load`, for a name that must point to an object of this type.

        Raises:
            UnknownNameError: when it points to something else.
        """
        loaded = self.load(name)
        if not isinstance(loaded, kind):
            raise UnknownNameError(f"{self.kind} {name!r} is a {type(loaded).__name__}, expected a {kind.__name__}.")
        return loaded

    def load_all(self) -> tuple[dict[str, object], tuple[str, ...]]:
        """Everything that can be imported, by name, and one line for each name or plugin that cannot."""
        loaded: dict[str, object] = {}
        problems = list(self.problems)
        for name in self.names():
            try:
                loaded[name] = self.load(name)
            except Exception as error:  # As in `build`: a stranger's module may raise anything.
                entry = self.entries[name]
                problems.append(f"{self.kind} {name!r} of {entry.distribution}: {type(error).__name__}: {error}")
        return loaded, tuple(problems)


def resolve(target: str) -> object:
    """Import `"module:attribute"`."""
    module, _, attribute = target.partition(":")
    found: object = getattr(import_module(module), attribute)
    return found


def build(kind: str, points: Iterable[EntryPoint]) -> Registry:
    """A registry from entry points, each naming a table `{name: target}`.

    Raises:
        NameTakenError: when two distributions claim one name.
    """
    entries: dict[str, Entry] = {}
    problems: list[str] = []
    for point in points:
        distribution = point.dist.name if point.dist is not None else point.name
        try:
            table = point.load()
        except Exception as error:  # A stranger's module may raise anything; it must not take the rest down.
            problems.append(f"{kind} plugin {point.value!r} of {distribution}: {type(error).__name__}: {error}")
            continue
        for name, target in table.items():
            if name in entries:
                raise NameTakenError(
                    f"{kind} {name!r} of {distribution} is taken by {entries[name].distribution}; rename one of them."
                )
            entries[name] = Entry(name, target, distribution)
    return Registry(kind, entries, tuple(problems))


@cache
def registry(kind: str) -> Registry:
    """The installed registry of a kind, such as `"task"` or `"baseline"` (entry points `dpbench.<kind>s`)."""
    return build(kind, entry_points(group=f"dpbench.{kind}s"))
