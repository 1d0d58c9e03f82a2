"""A server that does on each connection what a test's script says, byte by byte, over real sockets."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from headgate.pool.http.transport import HttpTransport
from headgate.pool.transport import Reply, Upstream

PATIENCE_S = 10
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


class Asked(NamedTuple):
    """A request as the server saw it."""

    line: str
    headers: dict[str, str]
    body: bytes


class Line:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.reader = reader
        self.writer = writer
        self.number = number
        """Which of the server's connections it is; the first is 0."""

    async def head(self) -> tuple[str, dict[str, str]]:
        """The request line and the headers; raises IncompleteReadError at the connection's end."""
        line, *fields = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        return line, dict(field.split(": ", 1) for field in fields)

    async def request(self) -> Asked:
        """The next request, read whole."""
        line, headers = await self.head()
        return Asked(line, headers, await self.reader.readexactly(int(headers["content-length"])))

    async def send(self, *pieces: bytes) -> None:
        """Write piece by piece; the other side may read in between."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)

    async def answer(self, *pieces: bytes) -> None:
        """Read a request and answer it."""
        await self.request()
        await self.send(*pieces)

    async def ended(self) -> None:
        """Wait until the other side closed; what it still sends is read."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65_536):
                pass

    def reset(self) -> None:
        """Break the connection off by RST."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


Script = Callable[[Line], Awaitable[None]]


class Scripted:
    """The running server."""

    def __init__(self, script: Script) -> None:
        self.url = ""
        self.port = 0
        self.accepted = 0
        """Connections so far."""
        self.finished = 0
        """Connections whose script ended."""
        self._script = script
        self._running: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Run the script on a new connection, and close it at the script's end."""
        line = Line(reader, writer, self.accepted)
        self.accepted += 1
        task = asyncio.ensure_future(self._run(line))
        self._running.add(task)
        await asyncio.wait((task,))

    async def _run(self, line: Line) -> None:
        try:
            await self._script(line)
            line.writer.close()
            with contextlib.suppress(ConnectionError):
                await line.writer.wait_closed()
        finally:
            line.writer.transport.abort()
            self.finished += 1
            self._changed.set()

    async def until_finished(self, count: int) -> None:
        """Wait until the scripts of `count` connections ran to their ends."""
        async with asyncio.timeout(PATIENCE_S):
            while self.finished < count:
                self._changed.clear()
                await self._changed.wait()

    async def settle(self) -> None:
        """End what still runs; a script that failed fails the test."""
        for task in self._running:
            task.cancel()
        results = await asyncio.gather(*self._running, return_exceptions=True)
        for result in results:
            if not isinstance(result, asyncio.CancelledError | asyncio.IncompleteReadError | ConnectionError | None):
                raise result


@asynccontextmanager
async def scripted(
    script: Script, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Scripted]:
    """Serve by `script`; a script that waits for a request when its connection ends has simply ended."""
    running = Scripted(script)
    server = await asyncio.start_server(running.serve, host, 0, ssl=tls, limit=2**22)
    running.port = server.sockets[0].getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    running.url = f"{'https' if tls else 'http'}://{shown}:{running.port}"
    try:
        yield running
    finally:
        server.close()
        await running.settle()


@asynccontextmanager
async def opened(transport: HttpTransport) -> AsyncIterator[HttpTransport]:
    """The transport, closed at the end."""
    try:
        yield transport
    finally:
        await transport.close()


def asking(
    url: str, body: bytes = b"{}", *, timeout_ms: int = 10_000, headers: Sequence[tuple[str, str]] = ()
) -> Upstream:
    """A request to `url`."""
    return Upstream("POST", url, tuple(headers), body, timeout_ms)


async def ask(transport: HttpTransport, upstream: Upstream) -> bytes:
    """The whole body of the reply to a request."""
    async with transport.send(upstream) as reply:
        return await reply.body()


async def chunks_of(reply: Reply) -> bytes:
    """The whole body, read as it comes."""
    return b"".join([chunk async for chunk in reply.chunks()])


def is_kept(transport: HttpTransport, url: str) -> bool:
    """Whether the transport has an idle connection that the next request to `url` would use; it stays there."""
    where = transport.target(url)
    connection = transport.reuse(where)
    if connection is not None:
        transport.keep(where.origin, connection)
    return connection is not None
