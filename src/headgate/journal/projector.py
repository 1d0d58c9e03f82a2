"""The task that keeps a worker's own projection going while the worker lives."""

import asyncio
import logging
from typing import Final, NamedTuple

from headgate.journal.projection import Projection
from headgate.journal.segments import Position, Segments
from headgate.kit.clock import Clock
from headgate.storage.postgres.database import DatabaseAway

TICK_S: Final = 0.05
LONGEST_PAUSE_S: Final = 2.0
MAX_BACKLOG_BYTES: Final = 1 << 30
"""What may wait for the database before nothing new is opened."""

_log = logging.getLogger(__name__)


class Lag(NamedTuple):
    """How far the projection is behind what is written."""

    bytes: int
    age_ms: int
    """Since when something waits to be projected; 0 where nothing does."""
    trouble: str
    """Why it does not move, where it does not."""
    damaged_bytes: int
    """Bytes of the journal that could not be read."""


class Projector:
    """Looks every `TICK_S` whether something was appended; while nothing was, the database is left alone."""

    def __init__(
        self, projection: Projection, segments: Segments, clock: Clock, *, max_backlog_bytes: int = MAX_BACKLOG_BYTES
    ) -> None:
        self._projection = projection
        self._segments = segments
        self._clock = clock
        self._max_backlog_bytes = max_backlog_bytes
        self._trouble = ""
        self._wake = asyncio.Event()
        self._waiting: list[tuple[Position, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Project from now on."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="projection")

    async def stop(self) -> None:
        """Leave it; a batch under way is projected or not, which the next step finds out."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def projected(self, within_s: float) -> int:
        """Wait at most `within_s` until what is appended now is projected.

        Returns:
            Until when PostgreSQL has everything of this worker, in epoch milliseconds.
        """
        if not self._projection.behind:
            return self._clock.now_ms()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((self._segments.end, done))
        self._wake.set()
        await asyncio.wait([done], timeout=within_s)
        done.cancel()
        return self._projection.complete_ms

    def lag(self) -> Lag:
        """How far the projection is behind now."""
        behind = self._projection.behind
        return Lag(
            behind,
            max(0, self._clock.now_ms() - self._projection.complete_ms) if behind else 0,
            self._trouble,
            self._projection.damaged_bytes,
        )

    async def _run(self) -> None:
        pause_s = TICK_S
        while True:
            try:
                while await self._projection.step():
                    self._moved()
                self._moved()
                self._trouble, pause_s = "", TICK_S
            except Exception as error:  # noqa: BLE001 - whatever fails, the journal keeps it and it is tried again
                if str(error) != self._trouble and not isinstance(error, DatabaseAway):
                    _log.exception("the journal could not be projected; it is tried again")
                self._trouble, pause_s = str(error) or type(error).__name__, min(LONGEST_PAUSE_S, pause_s * 2)
            self._segments.backlogged = self._projection.behind > self._max_backlog_bytes
            try:
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()

    def _moved(self) -> None:
        """Tell those who wait for a position that was reached."""
        self._segments.backlogged = self._projection.behind > self._max_backlog_bytes
        waiting, self._waiting = self._waiting, []
        reached = self._segments.end if not self._projection.behind else self._projection.position
        for target, done in waiting:
            if target > reached and not done.done():
                self._waiting.append((target, done))
            elif not done.done():
                done.set_result(None)
