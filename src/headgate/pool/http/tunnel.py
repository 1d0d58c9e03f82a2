"""A connection to a TLS server through an HTTP proxy: CONNECT (RFC 9110, 9.3.6), then TLS inside."""

import asyncio
import ssl
from typing import Final, cast

from headgate.pool.http.connection import Connection
from headgate.pool.http.target import Proxy, Target
from headgate.pool.transport import ConnectFailed

MAX_REPLY_BYTES: Final = 64 * 1024


class _Opening(asyncio.Protocol):
    """Asks the proxy, and waits for the end of its reply's head."""

    def __init__(self) -> None:
        self.reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._data = b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        if b"\r\n\r\n" in self._data and not self.reply.done():
            self.reply.set_result(self._data)
        elif len(self._data) > MAX_REPLY_BYTES:
            self.connection_lost(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.reply.done():
            self.reply.set_exception(ConnectFailed(f"the proxy closed the connection{f': {error}' if error else ''}"))


async def open_tunnel(where: Target, proxy: Proxy, context: ssl.SSLContext | None) -> Connection:
    """A connection to `where`, encrypted from end to end. Raises ConnectFailed, OSError."""
    loop = asyncio.get_running_loop()
    transport, opening = await loop.create_connection(_Opening, proxy.host, proxy.port)
    try:
        authority = f"[{where.host}]:{where.port}" if ":" in where.host else f"{where.host}:{where.port}"
        authorization = f"proxy-authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
        transport.write(f"CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n{authorization}\r\n".encode("latin-1"))
        line, _, _ = (await opening.reply).partition(b"\r\n")
        if line.split(b" ")[1:2] != [b"200"]:
            said = line.decode("latin-1")
            raise ConnectFailed(f"the proxy {proxy.host}:{proxy.port} does not connect to {where.authority}: {said}")
        connection = Connection()
        assert context is not None, "a tunnel is for TLS"
        inner = await loop.start_tls(transport, connection, context, server_hostname=where.host)
        connection.connection_made(cast(asyncio.Transport, inner))
    except BaseException:
        transport.abort()
        raise
    return connection
