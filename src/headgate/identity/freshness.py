"""Whether what is remembered of the database still holds: its version by notice and by poll, its absence by both."""

import asyncio
import contextlib
from enum import StrEnum
from typing import Final

import psycopg

from headgate.identity import store
from headgate.kit.clock import Clock
from headgate.storage.postgres.database import Database, DatabaseAway

POLL_S: Final = 0.5
GRACE_NS: Final = 3_600_000_000_000
"""How long remembered keys work while the database is away: one hour."""


class IdentityState(StrEnum):
    """How far callers can be told apart."""

    READY = "ready"
    GRACE = "grace"
    """The database is away; keys that this worker has seen work for an hour, others are refused with 503."""
    AWAY = "away"
    """The database has been away for longer than that; every key is refused with 503."""


class Freshness:
    """Follows `identity_version`, by LISTEN at once and by a poll every half second behind it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.clock = clock
        self.epoch = 0
        self._version = 0
        self.state = IdentityState.AWAY
        self._database = database
        self._confirmed_ns = clock.monotonic_ns()
        self._woken = asyncio.Event()
        self._poll: asyncio.Task[None] | None = None

    @property
    def doubtful(self) -> bool:
        """Whether even remembered rows may not be used: nothing was confirmed for the length of the grace."""
        return self.state is IdentityState.AWAY

    def renew(self) -> None:
        """Begin a new epoch: whatever is remembered is read anew at its next use."""
        self.epoch += 1

    async def start(self) -> None:
        """Read the version and follow it from now on; returns also where the database is away."""
        await self._ask()
        self._database.listen(store.CHANNEL, self._woken.set)
        self._poll = asyncio.create_task(self._follow(), name="identity version")

    async def stop(self) -> None:
        """Follow no longer."""
        if self._poll is not None:
            self._poll.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._poll

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):  # wait_for can lose a cancellation (CPython issue 86296)
                    await self._woken.wait()
            self._woken.clear()
            await self._ask()

    async def _ask(self) -> None:
        try:
            async with self._database.system() as connection:
                version = await store.version(connection)
        except (DatabaseAway, psycopg.Error):
            within = self.clock.monotonic_ns() - self._confirmed_ns < GRACE_NS
            self.state = IdentityState.GRACE if within else IdentityState.AWAY
            return
        if version != self._version:
            self._version = version
            self.renew()
        self.state = IdentityState.READY
        self._confirmed_ns = self.clock.monotonic_ns()
