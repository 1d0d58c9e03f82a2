"""Rows as frozen structs: PostgreSQL's columns by name, JSON columns converted and checked."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from psycopg import AsyncCursor

T = TypeVar("T")


def struct_row(kind: type[T]) -> Callable[[AsyncCursor[Any]], Callable[[Sequence[Any]], T]]:
    """A row factory for psycopg that makes `kind`, a msgspec struct with a field for each column."""

    def factory(cursor: AsyncCursor[Any]) -> Callable[[Sequence[Any]], T]:
        names = [column.name for column in cursor.description or ()]

        def make(values: Sequence[Any]) -> T:
            return msgspec.convert(dict(zip(names, values, strict=True)), kind)

        return make

    return factory
