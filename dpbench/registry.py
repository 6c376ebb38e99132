"""One registry class: name -> "module:attribute", found through entry points, imported when asked for.

Each distribution declares one entry point a group, which names a table of strings:

    [project.entry-points."dpbench.baselines"]
    my-package = "my_package:BASELINES"        # BASELINES = {"my-policy": "my_package.policy:BASELINE"}

Our own table is imported first, and a name found there needs no other: tables of plug-ins are imported when a name is
not ours, or when all names are asked for. Our names stay ours. A name that two plug-ins claim belongs to neither. A
plug-in that cannot be imported, and a name that cannot be taken, is noted in one line, and the rest goes on.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from importlib.metadata import EntryPoint
from itertools import islice
from typing import TypeVar

from dpbench.errors import NameTakenError, PluginError, UnknownNameError, shown
from dpbench.plugins.failures import failure_of, plain
from dpbench.plugins.importing import OWN, guarded, other_points, own_points
from dpbench.plugins.names import is_name, misfit

Loaded = TypeVar("Loaded")
Points = tuple[Iterable[tuple[str, EntryPoint]], Iterable[str]]
"""Names of distributions with an entry point each, and what could not be read of others."""
MAX_LINES = 3
"""Lines about the names of one plug-in; more are counted."""
MAX_NAMES = 1_000
"""Names of one kind that a plug-in may have; a list imports what each points to."""
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """One row of a registry: where the name comes from and what it points to."""

    name: str
    target: object
    distribution: str

    @property
    def is_own(self) -> bool:
        """Whether dpbench ships it."""
        return self.distribution == OWN

    @property
    def title(self) -> str:
        """The name, and whose it is where it is not ours."""
        return repr(self.name) if self.is_own else f"{self.name!r} of the plug-in {self.distribution}"


@dataclass(frozen=True)
class Others:
    """The names of all plug-ins.

    Attributes:
        entries: name -> row.
        claimed: name -> the distributions that claim it; it is in no table.
        problems: one line for each plug-in that cannot be imported and each name that cannot be taken.
    """

    entries: Mapping[str, Entry]
    claimed: Mapping[str, tuple[str, ...]]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Registry:
    """Names of one kind (`"baseline"`, `"task"`, ...).

    Attributes:
        kind: of the names.
        own: rows of dpbench.
        points: finds the entry points of plug-ins; asked once.
    """

    kind: str
    own: Mapping[str, Entry]
    points: Callable[[], Points] = lambda: ((), ())

    @cached_property
    def others(self) -> Others:
        """The names of plug-ins; importing their tables, the first time."""
        found = _others(self.kind, self.own, *self.points())
        for problem in found.problems:
            note(problem)
        return found

    def names(self) -> tuple[str, ...]:
        """All names, ours and those of plug-ins, sorted."""
        return tuple(sorted((*self.own, *self.others.entries)))

    def __contains__(self, name: str) -> bool:
        return name in self.own or (is_name(self.kind, name) and name in self.others.entries)

    def entry(self, name: str) -> Entry:
        """The row of that name; only where it is not ours, tables of plug-ins are imported.

        Raises:
            UnknownNameError: with the nearest known names and the plug-ins that failed to load.
            NameTakenError: for a name that several plug-ins claim.
        """
        if name in self.own:
            return self.own[name]
        if name in self.others.entries:
            return self.others.entries[name]
        if name in self.others.claimed:
            claimants = " and ".join(self.others.claimed[name])
            raise NameTakenError(f"{self.kind} {name!r} is claimed by {claimants}: uninstall one, or rename it there.")
        # Compared without the package and in lower case: people write `fold`, not `my_package/Fold-v0`.
        short = {known.rpartition("/")[2].lower(): known for known in self.names()}
        close = difflib.get_close_matches(name.rpartition("/")[2].lower(), short, n=3, cutoff=0.5)
        near = [short[each] for each in close]
        hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(self.names()) or 'none'}."
        failed = "".join(f" (Note: {problem})" for problem in self.others.problems)
        raise UnknownNameError(f"unknown {self.kind} {shown(name)}; {hint}{failed}")

    def load(self, name: str) -> object:
        """Import and return what `name` points to.

        Raises:
            UnknownNameError: when the name is unknown.
            PluginError: when its module is a plug-in's and cannot be imported.
        """
        entry = self.entry(name)
        return self.imported(entry, str(entry.target))

    def imported(self, entry: Entry, target: str) -> object:
        """Import `"module:attribute"`, which a row names.

        Raises:
            PluginError: when it belongs to a plug-in and cannot be imported.
            MissingExtraError: when it needs a package that is not installed.
        """
        if entry.is_own:
            return resolve(target)
        with guarded(f"{self.kind} {entry.title}", note):
            return resolve(target)

    @contextmanager
    def blamed(self, name: str, *passing: type[Exception]) -> Iterator[None]:
        """Around the use of what `name` points to.

        Args:
            name: of the row.
            *passing: errors that stay as they are, such as those that name what the user typed.

        Raises:
            PluginError: for whatever the code of a plug-in raises. Errors of our own stay as they are.
        """
        try:
            yield
        except KeyboardInterrupt:
            raise
        except passing:
            raise
        except BaseException as error:
            entry = self.entry(name)
            if entry.is_own or isinstance(error, PluginError):
                raise
            raise PluginError(f"{self.kind} {entry.title} fails: {failure_of(error)}") from error

    def load_as(self, name: str, *kinds: type[Loaded]) -> Loaded:
        """As `load`, for a name that must point to an object of one of these types.

        Raises:
            UnknownNameError: when it points to something else.
        """
        loaded = self.load(name)
        if not isinstance(loaded, kinds):
            expected = " or ".join(kind.__name__ for kind in kinds)
            title = self.entry(name).title
            raise UnknownNameError(f"{self.kind} {title} is a {type(loaded).__name__}, expected a {expected}.")
        return loaded

    def load_all(self, *kinds: type[Loaded], names: Iterable[str] | None = None) -> dict[str, Loaded]:
        """Everything of these types that can be imported, by name; the rest is noted, one line each.

        Args:
            kinds: types to expect.
            names: only these; None for all. Those that nobody has are left out.
        """
        loaded: dict[str, Loaded] = {}
        for name in self.names() if names is None else [name for name in names if name in self]:
            try:
                loaded[name] = self.load_as(name, *kinds)
            except (ImportError, UnknownNameError) as error:
                note(str(error))
        return loaded


def note(sentence: str) -> None:
    """Tell the user about a plug-in, in a line on stderr, or wherever the program's logging leads."""
    LOG.warning("note: %s", sentence)


