"""A bounded memory of rows in front of the database: fresh by epoch, one read at a time, kept while it is away."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

import msgspec

from headgate.domain.refusal import Refusal
from headgate.identity.freshness import POLL_S, Freshness
from headgate.storage.postgres.database import DatabaseAway

K = TypeVar("K")
V = TypeVar("V")

UNKNOWN_NS: Final = 1_000_000_000
"""How long a key that the database does not know is remembered as unknown."""
MAX_UNKNOWN: Final = 10_000


class _Kept(msgspec.Struct, Generic[V], frozen=True):
    value: V
    epoch: int


class Memory(Generic[K, V]):
    """Remembers what `read` gave for a key, at most `bound` keys, the longest unused forgotten first.

    Args:
        read: gives the row of a key, or None where the database has none; raises DatabaseAway where it cannot be asked.
        freshness: which epoch of the rows it is, and whether rows may be used without asking.
        bound: entries.
    """

    def __init__(self, read: Callable[[K], Awaitable[V | None]], freshness: Freshness, bound: int) -> None:
        self._read = read
        self._freshness = freshness
        self._bound = bound
        self._kept: OrderedDict[K, _Kept[V]] = OrderedDict()
        self._unknown: OrderedDict[K, tuple[int, int]] = OrderedDict()
        self._reading: dict[K, asyncio.Task[V | None]] = {}
        self._one_read = asyncio.Semaphore(1)

    def __len__(self) -> int:
        return len(self._kept)

    def fresh(self, key: K) -> V | None:
        """The value as far as it can be had without waiting; None says nothing about the database."""
        kept = self._kept.get(key)
        if kept is None or kept.epoch != self._freshness.epoch or self._freshness.doubtful:
            return None
        self._kept.move_to_end(key)
        return kept.value

    async def find(self, key: K) -> V | None:
        """The current value, read if need be; None where the database has none.

        Raises:
            Refusal: `not_ready`, where the database is away and the value is not remembered or too old.
        """
        unknown = self._unknown.get(key)
        freshness = self._freshness
        if unknown is not None:
            epoch, until_ns = unknown
            if epoch == freshness.epoch and freshness.clock.monotonic_ns() < until_ns:
                return None
            del self._unknown[key]
        reading = self._reading.get(key)
        if reading is None:
            reading = self._reading[key] = asyncio.create_task(self._read_and_keep(key), name="identity read")
        return await asyncio.shield(reading)

    async def _read_and_keep(self, key: K) -> V | None:
        freshness = self._freshness
        epoch, kept = freshness.epoch, self._kept.get(key)
        try:
            async with self._one_read:  # whoever tries keys that do not exist takes one connection, not all
                value = await self._read(key)
        except DatabaseAway:
            if kept is None or freshness.doubtful:
                raise _not_ready() from None
            return kept.value
        finally:
            del self._reading[key]
        if value is None:
            self._kept.pop(key, None)
            self._unknown[key] = (epoch, freshness.clock.monotonic_ns() + UNKNOWN_NS)
            if len(self._unknown) > MAX_UNKNOWN:
                self._unknown.popitem(last=False)
            return None
        self._kept[key] = _Kept(value, epoch)
        if len(self._kept) > self._bound:
            self._kept.popitem(last=False)
        return value


def _not_ready() -> Refusal:
    return Refusal(
        "not_ready",
        "The caller cannot be checked at the moment because the database is away; try again in a second.",
        retry_after_s=POLL_S * 2,
    )
