"""The parser of a command line: what is wrong is one line, and options are written in full."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable
from typing import Any, NoReturn

MAX_WORD, MAX_LINE = 300, 1500
"""Characters of a word, and of a message, that are shown."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser with one-line messages. Abbreviated options are refused: a new option could change them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False, **options})
        for name in (None, "store"):
            self.register("action", name, StoreOnce)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As argparse's, but nothing may be left over; here the options are known, so that near ones can be named."""
        parsed, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(self._unknown(rest[0]))
        return parsed, rest

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with status 2."""
        self.exit(2, f"error: {one_line(message.removeprefix('argument '))}; see {self.prog} --help\n")

    def _unknown(self, text: str) -> str:
        if not text.startswith("-"):
            return f"{text!r} is one argument too many"
        known = [option for action in self._actions for option in action.option_strings if option.startswith("--")]
        name = text.partition("=")[0]
        near = [option for option in known if option.startswith(name)] or difflib.get_close_matches(name, known, n=2)
        return f"unknown option {text!r}" + (f"; did you mean {' or '.join(near)}?" if near else "")


def one_line(message: str) -> str:
    """A message on one line: what is no text is escaped, and what it quotes is cut where it is long."""
    words = [f"{word[:60]}... ({len(word):,} characters)" if len(word) > MAX_WORD else word for word in message.split()]
    line = " ".join(words)
    line = line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}..."
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)


def check_texts(texts: Iterable[str], parser: argparse.ArgumentParser) -> None:
    """Refuse what no file, name or number can hold: characters that cannot be written, and the character 0."""
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError:
            parser.error(f"{text!r} is not valid UTF-8")
        if "\0" in text:
            parser.error(f"{text!r} holds the character 0")


class StoreOnce(argparse.Action):
    """Keeps one value; an option that is there twice is refused, since one of its values would count for nothing."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Store the value, and that the option was given."""
        if option_string is not None and self.dest in given(namespace):
            parser.error(f"{option_string} is there twice: leave one of them out")
        setattr(namespace, self.dest, values)
        setattr(namespace, GIVEN, given(namespace) | {self.dest})


GIVEN = "given"


def given(namespace: argparse.Namespace) -> frozenset[str]:
    """Names of the arguments that the command line has, beside those with their default."""
    names: frozenset[str] = getattr(namespace, GIVEN, frozenset())
    return names
