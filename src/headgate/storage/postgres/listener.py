"""One connection that waits for PostgreSQL's notices and calls those who asked for them."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

import psycopg
from psycopg import sql

from headgate.storage.postgres.connecting import connect

MIN_PAUSE_S: Final = 0.1
MAX_PAUSE_S: Final = 2.0

_log = logging.getLogger(__name__)


class Listener:
    """Keeps a connection that listens on every channel added; `lost` is called when that connection breaks."""

    def __init__(self, url: str, lost: Callable[[], None]) -> None:
        self._url = url
        self._lost = lost
        self._callbacks: dict[str, list[Callable[[], None]]] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, channel: str, callback: Callable[[], None]) -> None:
        """Call `callback` on each notice on `channel` and after each connection; a new channel makes a new one."""
        self._callbacks.setdefault(channel, []).append(callback)
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(self._keep_listening(), name="database listener")

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _keep_listening(self) -> None:
        pause_s = MIN_PAUSE_S
        while True:
            try:
                async with await connect(self._url, autocommit=True) as connection:
                    for channel in self._callbacks:
                        await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                    pause_s = MIN_PAUSE_S
                    for channel in self._callbacks:
                        self._call(channel)
                    async for notice in connection.notifies():
                        self._call(notice.channel)
            except psycopg.Error as error:
                _log.warning("listening for changes again in %.1f s: %s", pause_s, error)
                self._lost()
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, MAX_PAUSE_S)

    def _call(self, channel: str) -> None:
        for callback in self._callbacks[channel]:
            try:
                callback()
            except Exception:  # noqa: BLE001 - one callback must not silence the others
                _log.exception("a callback for the notice '%s' failed", channel)
