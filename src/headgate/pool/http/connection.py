"""One connection to a provider: HTTP/1.1 (RFC 9112), one exchange at a time, parsed by httptools."""

import asyncio
import select
import socket
from collections.abc import Callable, Sequence
from typing import Final, cast

import httptools

from headgate.pool.transport import ConnectFailed, TransportFailed, TransportTimedOut

MAX_HEAD_BYTES: Final = 128 * 1024
"""A reply whose head is longer is no reply, nor is one that says as much between two pieces of its body."""
HIGH_WATER_BYTES: Final = 256 * 1024
"""A body that its reader does not take is read from the socket up to here."""
LINGER_S: Final = 0.1
"""A reply in chunks that was left before its end may end by itself within this time, as it does after a stream's
last event; then the connection is kept. One more byte of its body closes it."""
PROBE_AFTER_S: Final = 60
"""A connection that is silent for so long is probed by TCP, which also keeps it known to firewalls on the way."""
_BODILESS: Final = frozenset({204, 304})


class Connection(asyncio.Protocol):
    """Between `begin` and `end` it belongs to one exchange; before and after it is idle or closed."""

    def __init__(self, keep: Callable[["Connection"], None]) -> None:
        """A connection that hands itself to `keep` each time that it can serve another exchange."""
        self._keep = keep
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._busy = False
        self.closed = False
        self.idle_until_s = 0.0
        """When it is no longer to be used, by the loop's clock."""
        self._clear()

    def _clear(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._held_bytes = 0
        self._bare_bytes = 0
        self._headed = False
        self._complete = False
        self._lingering = False
        self._kept_alive = False
        self._paused = False
        self._failure: TransportFailed | None = None

    def is_quiet(self) -> bool:
        """Whether an idle connection can be used: neither the provider's end has come nor a byte that nobody asked for.

        It asks the socket: what has come may not have been told by the loop yet.
        """
        return not self.closed and not self._arrivals.poll(0)

    def begin(self, wire: Sequence[bytes], timeout_s: float) -> None:
        """Send a request; the whole reply has to come within `timeout_s`. Raises ConnectFailed."""
        if self.closed:
            raise ConnectFailed("the connection closed before the request was sent")
        self._clear()
        self._busy = True
        self._deadline = self._loop.call_later(timeout_s, self._expire)
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

    def end(self) -> None:
        """Leave the exchange: the connection is kept, or closed where it cannot serve another."""
        self._deadline.cancel()
        if self._complete or self.closed or self._parts or self._paused or "transfer-encoding" not in self.headers:
            self._leave()
        else:
            self._lingering = True
            self._deadline = self._loop.call_later(LINGER_S, self.close)

    def _leave(self) -> None:
        self._busy = False
        if self._complete and self._kept_alive and not self.closed and not self._transport.get_write_buffer_size():
            self._keep(self)
        else:
            self.close()

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

    def _expire(self) -> None:
        self._fail(TransportTimedOut("no whole answer in time"))

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = cast(asyncio.Transport, transport)
        wire = transport.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, PROBE_AFTER_S)
        self._arrivals = select.poll()
        self._arrivals.register(wire.fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Bytes of a reply; nobody asked for them where no exchange is under way."""
        if not self._busy or self._complete:
            self._fail(TransportFailed("the provider sent more than a reply"))
            return
        self._bare_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(TransportFailed(f"the reply is not HTTP: {error.__context__ or error}"))
            return
        if self._complete:
            if self._lingering:
                self._deadline.cancel()
                self._leave()
        elif self._bare_bytes > MAX_HEAD_BYTES:
            self._fail(TransportFailed(f"the reply has more than {MAX_HEAD_BYTES} bytes that are not of its body"))
        elif self._held_bytes > HIGH_WATER_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """The provider sends no more; the transport closes itself, and tells so a moment later."""
        self._kept_alive = False
        if not self._busy:
            self.close()

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

    # What the parser calls; what these raise ends the parsing.

    def on_message_begin(self) -> None:
        """A reply begins, an interim one counted; after the whole one nothing may."""
        if self._complete:
            raise TransportFailed("the provider sent more than a reply")

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
        if self._lingering:
            raise TransportFailed("nobody reads the rest of the reply")
        self._bare_bytes = 0
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
