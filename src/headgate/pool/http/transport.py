"""The transport to real providers: kept-alive connections by origin, TLS by the standard library, proxies by tunnel."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Final

import certifi

from headgate.pool.http.connection import Connection
from headgate.pool.http.target import Target, target
from headgate.pool.http.tunnel import open_tunnel
from headgate.pool.transport import ConnectFailed, Reply, TransportFailed, Upstream

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""A whole answer longer than this is not an answer."""
CONNECT_TIMEOUT_S: Final = 10.0
IDLE_CONNECTION_S: Final = 50.0
"""Shorter than common load balancers' 60 s, so that a kept connection is rarely stale."""
MAX_IDLE_PER_ORIGIN: Final = 256


class HttpTransport:
    """Sends requests over kept-alive connections of one event loop."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, int, bool], list[Connection]] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._tls: ssl.SSLContext | None = None

    def send(self, upstream: Upstream) -> "_Exchange":
        """Send and wait for the reply's head; leaving the block closes what is left of the exchange."""
        return _Exchange(self, upstream)

    async def close(self) -> None:
        """Close idle connections."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    def reuse(self, where: Target) -> Connection | None:
        """An idle connection, the one used last; None where there is none."""
        idle = self._idle.get(where.origin)
        while idle:
            connection = idle.pop()
            if not connection.closed:
                return connection
        return None

    def give_back(self, where: Target, connection: Connection) -> None:
        """Keep an idle connection for the next request."""
        idle = self._idle.setdefault(where.origin, [])
        if len(idle) >= MAX_IDLE_PER_ORIGIN:
            idle.pop(0).close()
        idle.append(connection)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(IDLE_CONNECTION_S / 2, self._close_idle)

    async def connect(self, where: Target, within_s: float) -> Connection:
        """A new connection. Raises ConnectFailed."""
        loop = asyncio.get_running_loop()
        context = self._context() if where.tls else None
        try:
            async with asyncio.timeout(min(CONNECT_TIMEOUT_S, within_s)):
                if where.proxy is not None and where.tls:
                    return await open_tunnel(where, where.proxy, context)
                host, port = (where.proxy or where)[:2]
                _, connection = await loop.create_connection(Connection, host, port, ssl=context)
        except TimeoutError:
            raise ConnectFailed(f"no connection to {where.authority} in time") from None
        except (OSError, UnicodeError) as error:
            raise ConnectFailed(f"no connection to {where.authority}: {error}") from error
        return connection

    def _context(self) -> ssl.SSLContext:
        """The system's certificate authorities; Mozilla's where it has none."""
        if self._tls is None:
            paths = ssl.get_default_verify_paths()
            known = paths.cafile or paths.capath
            self._tls = ssl.create_default_context(cafile=None if known else certifi.where())
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def _close_idle(self) -> None:
        """Close what nobody used for `IDLE_CONNECTION_S`; the oldest stand first."""
        loop = asyncio.get_running_loop()
        before_s = loop.time() - IDLE_CONNECTION_S
        for origin, idle in list(self._idle.items()):
            kept = [connection for connection in idle if not connection.closed and connection.idle_since_s > before_s]
            for connection in idle:
                if connection not in kept:
                    connection.close()
            if kept:
                self._idle[origin] = kept
            else:
                del self._idle[origin]
        self._sweep = loop.call_later(IDLE_CONNECTION_S / 2, self._close_idle) if self._idle else None


class _Exchange:
    """One request and its reply; the block, the reply and the iterator over its body in one object."""

    __slots__ = ("_connection", "_transport", "_upstream", "_where")

    def __init__(self, transport: HttpTransport, upstream: Upstream) -> None:
        self._transport = transport
        self._upstream = upstream
        self._connection: Connection | None = None

    async def __aenter__(self) -> Reply:
        upstream, transport = self._upstream, self._transport
        where = self._where = target(upstream.url)
        wire = [_head(upstream, where), upstream.body]
        within_s = upstream.timeout_ms / 1000
        connection = transport.reuse(where) or await transport.connect(where, within_s)
        self._connection = connection
        connection.begin(wire, within_s)
        try:
            await connection.head()
        except BaseException:
            self._leave()
            raise
        return self

    async def __aexit__(self, *raised: object) -> None:
        self._leave()

    def _leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and connection.end():
            self._transport.give_back(self._where, connection)

    @property
    def _open(self) -> Connection:
        if self._connection is None:
            raise TransportFailed("the exchange is closed")
        return self._connection

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._open.status

    @property
    def headers(self) -> Mapping[str, str]:
        """Lower-case names; the values of a repeated one are joined."""
        return self._open.headers

    async def body(self) -> bytes:
        """The whole body, at most `MAX_BODY_BYTES`. Raises TransportFailed."""
        connection = self._open
        body = await connection.read()
        if not body:
            return body
        parts, length = [body], len(body)
        while part := await connection.read():
            parts.append(part)
            length += len(part)
            if length > MAX_BODY_BYTES:
                raise TransportFailed(f"the answer is longer than {MAX_BODY_BYTES} bytes")
        return body if len(parts) == 1 else b"".join(parts)

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes."""
        return self

    def __aiter__(self) -> "_Exchange":
        return self

    async def __anext__(self) -> bytes:
        part = await self._open.read()
        if not part:
            raise StopAsyncIteration
        return part


def _head(upstream: Upstream, where: Target) -> bytes:
    """The request line and the headers.

    Raises:
        ConnectFailed: a header cannot be sent as one line.
    """
    lines = [f"{upstream.method} {where.request_target} HTTP/1.1", f"host: {where.authority}"]
    lines += [f"{name}: {value}" for name, value in upstream.headers]
    if where.proxy is not None and where.proxy.authorization and not where.tls:
        lines.append(f"proxy-authorization: {where.proxy.authorization}")
    lines += ["accept: */*", "user-agent: headgate", f"content-length: {len(upstream.body)}", "", ""]
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1 or "\0" in text:
        raise ConnectFailed("a header of the request holds a line break")
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise ConnectFailed("a header of the request holds characters that HTTP cannot carry") from None
