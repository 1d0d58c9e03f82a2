"""The demo provider as a server of its own, over real HTTP."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from headgate.pool.providers.demo.engine import Asked, Dropped, Engine, Given

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
MAX_BACKLOG: Final = 2048
_ABORT: Final = "headgate.abort"
"""The ASGI extension by which an application closes its connection at once."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Simulator:
    """A raw ASGI application around an engine; a caller who leaves ends the generation."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one exchange."""
        body = await _body(receive)
        if body is None:
            return
        work = asyncio.ensure_future(self._serve(scope, body, send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait((work, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            work.cancel()
            done = await asyncio.gather(work, leaving, return_exceptions=True)
        if isinstance(done[0], Dropped):
            scope["extensions"][_ABORT]["close"]()
            await _left(receive)
        elif isinstance(done[0], Exception):
            raise done[0]

    async def _serve(self, scope: Message, body: bytes, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if len(body) > MAX_BODY_BYTES:
            given = Given(413, {"content-type": "text/plain"}, f"at most {MAX_BODY_BYTES} bytes\n".encode())
        else:
            given = await self.engine.answer(Asked(scope["method"], scope["path"], headers, body), asyncio.sleep)
        fields = [(name.encode(), value.encode()) for name, value in given.headers.items()]
        if given.stream is None:
            fields.append((b"content-length", str(len(given.body)).encode()))
        await send({"type": "http.response.start", "status": given.status, "headers": fields})
        if given.stream is None:
            await send({"type": "http.response.body", "body": given.body})
            return
        try:
            async for chunk in given.stream:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            given.stream.close()


class _Protocol(HttpToolsProtocol):
    """Uvicorn's own protocol, which lets the application close its connection without a reply."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {_ABORT: {"close": self.transport.close}}


class _Server(uvicorn.Server):
    """A server inside another program, whose signals it leaves alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        OSError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=MAX_BACKLOG)


async def serve(engine: Engine, listener: socket.socket) -> None:
    """Serve `engine` on `listener` until SIGINT or SIGTERM."""
    await uvicorn.Server(_config(engine)).serve(sockets=[listener])


@asynccontextmanager
async def serving(engine: Engine | None = None, port: int = 0) -> AsyncIterator[str]:
    """Serve within this program on a port of loopback, 0 for a free one; gives the base URL, `http://127.0.0.1:PORT`.

    Raises:
        OSError: the port cannot be had.
    """
    listener = listen("127.0.0.1", port)
    server = _Server(_config(engine or Engine()))
    running = asyncio.ensure_future(server.serve(sockets=[listener]))
    running.add_done_callback(lambda _: server.up.set())
    try:
        await server.up.wait()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
        listener.close()


def _config(engine: Engine) -> uvicorn.Config:
    return uvicorn.Config(
        Simulator(engine),
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=MAX_BACKLOG,
        timeout_graceful_shutdown=2,
    )


async def _body(receive: Receive) -> bytes | None:
    """The request's body, or as much of it as shows that it is too long; None where the caller left before its end."""
    chunks: list[bytes] = []
    length = 0
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        more = message.get("more_body", False)
        if length <= MAX_BODY_BYTES:
            chunks.append(message.get("body", b""))
            length += len(chunks[-1])
    return b"".join(chunks)


async def _left(receive: Receive) -> None:
    """Return when the caller is gone, or has its whole reply."""
    while (await receive())["type"] != "http.disconnect":
        pass
