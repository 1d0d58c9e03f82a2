"""One request and its response as ASGI sees them (ASGI specification, HTTP & WebSocket, 2.3)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, Final

LEFT: Final = "headgate.left"
"""The extension by which an application learns at once that its caller left before the response was whole:
`scope["extensions"][LEFT]` is called with a callback."""
HIGH_WATER_BYTES: Final = 64 * 1024
"""A body that the application does not take is read from the socket up to here."""
_STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status} {status.phrase}\r\n".encode() for status in HTTPStatus}
_BODILESS: Final = frozenset({204, 304})
_LOGGER: Final = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Application = Callable[[Any, Any, Any], Awaitable[None]]


class Line:
    """What the requests of one connection share: its transport, its ends, and whether either side has to wait."""

    __slots__ = ("_stall", "client", "default_headers", "drained", "full", "reading", "scheme", "server", "transport")

    def __init__(
        self,
        transport: asyncio.Transport,
        *,
        client: tuple[str, int] | None,
        server: tuple[str, int] | None,
        scheme: str,
        default_headers: list[tuple[bytes, bytes]],
    ) -> None:
        self.transport = transport
        self.client = client
        self.server = server
        self.scheme = scheme
        self.default_headers = default_headers
        self.reading = True
        """Whether more is taken from the caller."""
        self.full = False
        """Whether requests that came ahead of their turn wait."""
        self.drained: asyncio.Future[None] | None = None
        """What a writer must wait for; None where it need not."""
        self._stall: asyncio.TimerHandle | None = None

    def pause_writing(self, patience_s: float) -> None:
        """Let writers wait; a caller who takes not one byte in `patience_s` seconds is hung up on."""
        self.drained = asyncio.get_running_loop().create_future()
        self._watch(patience_s, 0)

    def _watch(self, patience_s: float, unsent_before: int) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent == unsent_before:
            self.transport.abort()
        else:
            self._stall = asyncio.get_running_loop().call_later(patience_s, self._watch, patience_s, unsent)

    def resume_writing(self) -> None:
        """Let writers go on."""
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        if self.drained is not None and not self.drained.done():
            self.drained.set_result(None)
        self.drained = None

    def pause_reading(self) -> None:
        """Take no more from the caller for now."""
        if self.reading and not self.transport.is_closing():
            self.reading = False
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Take more again, unless requests wait already."""
        if not self.reading and not self.full and not self.transport.is_closing():
            self.reading = True
            self.transport.resume_reading()


