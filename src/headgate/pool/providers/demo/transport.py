"""The demo provider in process, behind the same interface as every other."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from headgate.kit.clock import Clock
from headgate.pool.providers.demo import engine
from headgate.pool.transport import Reply, TransportFailed, Upstream


class DemoTransport:
    """Hands requests to an engine in this process."""

    def __init__(self, clock: Clock) -> None:
        self.engine = engine.Engine(clock)

    @asynccontextmanager
    async def send(self, upstream: Upstream) -> AsyncIterator[Reply]:
        """Answer at once, or after the delay that the request asks for."""
        path = urlsplit(upstream.url).path
        reply = DemoReply(await self.engine.answer(upstream.method, path, dict(upstream.headers), upstream.body))
        try:
            yield reply
        finally:
            await reply.close()

    async def close(self) -> None:
        """There are no connections."""


class DemoReply:
    """One reply of the engine."""

    def __init__(self, reply: engine.Reply) -> None:
        self.status = reply.status
        self.headers: Mapping[str, str] = {"content-type": reply.content_type}
        self._source = reply.chunks

    async def body(self) -> bytes:
        """The whole body."""
        return b"".join([chunk async for chunk in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes."""
        try:
            async for chunk in self._source:
                yield chunk
        except engine.Dropped:
            raise TransportFailed("the connection was closed before the answer was whole") from None

    async def close(self) -> None:
        """Stop generating."""
        source: Any = self._source
        await source.aclose()
