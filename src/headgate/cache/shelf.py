"""Where kept answers live: an index in this process, and PostgreSQL behind it, shared by all of them."""

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

import msgspec
import psycopg

from headgate.cache import store
from headgate.cache.index import Entry, Index, Place
from headgate.cache.kept import DECODER, ENCODER, Kept
from headgate.cache.veto import Reading, read
from headgate.kit.clock import Clock
from headgate.storage.postgres.database import Database, DatabaseAway
from headgate.storage.sealing import Seal, Unsealable

if TYPE_CHECKING:  # numpy and the tokenizer are loaded only where texts are compared
    from headgate.cache.embedding import StaticEmbedding
    from headgate.cache.nearness import Vector

FETCH_S: Final = 0.1
"""How long an answer that is not held in process is waited for; then the question counts as new."""
MAX_UNWRITTEN: Final = 2_000
MAX_UNWRITTEN_BYTES: Final = 16 * 1024 * 1024
ROWS_AT_ONCE: Final = 16
"""Rows that are read in one turn of the event loop, about 2 ms."""
PAUSE_S: Final = 0.05
RETRY_S: Final = 1.0
SWEEP_S: Final = 600.0
OVERLAP_S: Final = 10.0
"""Changes of so long before the last one seen are read again: transactions do not end in the order of their times."""
_log: Final = logging.getLogger(__name__)


