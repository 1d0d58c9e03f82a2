"""The journal of one worker: opens records, appends frames, and knows how far the books are complete."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psycopg

from headgate.domain.call import Call
from headgate.domain.policy import Policy
from headgate.domain.refusal import Refusal
from headgate.journal import store
from headgate.journal.adoption import adopt_orphans, close_unfinished, leave
from headgate.journal.commit import GroupCommit
from headgate.journal.frames import encode
from headgate.journal.incarnation import Incarnation
from headgate.journal.projection import Books, Projection
from headgate.journal.projector import Lag, Projector
from headgate.journal.record import Record
from headgate.journal.records import AttemptClose, Body, Close, Unauthenticated
from headgate.journal.segments import Segments
from headgate.kit.clock import Clock
from headgate.storage.postgres.database import Database, DatabaseAway

MAX_SOURCES: Final = 1_000
"""Sources counted apart in one minute; the rest are `OTHER`."""
OTHER: Final = "other"
MINUTE_MS: Final = 60_000
STOP_TIMEOUT_S: Final = 10.0

_ENDS: Final = frozenset({AttemptClose, Close})
"""What ends something that was begun, and is written as long as there is any room at all."""
_log = logging.getLogger(__name__)


class Journal:
    """Where every request of a worker is opened and closed.

    Args:
        root: the directory of all incarnations on this node; it is made if it is not there.
        policy: the policy in force; a record keeps the one it was opened under.
        closed: is told of every CLOSE; what it does must not wait.
        power: whether answers wait for the disk (class `power`) or only for the kernel (class `process`).

    Raises:
        OSError: the directory cannot be written.
    """

    def __init__(
        self,
        root: Path,
        clock: Clock,
        policy: Callable[[], Policy],
        closed: Callable[[Record, Close], None],
        *,
        power: bool = False,
    ) -> None:
        self.incarnation = Incarnation.begin(root)
        self._root = root
        self._clock = clock
        self._policy = policy
        self._observe = closed
        self._segments = Segments(self.incarnation.directory, clock, synced=power)
        self._commit = GroupCommit(self._segments) if power else None
        self._projection: Projection | None = None
        self._projector: Projector | None = None
        self._minute_ms = 0
        self._counts: dict[str, tuple[int, str]] = {}
        self._counting: asyncio.Task[None] | None = None

    async def register(self, database: Database) -> None:
        """Write this incarnation down in PostgreSQL, so that it may lease money.

        Raises:
            DatabaseAway: it could not.
        """
        async with database.system() as connection:
            node, directory = self.incarnation.node, str(self.incarnation.directory)
            await store.register(connection, self.incarnation.id, node, directory)

    async def start(self, database: Database, books: Books) -> int:
        """Adopt what dead workers left on this node, and project our own from now on; `register` comes before.

        Returns:
            How many attempts dead workers left open; each is charged at its bound.

        Raises:
            DatabaseAway: PostgreSQL went in between.
        """
        reserved = await adopt_orphans(self._root, database, books, self._clock)
        self._projection = Projection(database, self.incarnation.id, self._segments, books, self._clock)
        self._projector = Projector(self._projection, self._segments, self._clock)
        self._projector.start()
        self._counting = asyncio.get_running_loop().create_task(self._count(), name="unauthenticated calls")
        return reserved

    async def stop(self) -> None:
        """Take no more frames, project what is left, release the incarnation and remove its directory.

        What is still open is closed as a killed process's would be. Where PostgreSQL does not take all of it within
        `STOP_TIMEOUT_S`, the directory stays, and the next start adopts it.
        """
        assert self._projection is not None, "a journal is started before it is stopped"
        assert self._projector is not None, "and so is its projector"
        assert self._counting is not None, "and so are its counts"
        self._counting.cancel()
        await self._projector.stop()
        try:
            self._flush_counts()
            close_unfinished(self._segments, self._clock)
            self._segments.close()
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._projection.finish()
        except (Refusal, DatabaseAway, TimeoutError, psycopg.Error, OSError) as error:
            _log.error("the journal %s stays for the next start: %s", self.incarnation.directory, error)
            self._segments.close()
            self.incarnation.release()
        else:
            leave(self.incarnation, self._projection)

    def open(self, call: Call) -> Record:
        """The record of `call`, under the policy in force; leaving it as a context manager closes it."""
        return Record(call, self._policy(), self, self._clock, self._observe)

    def append(self, *bodies: Body) -> None:
        """Append frames, at once and whole.

        Raises:
            Refusal: `journal_unavailable`, nothing is written; where the last frame is an end, only because the disk
                fails altogether.
        """
        self._segments.append(*map(encode, bodies), opens=type(bodies[-1]) not in _ENDS)

    async def durable(self) -> None:
        """Return once everything appended so far will survive what the journal's class promises.

        Raises:
            Refusal: `journal_unavailable`: the disk fails.
        """
        if self._commit is not None:
            await self._commit.durable()

    def unauthenticated(self, source: str, code: str) -> None:
        """Count a call without a valid key; one frame a source and minute."""
        self._turn_minute()
        if source not in self._counts and len(self._counts) >= MAX_SOURCES:
            source = OTHER
        count, _ = self._counts.get(source, (0, ""))
        self._counts[source] = (count + 1, code)

    async def projected(self, within_s: float = 0.2) -> int:
        """Wait at most `within_s` for what is appended now to be projected.

        Returns:
            Until when PostgreSQL has everything of this worker, in epoch milliseconds.
        """
        assert self._projector is not None, "a journal is started before it is asked"
        return await self._projector.projected(within_s)

    def lag(self) -> Lag:
        """How far the projection is behind."""
        assert self._projector is not None, "a journal is started before it is asked"
        return self._projector.lag()

    async def _count(self) -> None:
        """Write the counts down when a minute is over, also where no further call comes."""
        while True:
            await asyncio.sleep(MINUTE_MS / 1000)
            self._turn_minute()

    def _turn_minute(self) -> None:
        minute_ms = self._clock.now_ms() // MINUTE_MS * MINUTE_MS
        if minute_ms != self._minute_ms:
            try:
                self._flush_counts()
            except Refusal as refusal:
                _log.error("calls without a valid key are counted into the next minute: %s", refusal.sentence)
            self._minute_ms = minute_ms

    def _flush_counts(self) -> None:
        while self._counts:
            source, (count, code) = next(iter(self._counts.items()))
            self.append(Unauthenticated(self._minute_ms, source, count, code))
            del self._counts[source]