class Cycle:
    """One request and its response.

    Args:
        line: the connection.
        scope: the request's ASGI scope; it gains the extension `LEFT`.
        keep_alive: whether the connection may serve another request afterwards.
        ended: is told that the response is whole.
    """

    __slots__ = (
        "_begun",
        "_bodiless",
        "_chunked",
        "_continued",
        "_ended",
        "_gone",
        "_held_bytes",
        "_left_bytes",
        "_line",
        "_on_left",
        "_parts",
        "_request",
        "_start",
        "_told_whole",
        "_waiter",
        "complete",
        "keep_alive",
        "receiving",
    )

    def __init__(
        self, line: Line, scope: dict[str, Any], *, keep_alive: bool, ended: Callable[["Cycle"], None]
    ) -> None:
        scope["extensions"] = {LEFT: self._when_left}
        self._line = line
        self._request: tuple[str, str, list[tuple[bytes, bytes]]] = (
            scope["method"],
            scope["http_version"],
            scope["headers"],
        )
        """Of the scope, which knows us, only what is needed: a circle would wait for the collector."""
        self._ended = ended
        self._on_left: Callable[[], None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._gone = False
        self._parts: list[bytes] = []
        self._held_bytes = 0
        self._told_whole = False
        self._continued = False
        self._start: Message | None = None
        self._begun = False
        self._bodiless = self._chunked = False
        self._left_bytes: int | None = None
        """Of a declared length, what is not written yet."""
        self.keep_alive = keep_alive
        self.receiving = True
        """Whether more of the request's body will come."""
        self.complete = False
        """Whether the response is whole."""

    async def run(self, app: Application, scope: dict[str, Any]) -> None:
        """Let `app` answer; a response that it leaves open ends the connection."""
        try:
            await app(scope, self.receive, self.send)
        except Exception:
            _LOGGER.exception("the application failed at %s", scope["path"])
        finally:
            if not self.complete and not self._gone:
                self._break_off()

    def _break_off(self) -> None:
        transport = self._line.transport
        if self._begun:
            transport.abort()  # a response that ends like a whole one would be taken for one
        else:
            transport.write(text_response(HTTPStatus.INTERNAL_SERVER_ERROR, "Headgate made a mistake; try again."))
            transport.close()

    # What the protocol calls.

    def take(self, data: bytes) -> None:
        """A piece of the body came."""
        self._continued = True
        self._parts.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > HIGH_WATER_BYTES:
            self._line.pause_reading()
        self._wake()

    def whole(self) -> None:
        """The body is whole."""
        self.receiving = False
        self._wake()

    def leave(self) -> None:
        """The caller is gone."""
        self._gone = True
        self._wake()
        on_left, self._on_left = self._on_left, None
        if on_left is not None:
            on_left()

    def _when_left(self, callback: Callable[[], None]) -> None:
        if not self.complete:
            self._on_left = callback

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # What the application calls.

    async def receive(self) -> Message:
        """The next piece of the body; once it is whole, the caller's leaving or the response's end."""
        if self.receiving and not self._parts and not self._begun and self._expects_continue():
            self._continued = True
            self._line.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not self._parts and (self.receiving or self._told_whole) and not self._gone and not self.complete:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._gone or self.complete:
            return {"type": "http.disconnect"}
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts, self._held_bytes, self._told_whole = [], 0, not self.receiving
        self._line.resume_reading()
        return {"type": "http.request", "body": body, "more_body": self.receiving}

    async def send(self, message: Message) -> None:
        """Send the head, which waits for the first piece of the body, or a piece of the body.

        Raises:
            ValueError: the response has a head or an end already, or is not as long as declared.
        """
        if (drained := self._line.drained) is not None:
            await asyncio.shield(drained)
        if self._gone:
            return
        if message["type"] == "http.response.body":
            self._write(message.get("body", b""), more=message.get("more_body", False))
        elif self._start is None and not self._begun:
            self._start = message
        else:
            raise ValueError("a response has one head")

    def _write(self, body: bytes, *, more: bool) -> None:
        head = b""
        if not self._begun:
            if self._start is None:
                raise ValueError("a response begins with its head")
            head = self._head(self._start)
            self._begun = True
        if self.complete:
            raise ValueError("the response is whole already")
        if self._bodiless:
            body = b""
        elif self._chunked:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if not more:
                body += b"0\r\n\r\n"
        elif self._left_bytes is not None:
            self._left_bytes -= len(body)
            if self._left_bytes < 0 or (self._left_bytes and not more):
                raise ValueError("the body is not as long as its head says")
        if head or body:
            self._line.transport.write(head + body)
        if not more:
            self.complete = True
            self._on_left = None
            self._wake()
            self._ended(self)

    def _head(self, start: Message) -> bytes:
        """The status line and headers; decides how the body is framed."""
        method, version, _ = self._request
        status: int = start["status"]
        headers = [*self._line.default_headers, *start["headers"]]
        declared = dict(headers).get(b"content-length")
        if method == "HEAD" or status in _BODILESS:
            self._bodiless = True
        elif declared is not None:
            self._left_bytes = int(declared)
        elif version == "1.1":
            self._chunked = True
            headers.append((b"transfer-encoding", b"chunked"))
        else:
            self.keep_alive = False  # the body ends with the connection
        if self.receiving:
            self.keep_alive = False
        if not self.keep_alive:
            headers.append((b"connection", b"close"))
        line = _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status  # providers use more than are registered
        head = b"%b%b\r\n" % (line, b"".join([b"%b: %b\r\n" % header for header in headers]))
        if head.count(b"\n") != len(headers) + 2 or head.count(b"\r") != len(headers) + 2 or b"\0" in head:
            raise ValueError("a header of the response holds a line break")
        return head

    def _expects_continue(self) -> bool:
        if self._continued:
            return False
        return any(name == b"expect" and value.lower() == b"100-continue" for name, value in self._request[2])


def text_response(status: HTTPStatus, sentence: str) -> bytes:
    """A whole response that ends the connection."""
    body = sentence.encode()
    return b"%bcontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b" % (
        _STATUS_LINES[status.value],
        len(body),
        body,
    )
