"""Rows as frozen structs: PostgreSQL's columns by name, JSON converted and checked; and rows as one JSON text."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import msgspec
from psycopg import AsyncCursor

T = TypeVar("T")

_encode: Final = msgspec.json.Encoder().encode


def json_text(rows: Sequence[object]) -> str:
    """`rows` as JSON; the character U+0000, which PostgreSQL's text cannot hold, becomes U+FFFD."""
    text = _encode(rows).decode()
    return text.replace("\\u0000", "\\ufffd") if "\\u0000" in text else text


def struct_row(kind: type[T]) -> Callable[[AsyncCursor[Any]], Callable[[Sequence[Any]], T]]:
    """A row factory for psycopg that makes `kind`, a msgspec struct with a field for each column."""

    def factory(cursor: AsyncCursor[Any]) -> Callable[[Sequence[Any]], T]:
        names = [column.name for column in cursor.description or ()]

        def make(values: Sequence[Any]) -> T:
            return msgspec.convert(dict(zip(names, values, strict=True)), kind)

        return make

    return factory
