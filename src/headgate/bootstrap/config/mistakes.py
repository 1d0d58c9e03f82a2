"""Mistakes in a configuration: where, what, and what was probably meant."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Final

import msgspec

MAX_SHOWN_COLUMNS: Final = 160
"""Characters of a source line that are shown before its end is cut off."""


class Mistake(msgspec.Struct, frozen=True, order=True):
    """One mistake; lines and columns count from 1."""

    line: int
    column: int
    sentence: str
    width: int = 1
    """How many characters the caret line underlines."""


class Span(msgspec.Struct, frozen=True):
    """Where a scalar stands in the source; lines and columns count from 1, the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int

    @property
    def width(self) -> int:
        """Characters on its line; 1 where it goes on over several lines."""
        return max(1, self.end_column - self.column) if self.line == self.end_line else 1


class ConfigurationRefused(Exception):
    """A configuration with mistakes; nothing of it is applied.

    Args:
        name: the file, as messages name it.
        mistakes: every mistake, in the order of the file.
        lines: the source's lines with secrets masked.
    """

    def __init__(self, name: str, mistakes: Sequence[Mistake], lines: Sequence[str]) -> None:
        self.name = name
        self.mistakes = tuple(sorted(set(mistakes)))
        self.lines = tuple(lines)
        super().__init__(self.summary())

    def summary(self) -> str:
        """The first mistake in one line, and how many more there are."""
        first = self.mistakes[0]
        more = len(self.mistakes) - 1
        rest = f" (and {more} more; `headgate check {self.name}` lists them)" if more else ""
        return f"{self.name}:{first.line}:{first.column}: error: {first.sentence}{rest}"

    def render(self) -> str:
        """Every mistake as `file:line:column: error: sentence`, with its source line and a caret."""
        return "\n".join(self._rendered(mistake) for mistake in self.mistakes)

    def _rendered(self, mistake: Mistake) -> str:
        head = f"{self.name}:{mistake.line}:{mistake.column}: error: {mistake.sentence}"
        if not 0 < mistake.line <= len(self.lines):
            return head
        source = self.lines[mistake.line - 1].replace("\t", " ").rstrip()
        offset = mistake.column - 1
        if offset > MAX_SHOWN_COLUMNS:
            return head
        width = max(1, min(mistake.width, len(source) - offset, MAX_SHOWN_COLUMNS - offset))
        number = f"{mistake.line:>5} | "
        return f"{head}\n{number}{source[:MAX_SHOWN_COLUMNS]}\n{' ' * 5} | {' ' * offset}{'^' + '~' * (width - 1)}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` where a known name is close to `name`, else nothing."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""
