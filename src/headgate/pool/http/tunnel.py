"""A connection to a TLS server through an HTTP proxy: CONNECT (RFC 9110, 9.3.6), then TLS inside."""

import asyncio
import re
import ssl
from collections.abc import Callable
from typing import Final, cast

from headgate.pool.http.connection import Connection
from headgate.pool.http.target import Proxy, Target
from headgate.pool.transport import ConnectFailed

MAX_REPLY_BYTES: Final = 64 * 1024
_ESTABLISHED: Final = re.compile(rb"HTTP/1\.[01] 2\d\d[ \r]")


class _Opening(asyncio.Protocol):
    """Asks the proxy, and waits for the end of its reply's head."""

    def __init__(self) -> None:
        self.reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._data = b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        if b"\r\n\r\n" in self._data:
            if not self.reply.done():
                self.reply.set_result(self._data)
        elif len(self._data) > MAX_REPLY_BYTES:
            self._fail(f"the proxy's reply has a head of more than {MAX_REPLY_BYTES} bytes")

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(f"the proxy closed the connection{f': {error}' if error else ''}")

    def _fail(self, sentence: str) -> None:
        if not self.reply.done():
            self.reply.set_exception(ConnectFailed(sentence))


async def open_tunnel(
    make: Callable[[], Connection], where: Target, proxy: Proxy, context: ssl.SSLContext | None
) -> Connection:
    """A connection to `where`, encrypted from end to end. Raises ConnectFailed, OSError."""
    loop = asyncio.get_running_loop()
    transport, opening = await loop.create_connection(_Opening, proxy.host, proxy.port)
    try:
        authority = f"[{where.host}]:{where.port}" if ":" in where.host else f"{where.host}:{where.port}"
        authorization = f"proxy-authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
        transport.write(f"CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n{authorization}\r\n".encode("latin-1"))
        reply = await opening.reply
        if not _ESTABLISHED.match(reply):
            said = reply.partition(b"\r\n")[0][:256].decode("latin-1")
            raise ConnectFailed(f"the proxy {proxy.host}:{proxy.port} does not connect to {where.authority}: {said}")
        connection = make()
        connection.connection_made(transport)
        assert context is not None, "a tunnel is for TLS"
        inner = await loop.start_tls(transport, connection, context, server_hostname=where.host)
        connection.connection_made(cast(asyncio.Transport, inner))
    except BaseException:
        transport.abort()
        raise
    return connection
