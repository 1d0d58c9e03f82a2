"""One connection to a provider: HTTP/1.1 (RFC 9112), one exchange at a time, parsed by httptools."""

import asyncio
from collections.abc import Sequence
from typing import Final, cast

import httptools

from headgate.pool.transport import TransportFailed, TransportTimedOut

MAX_HEAD_BYTES: Final = 128 * 1024
"""A reply whose head is longer is no reply."""
HIGH_WATER_BYTES: Final = 256 * 1024
"""A body that its reader does not take is read from the socket up to here."""
_BODILESS: Final = frozenset({204, 304})


class Connection(asyncio.Protocol):
    """Between `begin` and `end` it belongs to one exchange; before and after it is idle or closed."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._busy = False
        self.closed = False
        self.idle_since_s = 0.0
        self._clear()

    def _clear(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._held_bytes = 0
        self._head_bytes = 0
        self._headed = False
        self._complete = False
        self._kept_alive = False
        self._paused = False
        self._failure: TransportFailed | None = None

    def begin(self, wire: Sequence[bytes], timeout_s: float) -> None:
        """Send a request; the whole reply has to come within `timeout_s`."""
        self._clear()
        self._busy = True
        self._deadline = self._loop.call_later(timeout_s, self._expire, timeout_s)
        self._transport.writelines(wire)

    async def head(self) -> None:
        """Wait until `status` and `headers` are there. Raises TransportFailed."""
        while not self._headed:
            await self._wait()

    async def read(self) -> bytes:
        """What has come of the body since the last time, at least one byte; nothing at its end.

        Raises:
            TransportFailed: it broke off.
        """
        while not self._parts:
            if self._complete:
                return b""
            await self._wait()
        parts, self._parts, self._held_bytes = self._parts, [], 0
        if self._paused and not self.closed:
            self._paused = False
            self._transport.resume_reading()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def end(self) -> bool:
        """Leave the exchange; whether the connection can serve another. One that cannot is closed."""
        self._deadline.cancel()
        self._busy = False
        if self._complete and self._kept_alive and not self.closed and not self._transport.get_write_buffer_size():
            self.idle_since_s = self._loop.time()
            return True
        self.close()
        return False

    def close(self) -> None:
        """Close at once; what is unsent is dropped."""
        if not self.closed:
            self.closed = True
            self._transport.abort()

    async def _wait(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, failure: TransportFailed) -> None:
        """End the exchange; what came of the body before can still be read."""
        if self._busy and not self._complete and self._failure is None:
            self._failure = failure
        self.close()
        self._wake()

    def _expire(self, after_s: float) -> None:
        self._fail(TransportTimedOut(f"no whole answer within {after_s * 1000:.0f} ms"))

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Bytes of a reply; nobody asked for them where no exchange is under way."""
        if not self._busy or self._complete:
            self._fail(TransportFailed("the provider sent more than a reply"))
            return
        if not self._headed:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(TransportFailed(f"the reply is not HTTP: {error}"))
            return
        if not self._headed and self._head_bytes > MAX_HEAD_BYTES:
            self._fail(TransportFailed(f"the reply's head is longer than {MAX_HEAD_BYTES} bytes"))
        elif self._held_bytes > HIGH_WATER_BYTES and not self._paused and not self._complete:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """The provider sends no more; the transport closes itself."""

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is closed, by whichever side; a body without a length ends with it (RFC 9112, 6.3)."""
        self.closed = True
        if self._headed and error is None and not self._is_framed() and self._failure is None:
            self._complete = True
            self._wake()
            return
        when = "within the reply" if self._headed else "before a reply"
        self._fail(TransportFailed(f"the connection closed {when}" + (f": {error}" if error else "")))

    def _is_framed(self) -> bool:
        return "content-length" in self.headers or "transfer-encoding" in self.headers

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header of a reply, or of a trailer, which says nothing to us."""
        if self._headed:
            return
        key, text = name.lower().decode("latin-1"), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        """A head is whole; an interim one (1xx) is passed over."""
        self.status = self._parser.get_status_code()
        if self.status >= 200:
            self._headed = True
            self._wake()

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._parts.append(data)
        self._held_bytes += len(data)
        self._wake()

    def on_message_complete(self) -> None:
        """A reply is whole."""
        if not self._headed:
            self.headers = {}
            return
        self._complete = True
        self._kept_alive = self._parser.should_keep_alive() and (self._is_framed() or self.status in _BODILESS)
        self._wake()
