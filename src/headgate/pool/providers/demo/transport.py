"""The demo provider in process, behind the same interface as every other provider."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from urllib.parse import urlsplit

from headgate.pool.providers.demo.engine import Asked, Dropped, Engine, Given, Stream
from headgate.pool.transport import Reply, TransportFailed, TransportTimedOut, Upstream


class DemoTransport:
    """Hands requests to an engine in this process; any host is its own."""

    def __init__(self, engine: Engine | None = None) -> None:
        self.engine = engine or Engine()

    def send(self, upstream: Upstream) -> "_Exchange":
        """The block that hands `upstream` to the engine; leaving it ends what is left of the answer."""
        return _Exchange(self.engine, upstream)

    async def close(self) -> None:
        """There are no connections."""


class _Exchange:
    """One request and its reply; a class, because it costs a third of a generator-based block."""

    def __init__(self, engine: Engine, upstream: Upstream) -> None:
        self._engine = engine
        self._upstream = upstream
        self._stream: Stream | None = None
        self.sent = False

    async def __aenter__(self) -> Reply:
        upstream = self._upstream
        path = urlsplit(upstream.url).path if "?" in upstream.url or not upstream.url.startswith("/") else upstream.url
        headers = {name.lower(): value for name, value in upstream.headers}
        deadline = _Deadline(upstream.timeout_ms)
        self.sent = True
        try:
            given = await self._engine.answer(Asked(upstream.method, path, headers, upstream.body), deadline.pause)
        except Dropped:
            raise TransportFailed("the connection closed before a reply") from None
        self._stream = given.stream
        return _Reply(given)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.close()


class _Deadline:
    """Pauses that end with the request's time; an answer in process takes time only where it pauses."""

    def __init__(self, timeout_ms: int) -> None:
        self._ends_s = asyncio.get_running_loop().time() + timeout_ms / 1000
        self._timeout_ms = timeout_ms

    async def pause(self, seconds: float) -> None:
        left_s = self._ends_s - asyncio.get_running_loop().time()
        await asyncio.sleep(min(seconds, max(0.0, left_s)))
        if seconds >= left_s:
            raise TransportTimedOut(f"no whole answer within {self._timeout_ms} ms")


class _Reply:
    """A reply of the engine's."""

    def __init__(self, given: Given) -> None:
        self._given = given
        self.status = given.status
        self.headers: Mapping[str, str] = given.headers

    async def body(self) -> bytes:
        if self._given.stream is None:
            return self._given.body
        return b"".join([chunk async for chunk in self.chunks()])

    def chunks(self) -> AsyncIterator[bytes]:
        return _Chunks(self._given)


class _Chunks:
    """An iterator over a body."""

    def __init__(self, given: Given) -> None:
        self._stream = given.stream
        self._body = given.body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._stream is not None:
            try:
                return await anext(self._stream)
            except Dropped:
                raise TransportFailed("the connection closed before the answer was whole") from None
        body, self._body = self._body, b""
        if not body:
            raise StopAsyncIteration
        return body
