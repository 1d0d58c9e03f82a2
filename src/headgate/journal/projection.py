"""Projection: what the journal says, written into PostgreSQL exactly once, about 50 ms behind."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Final, NamedTuple

from headgate.journal import store
from headgate.journal.frames import Frame, Gap, decode, read, survey
from headgate.journal.records import Admin, AttemptClose, AttemptOpen, Body, Close, Unauthenticated
from headgate.journal.segments import Position, Segments
from headgate.kit.clock import Clock
from headgate.storage.postgres.connecting import Connection
from headgate.storage.postgres.database import Database

SLICE_BYTES: Final = 64 << 10
"""At most so much is read and decoded before others have their turn: about 100 requests, less than a millisecond."""
BATCH_SLICES: Final = 4
"""At most so many slices go into one transaction."""
TRANSACTION_TIMEOUT_S: Final = 10.0

_log = logging.getLogger(__name__)


class Books(NamedTuple):
    """What other rooms do with the ends of attempts, inside the projection's transaction."""

    book: Callable[[Connection, Sequence[AttemptClose]], Awaitable[Sequence[AttemptClose]]]
    """Writes entries and gives back those that were not there."""
    settle: Callable[[Connection, str, Sequence[AttemptClose]], Awaitable[None]]
    """Moves their cost from an incarnation's leases to what is spent."""
    release: Callable[[Connection, str], Awaitable[None]]
    """Frees what a finished incarnation still leases."""


class Batch(NamedTuple):
    """What was read of one segment, and where it ends."""

    bodies: list[Body]
    end: Position
    gaps: list[Gap]


class Projection:
    """Projects one incarnation's segments from its position on; the incarnation is registered.

    A segment goes once it is projected and no request that began in it is still open, for whoever adopts the journal
    of a killed process must find what that left open.
    """

    def __init__(self, database: Database, incarnation: str, segments: Segments, books: Books, clock: Clock) -> None:
        self.position = Position(0, 0)
        """How far PostgreSQL is known to have come."""
        self.complete_ms = 0
        """Everything appended until then is projected; epoch milliseconds."""
        self.damaged_bytes = 0
        """Bytes that are no frame and that no cut-off append explains."""
        self._database = database
        self._incarnation = incarnation
        self._segments = segments
        self._books = books
        self._clock = clock
        self._known = False
        self._open: dict[str, int] = {}

    @property
    def behind(self) -> int:
        """Bytes that wait to be projected."""
        return self._segments.behind(self.position)

    async def step(self) -> bool:
        """Project one batch; False when nothing was left.

        Raises:
            DatabaseAway: nothing was projected, or it is unknown; doing it again is safe.
            PositionMoved: somebody else projected the batch; the next step goes on from there.
            UnreadableFrame: a newer Headgate wrote this journal.
        """
        if not self._known:
            async with self._database.system() as connection:
                self.position = await store.position(connection, self._incarnation)
            self._known = True
        if not self.behind:
            self.complete_ms = self._clock.now_ms()
            return False
        now_ms, end = self._clock.now_ms(), self._segments.end
        batch = await self._read_batch(self._segments.after(self.position))
        self._track(batch)
        self._known = False  # until the commit is known to have succeeded
        async with self._database.system(timeout_s=TRANSACTION_TIMEOUT_S) as connection:
            await store.advance(connection, self._incarnation, self.position, batch.end, len(batch.bodies))
            await self._project(connection, batch.bodies)
        self._known = True
        self.position = batch.end
        for gap in batch.gaps:
            self._report(gap)
        if batch.end >= end:
            self.complete_ms = now_ms
        elif batch.bodies and isinstance(last := batch.bodies[-1], AttemptOpen | AttemptClose | Close):
            self.complete_ms = last.at_ms
        self._discard()
        return True

    async def finish(self) -> None:
        """Project all that is left, free what the incarnation leases, and mark it closed. Raises as `step`."""
        while await self.step():
            pass
        async with self._database.system() as connection:
            await self._books.release(connection, self._incarnation)
            await store.mark_closed(connection, self._incarnation)

    async def _project(self, connection: Connection, bodies: Sequence[Body]) -> None:
        if closes := [body for body in bodies if type(body) is Close]:
            await store.insert_requests(connection, closes)
        if acts := [body for body in bodies if type(body) is Admin]:
            await store.insert_acts(connection, acts)
        if counts := [body for body in bodies if type(body) is Unauthenticated]:
            await store.add_unauthenticated(connection, self._incarnation, counts)
        if ends := [body for body in bodies if type(body) is AttemptClose]:
            booked = await self._books.book(connection, ends)
            if booked:
                await self._books.settle(connection, self._incarnation, booked)

    async def _read_batch(self, start: Position) -> Batch:
        """The next slices of one segment: frames that were written twice lie in two, and so in two transactions."""
        batch = self._read(start)
        for _ in range(BATCH_SLICES - 1):
            following = self._segments.after(batch.end)
            if following.segment != start.segment or not self._segments.behind(following):
                break
            await asyncio.sleep(0)
            more = self._read(following)
            batch = Batch(batch.bodies + more.bodies, more.end, batch.gaps + more.gaps)
        return batch

    def _read(self, start: Position) -> Batch:
        """The next frames of a segment; where there are none, the gap and the frame after it."""
        number, offset = start
        left = self._segments.size(number) - offset
        descriptor = os.open(self._segments.path(number), os.O_RDONLY)
        try:
            bodies, end = read(os.pread(descriptor, min(SLICE_BYTES, left), offset))
            if bodies:
                return Batch(bodies, Position(number, offset + end), [])
            found = list(islice(survey(os.pread(descriptor, left, offset)), 2))
        finally:
            os.close(descriptor)
        bodies = [decode(item) for item in found if isinstance(item, Frame)]
        gaps = [item for item in found if isinstance(item, Gap)]
        return Batch(bodies, Position(number, offset + (found[-1].end if found else left)), gaps)

    def _report(self, gap: Gap) -> None:
        where = f"{self._segments.directory}, before byte {self.position.offset} of segment {self.position.segment}"
        if gap.torn:
            _log.warning("the journal ends with %d bytes of a frame that was cut off: %s", gap.end - gap.start, where)
        else:
            self.damaged_bytes += gap.end - gap.start
            _log.critical("the journal is damaged: %d bytes are no frame: %s", gap.end - gap.start, where)

    def _discard(self) -> None:
        """Remove the segments that nobody needs any more."""
        if self._segments.numbers[0] < self.position.segment:
            self._segments.discard(min(self._open.values(), default=self.position.segment))

    def _track(self, batch: Batch) -> None:
        """Note which requests are open; doing it again with a batch, whose commit was in doubt, changes nothing."""
        for body in batch.bodies:
            if type(body) is AttemptOpen:
                self._open.setdefault(body.request_id, batch.end.segment)
            elif type(body) is Close:
                self._open.pop(body.request_id, None)
