"""The one way to PostgreSQL: transactions that see one team or the whole platform, and notices of changes.

While PostgreSQL is away every transaction is refused at once; a task of the database's own finds out when it is back.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Self

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from headgate.storage.postgres.connecting import OPTIONS, Connection, connect
from headgate.storage.postgres.listener import Listener

MAX_CONNECTIONS: Final = 4
ACQUIRE_TIMEOUT_S: Final = 0.5
TRANSACTION_TIMEOUT_S: Final = 2.0
RECOVERY_POLL_S: Final = 0.25

_BECOME: Final = """
    SELECT set_config('role', %s, true), set_config('headgate.team', %s, true),
        set_config('statement_timeout', %s, true)
"""


class DatabaseAway(Exception):
    """PostgreSQL did not answer in time, or not at all.

    Raised on leaving a transaction, it leaves open whether the transaction was committed.
    """


class Database:
    """At most `MAX_CONNECTIONS` connections for transactions, and one more that listens.

    `available` says whether PostgreSQL answered when it was last asked.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = self._new_pool()
        self._recovery: asyncio.Task[None] | None = None
        self._listener = Listener(url, self._lost)
        self._closed = False
        self.available = True

    @classmethod
    async def open(cls, url: str) -> Self:
        """A database at the libpq `url`, whose user owns the schema or may become both of Headgate's roles.

        Raises:
            DatabaseAway: no connection within `TRANSACTION_TIMEOUT_S`.
        """
        database = cls(url)
        if not await database._answers():
            raise DatabaseAway("PostgreSQL cannot be reached")
        await database._pool.open()
        return database

    async def close(self) -> None:
        """Stop listening and close all connections; transactions under way end with their connection."""
        self._closed = True
        await self._listener.close()
        if self._recovery is not None:
            self._recovery.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._recovery
        await self._pool.close()

    def team(
        self, team_key: int, *, timeout_s: float = TRANSACTION_TIMEOUT_S
    ) -> AbstractAsyncContextManager[Connection]:
        """One transaction that sees and writes only the rows of the team `team_key`, as role `headgate_app`.

        It is committed when the block ends, rolled back when it raises, and cut off after `timeout_s` seconds.

        Raises:
            DatabaseAway: PostgreSQL, or a free connection, did not come in time, or went.
        """
        return self._transaction("headgate_app", str(team_key), timeout_s)

    def system(self, *, timeout_s: float = TRANSACTION_TIMEOUT_S) -> AbstractAsyncContextManager[Connection]:
        """One transaction over all teams, as role `headgate_system`; otherwise like `team`."""
        return self._transaction("headgate_system", "", timeout_s)

    def listen(self, channel: str, callback: Callable[[], None]) -> None:
        """Call `callback` on each NOTIFY on `channel`, and after each connection, for notices may be lost before it."""
        self._listener.add(channel, callback)

    @asynccontextmanager
    async def _transaction(self, role: str, team: str, timeout_s: float) -> AsyncIterator[Connection]:
        pool, connection, watch = await self._begin(role, team, timeout_s)
        try:
            try:
                yield connection
                await connection.commit()
            except BaseException:
                await _roll_back(connection)
                raise
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if _is_lost(connection, error):
                self._lost()
                raise DatabaseAway("the connection to PostgreSQL broke") from error
            if isinstance(error, psycopg.errors.QueryCanceled):
                raise DatabaseAway(f"PostgreSQL did not finish within {timeout_s} s") from error
            raise
        finally:
            watch.cancel()
            await pool.putconn(connection)

    async def _begin(
        self, role: str, team: str, timeout_s: float
    ) -> tuple[AsyncConnectionPool[Connection], Connection, asyncio.TimerHandle]:
        """A connection in a transaction as `role`, its pool, and the timer that hangs up on it after `timeout_s`.

        A connection that broke while it was idle is noticed here, and the transaction begun again on a new one.
        """
        settings = (role, team, str(int(timeout_s * 1000)))
        for _ in range(2):
            if not await self._stands():
                break
            pool = self._pool
            try:
                connection = await pool.getconn(timeout=ACQUIRE_TIMEOUT_S)
            except PoolTimeout as error:
                raise DatabaseAway(f"no free connection to PostgreSQL within {ACQUIRE_TIMEOUT_S} s") from error
            except psycopg.OperationalError:  # the pool was closed, by a recovery or for good
                continue
            watch = asyncio.get_running_loop().call_later(timeout_s, _hang_up, connection)
            try:
                await connection.execute(_BECOME, settings)
            except BaseException as error:
                watch.cancel()
                await pool.putconn(connection)
                if not isinstance(error, psycopg.OperationalError):
                    raise
                self._lost()
            else:
                return pool, connection, watch
        raise DatabaseAway("PostgreSQL is away")

    def _new_pool(self) -> AsyncConnectionPool[Connection]:
        return AsyncConnectionPool(
            self._url,
            kwargs=OPTIONS,
            min_size=1,
            max_size=MAX_CONNECTIONS,
            open=False,
            reconnect_timeout=1.0,
            reconnect_failed=lambda _: self._lost(),
            num_workers=1,
            name="headgate",
        )

    def _lost(self) -> None:
        """A connection broke: find out whether PostgreSQL is still there."""
        if not self._closed and (self._recovery is None or self._recovery.done()):
            self._recovery = asyncio.create_task(self._recover(), name="database recovery")

    async def _stands(self) -> bool:
        """Whether no recovery is under way; one that may be over in a moment is waited for."""
        if self._recovery is None or self._recovery.done():
            return True
        if self.available:
            await asyncio.wait([self._recovery], timeout=ACQUIRE_TIMEOUT_S)
        return self._recovery.done()

    async def _recover(self) -> None:
        """Try until PostgreSQL answers, then begin with a new pool: what the old one still holds is broken."""
        await self._pool.close(timeout=ACQUIRE_TIMEOUT_S)
        while not await self._answers():
            self.available = False
            await asyncio.sleep(RECOVERY_POLL_S)
        self._pool = self._new_pool()
        await self._pool.open()
        self.available = True

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(TRANSACTION_TIMEOUT_S):
                connection = await connect(self._url)
        except (psycopg.OperationalError, TimeoutError):
            return False
        await connection.close()
        return True


async def _roll_back(connection: Connection) -> None:
    """Roll back where there is still a connection; without one the server does it."""
    with contextlib.suppress(psycopg.OperationalError, psycopg.InterfaceError):
        await connection.rollback()


def _is_lost(connection: Connection, error: psycopg.Error) -> bool:
    """Whether the connection is gone; SQLSTATE 57P is the server's "going down" (PostgreSQL manual, appendix A)."""
    return connection.closed or (error.sqlstate or "").startswith("57P")


def _hang_up(connection: Connection) -> None:
    """Shut the connection's socket down, so that whoever waits for an answer gets an error at once."""
    if not connection.closed:
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)
