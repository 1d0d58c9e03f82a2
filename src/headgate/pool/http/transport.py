"""The transport to real providers: kept-alive connections by origin, TLS by the standard library, proxies by tunnel."""

import asyncio
import os
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache, partial
from math import inf
from typing import Final
from urllib.request import getproxies_environment

import certifi

from headgate.pool.http.connection import Connection
from headgate.pool.http.target import Origin, Target, target
from headgate.pool.http.tunnel import open_tunnel
from headgate.pool.transport import ConnectFailed, Reply, TransportFailed, Upstream

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""A whole answer longer than this is not an answer."""
CONNECT_TIMEOUT_S: Final = 10.0
IDLE_CONNECTION_S: Final = 50.0
"""Shorter than common load balancers' 60 s, so that a kept connection is rarely stale."""
MAX_IDLE_PER_ORIGIN: Final = 256
MAX_TARGETS: Final = 4096
"""URLs that are kept taken apart."""
_ALLOWED_IDLE: Final = re.compile(r"\btimeout=(\d{1,6})\b")


class HttpTransport:
    """Sends requests over kept-alive connections of one event loop."""

    def __init__(self, idle_s: float = IDLE_CONNECTION_S) -> None:
        """A transport that keeps idle connections for `idle_s`; it reads the environment's proxies now."""
        self._idle_s = idle_s
        self._idle: dict[Origin, list[Connection]] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._tls: ssl.SSLContext | None = None
        self._closed = False
        self.target = lru_cache(maxsize=MAX_TARGETS)(partial(target, getproxies_environment()))

    def send(self, upstream: Upstream) -> "_Exchange":
        """Send and wait for the reply's head; leaving the block closes what is left of the exchange."""
        return _Exchange(self, upstream)

    async def close(self) -> None:
        """Close idle connections; one that becomes idle later is closed then."""
        self._closed = True
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
            if connection.is_quiet() and connection.idle_until_s > asyncio.get_running_loop().time():
                return connection
            connection.close()
        return None

    def keep(self, origin: Origin, connection: Connection) -> None:
        """Keep an idle connection for the next request."""
        kept_s = min(self._idle_s, _allowed_idle_s(connection.headers))
        if self._closed or kept_s <= 0:
            connection.close()
            return
        loop = asyncio.get_running_loop()
        connection.idle_until_s = loop.time() + kept_s
        idle = self._idle.setdefault(origin, [])
        if len(idle) >= MAX_IDLE_PER_ORIGIN:
            idle.pop(0).close()
        idle.append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(self._idle_s / 2, self._close_idle)

    async def connect(self, where: Target, within_s: float) -> Connection:
        """A new connection. Raises ConnectFailed."""
        loop = asyncio.get_running_loop()
        context = self._context() if where.tls else None
        make = partial(Connection, partial(self.keep, where.origin))
        try:
            async with asyncio.timeout(min(CONNECT_TIMEOUT_S, within_s)):
                if where.proxy is not None and where.tls:
                    return await open_tunnel(make, where, where.proxy, context)
                host, port = (where.proxy or where)[:2]
                _, connection = await loop.create_connection(make, host, port, ssl=context)
        except TimeoutError:
            raise ConnectFailed(f"no connection to {where.authority} in time") from None
        except (OSError, UnicodeError) as error:
            raise ConnectFailed(f"no connection to {where.authority}: {error}") from error
        return connection

    def _context(self) -> ssl.SSLContext:
        """The system's certificate authorities, or those of SSL_CERT_FILE; Mozilla's where it has none."""
        if self._tls is None:
            paths = ssl.get_default_verify_paths()
            known = paths.cafile or (paths.capath and os.listdir(paths.capath))
            self._tls = ssl.create_default_context(cafile=None if known else certifi.where())
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def _close_idle(self) -> None:
        """Close what nobody used for as long as it is kept."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        for origin, idle in list(self._idle.items()):
            kept = []
            for connection in idle:
                if not connection.closed and connection.idle_until_s > now_s:
                    kept.append(connection)
                else:
                    connection.close()
            if kept:
                self._idle[origin] = kept
            else:
                del self._idle[origin]
        self._sweep = loop.call_later(self._idle_s / 2, self._close_idle) if self._idle else None


class _Exchange:
    """One request and its reply; the block, the reply and the iterator over its body in one object."""

    __slots__ = ("_connection", "_transport", "_upstream", "sent")

    def __init__(self, transport: HttpTransport, upstream: Upstream) -> None:
        self._transport = transport
        self._upstream = upstream
        self._connection: Connection | None = None
        self.sent = False

    async def __aenter__(self) -> Reply:
        upstream, transport = self._upstream, self._transport
        where = transport.target(upstream.url)
        wire = [_head(upstream, where), upstream.body]
        within_s = upstream.timeout_ms / 1000
        connection = transport.reuse(where)
        if connection is None:
            loop = asyncio.get_running_loop()
            ends_s = loop.time() + within_s
            connection = await transport.connect(where, within_s)
            within_s = ends_s - loop.time()
        connection.begin(wire, within_s)
        self._connection = connection
        self.sent = True
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
        if connection is not None:
            connection.end()

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


def _allowed_idle_s(headers: Mapping[str, str]) -> float:
    """How long the provider keeps an idle connection (`keep-alive: timeout=`, RFC 2068), less 1 s for the way."""
    hint = headers.get("keep-alive")
    said = _ALLOWED_IDLE.search(hint) if hint else None
    return int(said[1]) - 1 if said else inf


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