class Shelf:
    """Keeps answers and finds them."""

    def __init__(self, database: Database, seal: Seal, clock: Clock) -> None:
        self.index = Index()
        self.unwritten_dropped = 0
        self._database, self._seal, self._clock = database, seal, clock
        self._embedding: StaticEmbedding | None = None
        self._loading = asyncio.Lock()
        self._rows: list[store.Row] = []
        self._row_bytes = 0
        self._removed: list[tuple[int, bytes, str]] = []
        self._noticed = True
        self._wake = asyncio.Event()
        self._settling = asyncio.Lock()
        self._seen_s = 0.0
        self._swept_ns = 0

    async def vector(self, reading: Reading) -> "Vector | None":
        """The vector of what a text asks."""
        return (await self.embedding()).vector(" ".join(reading.words))

    async def embedding(self) -> "StaticEmbedding":
        """The embedding, loaded at its first use, which takes 0.2 s in a thread of its own."""
        if self._embedding is None:
            async with self._loading:
                if self._embedding is None:
                    self._embedding = await asyncio.to_thread(_load)
        return self._embedding

    def keep(self, entry: Entry, kept: Kept, vector: "Vector | None") -> None:
        """Keep an answer here at once, and in PostgreSQL soon after; with a vector, for other wordings, too."""
        payload = ENCODER.encode(kept)
        entry.size = len(payload)
        for given_up in self.index.add(entry, payload, vector):
            self._removed.append((*given_up.place, given_up.request_id))
        if len(self._rows) >= MAX_UNWRITTEN or self._row_bytes + len(payload) > MAX_UNWRITTEN_BYTES:
            self.unwritten_dropped += 1
            return
        self._row_bytes += len(payload)
        owner = _owner(entry.place)
        self._rows.append(
            store.Row(
                *entry.place,
                entry.scope,
                entry.use_case,
                entry.request_id,
                entry.expires_ms,
                entry.stale_until_ms,
                entry.cost_nano,
                self._seal.seal(b"" if vector is None else kept.text.encode(), owner),
                self._seal.seal(payload, owner),
            )
        )
        self._wake.set()

    async def take(self, entry: Entry) -> Kept | None:
        """The answer of `entry`; None where it cannot be had in time."""
        payload = self.index.payload(entry.place)
        if payload is None:
            payload = await self._fetch(entry.place)
            if payload is None:
                return None
        try:
            return DECODER.decode(payload)
        except msgspec.DecodeError:  # kept by another version
            self.index.remove(entry.place)
            return None

    def remove(self, entry: Entry) -> None:
        """Forget an answer, here at once and everywhere soon."""
        self.index.remove(entry.place)
        self._rows = [row for row in self._rows if (row.team, row.key) != entry.place]
        self._removed.append((*entry.place, entry.request_id))
        self._wake.set()

    async def purge(self, team: str | None, use_case: str | None, request_id: str | None) -> int:
        """Forget what all of these name, where they name anything, everywhere; how many answers there were.

        Raises:
            DatabaseAway: nothing was purged, or it is unknown whether it was; asking again is safe.
        """
        await self.settle()
        async with self._database.system() as connection:
            count = await store.purge(connection, team, use_case, request_id)
        self._noticed = True
        await self.settle()
        return count

    async def sums(self, team: str | None) -> list[tuple[int, str, str, int, int]]:
        """Team key, team, use case, answers in time and their bytes, of a team or of all.

        Raises:
            DatabaseAway: it cannot be read.
        """
        await self.settle()
        async with self._database.system() as connection:
            return await store.sums(connection, team, self._clock.now_ms())

    def noticed(self) -> None:
        """Another worker may have changed something (a notice on `store.CHANNEL`)."""
        self._noticed = True
        self._wake.set()

    async def run(self) -> None:
        """Write what is new and read what others wrote, for as long as the worker lives."""
        while True:
            try:
                await self.settle()
            except (DatabaseAway, psycopg.Error) as error:
                _log.warning("the cache is not shared for now: %s", error)
                await asyncio.sleep(RETRY_S)
                continue
            await asyncio.sleep(PAUSE_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_S):
                    await self._wake.wait()

    async def settle(self) -> None:
        """Write what is not written yet, then read what changed.

        Raises:
            DatabaseAway, psycopg.Error: what was not written waits for the next time.
        """
        async with self._settling:
            await self._settle()

    async def _settle(self) -> None:
        self._wake.clear()
        rows, removed = list(self._rows), list(self._removed)
        if rows or removed:
            async with self._database.system() as connection:
                await store.put(connection, rows)
                await store.remove(connection, removed)
            written = {id(row) for row in rows}
            self._rows = [row for row in self._rows if id(row) not in written]
            self._removed = self._removed[len(removed) :]
            self._row_bytes = sum(len(row.answer) for row in self._rows)
        if self._noticed:
            self._noticed = False
            await self._read()
        if self._clock.monotonic_ns() - self._swept_ns > SWEEP_S * 1e9:
            self._swept_ns = self._clock.monotonic_ns()
            await self._sweep()

    async def _read(self) -> None:
        """Read what changed since the last time."""
        since_s, last = max(0.0, self._seen_s - OVERLAP_S), None
        while True:
            async with self._database.system() as connection:
                page = await store.changed(connection, since_s, last)
            for number, row in enumerate(page):
                if number % ROWS_AT_ONCE == 0:
                    await asyncio.sleep(0)  # calls come first
                await self._apply(row)
                self._seen_s = max(self._seen_s, row.changed_s)
            if len(page) < store.PAGE:
                return
            last = page[-1]

    async def _apply(self, row: store.Changed) -> None:
        place = (row.team, row.key)
        known = self.index.get(place)
        if row.asked is None:
            if known is not None and known.request_id == row.request_id:
                self.index.remove(place)
            return
        if row.stale_until_ms <= self._clock.now_ms() or (known is not None and known.expires_ms >= row.expires_ms):
            return
        try:
            text = self._seal.open(bytes(row.asked), _owner(place)).decode()
        except Unsealable:
            return  # of another key: nobody here can read it
        reading = read(text) if text else ""
        vector = None if isinstance(reading, str) else await self.vector(reading)
        entry = Entry(
            *place,
            row.scope,
            row.use_case,
            row.request_id,
            row.expires_ms,
            row.stale_until_ms,
            row.cost_nano,
            row.size,
        )
        for given_up in self.index.add(entry, None, vector):
            self._removed.append((*given_up.place, given_up.request_id))

    async def _sweep(self) -> None:
        """Forget what nobody will be given any more."""
        now_ms = self._clock.now_ms()
        for entry in [entry for entry in self.index if entry.stale_until_ms <= now_ms]:
            self.index.remove(entry.place)
        async with self._database.system() as connection:
            await store.sweep(connection, now_ms)

    async def _fetch(self, place: Place) -> bytes | None:
        try:
            async with asyncio.timeout(FETCH_S), self._database.team(place[0], timeout_s=FETCH_S) as connection:
                sealed = await store.answer(connection, place[1])
            if sealed is None:
                return None
            payload = self._seal.open(sealed, _owner(place))
        except (DatabaseAway, psycopg.Error, TimeoutError, Unsealable) as error:
            _log.warning("a kept answer could not be read: %s", error)
            return None
        self.index.heat(place, payload)
        return payload


def _owner(place: Place) -> bytes:
    return b"cache:%d:" % place[0] + place[1]


def _load() -> "StaticEmbedding":
    from headgate.cache.embedding import StaticEmbedding

    return StaticEmbedding()
