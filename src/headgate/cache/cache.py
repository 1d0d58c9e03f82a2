"""The cache: finds the answer to a question that was asked before, and keeps the answer to one that was not."""

import contextlib
from typing import NamedTuple

import psycopg

from headgate.cache.flight import MAX_FLIGHTS, MAX_FOLLOWERS, Flight
from headgate.cache.idempotency import Idempotency
from headgate.cache.index import Entry
from headgate.cache.kept import Kept
from headgate.cache.lookup import FlightKey, Found, Lookup, Uncached, nothing_kept
from headgate.cache.question import Question, readable
from headgate.cache.shelf import Shelf
from headgate.cache.tally import Tallies, Tally
from headgate.cache.veto import Reading, differ, read
from headgate.domain.call import Request
from headgate.domain.policy import CachePolicy, Similarity
from headgate.domain.principal import Principal
from headgate.journal.record import Record
from headgate.kit.clock import Clock
from headgate.storage.postgres.database import DatabaseAway


class Worth(NamedTuple):
    """What is kept of a team's use case, and what it was worth."""

    team: str
    use_case: str
    entries: int
    size: int
    tally: Tally


class Served(NamedTuple):
    """Whose answer a call was given."""

    use_case: str
    made_for: str
    """The id of the call that the answer was made for; its own, where it was made for itself."""


class Cache:
    """Kept answers.

    Args:
        shelf: where they are.
        idempotency: those of calls with an idempotency key.
        clock: for their times.
    """

    def __init__(self, shelf: Shelf, idempotency: Idempotency, clock: Clock) -> None:
        self.shelf, self.idempotency = shelf, idempotency
        self._clock = clock
        self._flights: dict[FlightKey, Flight] = {}
        self.tallies = Tallies()

    def lookup(self, record: Record, request: Request) -> Lookup:
        """A block in which the answer to `request` is found or made, and kept in the end.

        Raises, as entering does:
            Refusal: `idempotency_conflict`; `not_found` where only a kept answer was asked for and there is none.
        """
        use_case, call = record.use_case, record.call
        assert use_case is not None, "a call is permitted before the cache is asked"
        if use_case.cache is None and not call.idempotency_key:
            if call.cache == "only":
                raise nothing_kept(f"the use case '{use_case.name}' keeps no answers")
            return Uncached(record, request)
        return Found(self, record, request, use_case.cache)

    async def exact(self, question: Question, request: Request, *, stale: bool = False) -> tuple[Entry, Kept] | None:
        """What is kept for this very question, in time; with `stale`, also past it."""
        entry = self.shelf.index.get((question.team, question.key))
        now_ms = self._clock.now_ms()
        if entry is None or now_ms >= (entry.stale_until_ms if stale else entry.expires_ms):
            return None
        kept = await self.shelf.take(entry)
        if kept is None or kept.text != question.text or not kept.fits(request, crosses=question.crosses):
            return None
        return entry, kept

    async def near(
        self, question: Question, reading: Reading, request: Request, policy: Similarity
    ) -> tuple[float, Entry, Kept] | str:
        """What is kept for the same question in other words, or why nothing is served."""
        vector = await self.shelf.vector(reading)
        if vector is None:
            return "its text has no vector"
        nearest = ""
        for cosine, entry in self.shelf.index.near(question.team, question.scope, vector, policy.least):
            if self._clock.now_ms() >= entry.expires_ms:
                continue
            kept = await self.shelf.take(entry)
            if kept is None or not kept.fits(request, crosses=question.crosses):
                continue
            other = read(kept.text)  # what was answered, and not what the index says of it
            apart = other if isinstance(other, str) else differ(reading, other)
            if not apart:
                return cosine, entry, kept
            nearest = nearest or f"the nearest ({cosine:.3f}) is another question: {apart}"
        return nearest or f"nothing of the same scope is as near as {policy.least:g}"

    async def keep(self, record: Record, question: Question, kept: Kept, policy: CachePolicy) -> None:
        """Keep an answer, at once for this process."""
        use_case, now_ms = record.use_case, self._clock.now_ms()
        assert use_case is not None, "a call is permitted before its answer is kept"
        vector = None
        if policy.similarity is not None and not isinstance(reading := readable(question, policy.similarity), str):
            vector = await self.shelf.vector(reading)
        entry = Entry(
            question.team,
            question.key,
            question.scope,
            use_case.name,
            record.call.request_id,
            now_ms + policy.ttl_ms,
            now_ms + policy.ttl_ms + policy.stale_ms,
            kept.cost_nano,
            0,
        )
        self.shelf.keep(entry, kept, vector)

    def serve(self, record: Record, entry: Entry) -> None:
        """Note that an entry answers a call."""
        entry.hits += 1
        self.count(record, entry.cost_nano)

    def count(self, record: Record, saved_nano: int = 0) -> None:
        """Count a call."""
        use_case = record.use_case
        assert use_case is not None, "a call is permitted before it is counted"
        self.tallies.add(record.subject.team, use_case.name, record.cache, saved_nano)

    def board(self, key: FlightKey) -> tuple[Flight, bool] | None:
        """The flight of a question and whether the caller leads it; None where there is no room."""
        flight = self._flights.get(key)
        if flight is None:
            if len(self._flights) >= MAX_FLIGHTS:
                return None
            self._flights[key] = flight = Flight()
            return flight, True
        if flight.followers >= MAX_FOLLOWERS:
            return None
        flight.followers += 1
        return flight, False

    def land(self, key: FlightKey, flight: Flight, *, whole: bool) -> None:
        """A flight's leader is done."""
        flight.end(whole=whole)
        if self._flights.get(key) is flight:
            del self._flights[key]

    async def wrong(self, principal: Principal, served: Served) -> bool:
        """The answer that a call was given or made is wrong: forget it everywhere; whether it was kept.

        Raises:
            DatabaseAway: it is not forgotten.
        """
        purged = await self.shelf.purge(principal.team, None, served.made_for)
        if purged and principal.subject is not None:
            self.tallies.of(principal.subject.team, served.use_case).wrong += 1
        return purged > 0

    async def report(self, team: str | None) -> list[Worth]:
        """What is kept and what it was worth, of a team or of all.

        Raises:
            DatabaseAway: it cannot be read.
        """
        return [
            Worth(name, use_case, entries, size, self.tallies.of(key, use_case))
            for key, name, use_case, entries, size in await self.shelf.sums(team)
        ]

    def noticed(self) -> None:
        """Another worker changed something (a notice on `store.CHANNEL`)."""
        self.shelf.noticed()

    async def run(self, *, compares: bool) -> None:
        """Share what is kept for as long as the worker lives; `compares` loads at once what comparing texts needs."""
        if compares:
            await self.shelf.embedding()
        await self.shelf.run()

    async def close(self) -> None:
        """Write what is not written yet."""
        await self.idempotency.close()
        with contextlib.suppress(DatabaseAway, psycopg.Error):  # it is worth nothing more than time
            await self.shelf.settle()
