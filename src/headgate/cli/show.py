"""What commands print: data on stdout, words on stderr, and nothing that would steer a terminal."""

import json
import sys
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, NoReturn

import typer

FAILED: Final = 1
WRONG_USE: Final = 2
"""Wrong use, or wrong configuration."""
GAP: Final = 2
"""Spaces between two columns."""
MAX_WIDTH: Final = 10_000
"""Characters that a line on a terminal may take before it is cut."""

Json = Annotated[bool, typer.Option("--json", help="Print the platform's answer as JSON.")]
Most = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1_000_000, help="Rows at most.")]


def say(sentence: str) -> None:
    """Print words."""
    typer.echo("\n".join(clean(line) for line in sentence.split("\n")), err=True)


def stop(status: int, sentence: str) -> NoReturn:
    """End the command with `status` and a sentence that says what to do."""
    say(sentence)
    raise typer.Exit(status)


def data(value: Any) -> None:
    """Print `value` as JSON."""
    typer.echo(json.dumps(value, indent=2))


def facts(rows: Sequence[tuple[str, str]]) -> None:
    """Print what is known of one thing, a fact a line."""
    width = max(len(name) for name, _ in rows) + GAP
    for name, text in rows:
        typer.echo(f"{name:<{width}}{clean(text)}")


def table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Collection[str] = (), flowing: bool = False
) -> None:
    """Print a table: plain text, or with a bold head where a terminal shows it.

    Args:
        titles: the head, one for each column.
        numbers: the titles of the columns that are aligned to the right.
        flowing: whether the last column holds sentences, which a terminal breaks into lines of its width.
    """
    cells = [[clean(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _on_terminal(titles, cells, numbers, flowing=flowing)
        return
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    for row in (titles, *cells):
        parts = [
            cell.rjust(width) if title in numbers else cell.ljust(width)
            for cell, width, title in zip(row, widths, titles, strict=True)
        ]
        typer.echo((" " * GAP).join(parts).rstrip())


def moment(at: datetime | None) -> str:
    """A moment in UTC to the minute, such as `2026-01-31 09:30Z`; nothing for none."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%MZ}"


def clean(text: str) -> str:
    """`text` without control characters."""
    return text if text.isprintable() else "".join(each if each.isprintable() else "\ufffd" for each in text)


def _on_terminal(
    titles: Sequence[str], cells: Sequence[Sequence[str]], numbers: Collection[str], *, flowing: bool
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for title in titles:
        flows = flowing and title == titles[-1]
        shown.add_column(title, justify="right" if title in numbers else "left", no_wrap=not flows, overflow="fold")
    for row in cells:
        shown.add_row(*map(Text, row))
    console = Console(highlight=False)
    if not flowing:  # a cell that is cut or broken cannot be copied; the terminal breaks long lines itself
        natural = console.measure(shown, options=console.options.update(max_width=MAX_WIDTH)).maximum
        console.width = max(console.width, natural)
    console.print(shown)
