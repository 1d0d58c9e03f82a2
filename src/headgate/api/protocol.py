"""HTTP/1.1 for callers (RFC 9112): what uvicorn's server runs each connection with, parsed by httptools.

uvicorn's own checks every header by two expressions and makes a timer and an event for every request, which came to a
third of a request's time. This one keeps one timer a connection, writes a head and its body in one piece, and tells the
application at once that its caller left. See docs/decisions/0012-http-on-both-sides-is-ours.md.
"""

import asyncio
from collections import deque
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import unquote

import httptools
from uvicorn import Config
from uvicorn.server import ServerState

from headgate.api.cycle import Cycle, Line, text_response

MAX_HEAD_BYTES: Final = 64 * 1024
"""A request's line and headers; more is refused with 431."""
MAX_WAITING: Final = 100
"""Requests that may come ahead of their turn; who sends more at once is hung up on."""
MAX_DISCARDED_BYTES: Final = 4 * 1024 * 1024
"""What is read of a body whose answer was given already, so that the answer is not lost to a reset."""


class CallerProtocol(asyncio.Protocol):
    """One caller's connection; requests that come ahead of their turn wait for it.

    Args:
        config: the server's configuration, from which the application and `timeout_keep_alive` come.
        server_state: the server's connections, tasks and default headers.
        app_state: what the application keeps from its start-up; ours keeps nothing.
    """

    receiving_timeout_s = 30.0
    """How long a request's line and headers may take to come, and how long its body may pause."""
    taking_timeout_s = 60.0
    """How long a caller may take nothing of an answer that waits for it."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        self._app = config.loaded_app
        self._keep_alive_s = float(config.timeout_keep_alive)
        self._state = server_state
        self._loop = _loop or asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._cycle: Cycle | None = None
        """The request being received or answered."""
        self._reading: Cycle | None = None
        """The request whose body is being received."""
        self._waiting: deque[tuple[Cycle, dict[str, Any]]] = deque()
        self._head_bytes = 0
        self._discarded_bytes = 0
        self._in_head = False
        self._ignoring = False
        """Whether an offer to switch protocols came, behind which nothing is HTTP."""
        self._since_s = self._loop.time()
        """Since when the connection is idle, a head is being received, or a body pauses."""

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller connected."""
        self._transport = cast(asyncio.Transport, transport)
        self._state.connections.add(self)  # type: ignore[arg-type]  # uvicorn names its own classes there
        client, server = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        self._line = Line(
            self._transport,
            client=(client[0], client[1]) if isinstance(client, tuple) else None,
            server=(server[0], server[1]) if isinstance(server, tuple) else None,
            scheme="https" if transport.get_extra_info("sslcontext") else "http",
            default_headers=self._state.default_headers,
        )
        self._timer = self._loop.call_later(self.receiving_timeout_s, self._look_at_the_time)

    def connection_lost(self, error: Exception | None) -> None:
        """The caller hung up, or we did."""
        self._state.connections.discard(self)
        self._timer.cancel()
        self._line.resume_writing()
        self._waiting.clear()
        if self._cycle is not None:
            self._cycle.leave()

    def eof_received(self) -> None:
        """The caller sends no more, which in HTTP means that it left; the transport closes itself."""

    def pause_writing(self) -> None:
        """The caller reads more slowly than we write."""
        self._line.pause_writing(self.taking_timeout_s)

    def resume_writing(self) -> None:
        """The caller caught up."""
        self._line.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        if self._ignoring:
            return
        if self._reading is None:
            self._head_bytes += len(data)
            if not self._in_head and self._cycle is None:
                self._in_head = True
                self._since_s = self._loop.time()
        else:
            self._since_s = self._loop.time()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            last = self._waiting[-1][0] if self._waiting else self._cycle
            if last is None:
                self._end_with(400, "This server does not switch protocols.")
            else:  # it is answered in the protocol that it came in (RFC 9110, 7.8), and nothing is read behind it
                last.keep_alive = False
                self._ignoring = True
        except httptools.HttpParserError as error:
            self._end_with(400, f"This is not HTTP/1.1: {error}")
        else:
            if self._reading is None and self._head_bytes > MAX_HEAD_BYTES:
                self._end_with(431, f"The request's line and headers may be {MAX_HEAD_BYTES:,} bytes long.")

    # What the server calls.

    def shutdown(self) -> None:
        """End the connection once the request under way is answered."""
        if self._cycle is None:
            self._transport.close()
        else:
            self._cycle.keep_alive = False

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        """A piece of the request's target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; a trailer's says nothing to us, and there may be no more of them than of a head."""
        if self._reading is not None:
            self._head_bytes += len(name) + len(value)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._transport.close()
            return
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """A head is whole: begin to answer it, or let it wait for its turn."""
        self._head_bytes = 0
        self._in_head = False
        if self._transport.is_closing():
            return
        parser = self._parser
        version = parser.get_http_version()
        url = httptools.parse_url(self._url)
        path = url.path.decode("ascii")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": version,
            "server": self._line.server,
            "client": self._line.client,
            "scheme": self._line.scheme,
            "root_path": "",
            "headers": self._headers,
            "method": parser.get_method().decode("ascii"),
            "path": unquote(path) if "%" in path else path,
            "raw_path": url.path,
            "query_string": url.query or b"",
        }
        cycle = Cycle(self._line, scope, keep_alive=version != "1.0" and parser.should_keep_alive(), ended=self._ended)
        self._reading = cycle
        if self._cycle is None:
            self._begin(cycle, scope)
        else:
            self._line.full = True
            self._line.pause_reading()
            self._waiting.append((cycle, scope))
            if len(self._waiting) > MAX_WAITING:
                self._transport.close()

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        cycle = self._reading
        if cycle is None:
            return
        if not cycle.complete:
            cycle.take(data)
            return
        self._discarded_bytes += len(data)
        if self._discarded_bytes > MAX_DISCARDED_BYTES:
            self._transport.close()

    def on_message_complete(self) -> None:
        """A request is whole."""
        cycle, self._reading = self._reading, None
        if cycle is not None:
            cycle.whole()
            if cycle.complete:  # answered before it was whole
                self._transport.close()

    def _begin(self, cycle: Cycle, scope: dict[str, Any]) -> None:
        self._cycle = cycle
        task = self._loop.create_task(cycle.run(self._app, scope))
        task.add_done_callback(self._state.tasks.discard)
        self._state.tasks.add(task)

    def _ended(self, cycle: Cycle) -> None:
        """The answer to `cycle` is written."""
        self._state.total_requests += 1
        self._cycle = None
        self._since_s = self._loop.time()
        if self._transport.is_closing():
            return
        if not cycle.keep_alive and not cycle.receiving:
            self._transport.close()
            return
        if self._waiting:
            self._begin(*self._waiting.popleft())
        self._line.full = bool(self._waiting)
        self._line.resume_reading()

    def _end_with(self, status: int, sentence: str) -> None:
        """Refuse what is no request, unless another is being answered; then hang up."""
        if self._cycle is None:
            self._transport.write(text_response(HTTPStatus(status), sentence))
        self._transport.close()

    def _look_at_the_time(self) -> None:
        """Hang up on who is idle or slow for too long; else look again when that may be so."""
        receiving = self._in_head or (self._reading is not None and self._line.reading)
        limit_s = self.receiving_timeout_s if receiving else self._keep_alive_s
        left_s = self._since_s + limit_s - self._loop.time()
        if self._cycle is not None and not receiving:
            left_s = self.receiving_timeout_s
        if left_s > 0:
            self._timer = self._loop.call_later(left_s, self._look_at_the_time)
        else:
            self._transport.close()
