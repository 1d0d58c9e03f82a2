"""Group commit: one sync of the disk serves everybody who waits for it."""

import asyncio
from typing import Final

from headgate.domain.refusal import Refusal
from headgate.journal.segments import Segments

MAX_FAILURES: Final = 3
"""Syncs that may fail in a row, each followed by a new segment, before those who wait are refused."""


class GroupCommit:
    """Brings `segments` to the disk when asked, one sync at a time."""

    def __init__(self, segments: Segments) -> None:
        self._segments = segments
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def durable(self) -> None:
        """Return once everything appended so far is on the disk.

        Raises:
            Refusal: `journal_unavailable`: the disk fails.
        """
        target = self._segments.records
        if target <= self._segments.confirmed:
            return
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((target, done))
        if self._task is None:
            self._task = loop.create_task(self._sync(), name="journal sync")
        await done

    async def _sync(self) -> None:
        failures = 0
        try:
            while self._waiting:
                try:
                    point = self._segments.sync_point()
                    await asyncio.to_thread(point.sync)
                    self._segments.confirm(point)
                    failures = 0
                except OSError as error:
                    failures += 1
                    if not self._replaced() or failures >= MAX_FAILURES:
                        self._refuse(error)
                self._answer()
        finally:
            self._task = None

    def _replaced(self) -> bool:
        try:
            self._segments.replace()
        except OSError:
            return False
        return True

    def _answer(self) -> None:
        waiting, self._waiting = self._waiting, []
        for target, done in waiting:
            if target > self._segments.confirmed:
                self._waiting.append((target, done))
            elif not done.done():
                done.set_result(None)

    def _refuse(self, error: OSError) -> None:
        waiting, self._waiting = self._waiting, []
        for _, done in waiting:
            if not done.done():
                done.set_exception(
                    Refusal(
                        "journal_unavailable",
                        f"The journal's disk fails ({error.strerror}), so the call is not safe from a power failure; "
                        f"see Headgate's log and check the disk.",
                    )
                )