def resolve(target: str) -> object:
    """Import `"module:attribute"`."""
    module, _, attribute = target.partition(":")
    found: object = getattr(import_module(module), attribute)
    return found


def build(kind: str, own: Iterable[EntryPoint], points: Callable[[], Points]) -> Registry:
    """A registry from entry points, each naming a table `{name: target}`.

    Args:
        kind: of the names.
        own: entry points of dpbench.
        points: finds those of plug-ins.
    """
    entries = {name: Entry(name, target, OWN) for point in own for name, target in point.load().items()}
    return Registry(kind, entries, points)


@cache
def registry(kind: str) -> Registry:
    """The installed registry of a kind, such as `"task"` or `"baseline"` (entry points `dpbench.<kind>s`)."""
    group = f"dpbench.{kind}s"
    return build(kind, own_points(group), lambda: other_points(group))


def _others(
    kind: str, own: Mapping[str, Entry], points: Iterable[tuple[str, EntryPoint]], unread: Iterable[str]
) -> Others:
    """The tables of plug-ins, put together."""
    problems = list(unread)
    claims: dict[str, list[Entry]] = {}
    counts: dict[str, int] = {}
    taken = {name.casefold() for name in own}  # names become folders, and some disks do not tell case apart
    for distribution, point in points:
        if counts.get(distribution, 0) > MAX_NAMES:  # said already
            continue
        what = f"{kind} plug-in {distribution} ({point.value})"
        try:
            with guarded(what, note):
                rows = [(name, target, misfit(kind, name, target)) for name, target in _table(point)]
            counts[distribution] = counts.get(distribution, 0) + len(rows)
        except ImportError as error:  # a PluginError or a MissingExtraError
            problems.append(str(error) if isinstance(error, PluginError) else f"{what}: {error}")
            continue
        if counts[distribution] > MAX_NAMES:
            problems.append(f"{what} has more than {MAX_NAMES:,} names, which is too many; these are left out.")
            continue
        lines: list[str] = []
        for name, target, why in rows:
            if why is not None:
                lines.append(f"{what}: {why}")
            elif str(name).casefold() in taken:
                lines.append(f"{what}: {name!r} is a name of dpbench, which keeps it; rename it there.")
            else:
                claims.setdefault(str(name).casefold(), []).append(Entry(str(name), target, distribution))
        more = [f"{what}: names left out besides: {len(lines) - MAX_LINES}."] if len(lines) > MAX_LINES else []
        problems += [*lines[:MAX_LINES], *more]
    entries, claimed = {}, {}
    for rivals in claims.values():
        if len(rivals) == 1:
            entries[rivals[0].name] = rivals[0]
            continue
        distributions = tuple(rival.distribution for rival in rivals)
        claimed.update({rival.name: distributions for rival in rivals})
        problems.append(
            f"{kind} {rivals[0].name!r} is claimed by {' and '.join(distributions)}; "
            "neither gets it: uninstall one, or rename it there."
        )
    return Others(entries, claimed, tuple(problems))


def _table(point: EntryPoint) -> list[tuple[object, object]]:
    """The rows of the table that an entry point names, `MAX_NAMES + 1` at most; their texts become plain.

    Raises:
        TypeError: unless it is a mapping.
    """
    table: object = point.load()
    if not isinstance(table, Mapping):
        raise TypeError(f"it names a {type(table).__name__}, expected a table {{name: target}}")
    return [(plain(name), plain(target)) for name, target in dict(islice(table.items(), MAX_NAMES + 1)).items()]
