"""The transport to real providers: pyreqwest (reqwest and hyper underneath), HTTP/1.1 with keep-alive."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Final, NoReturn

from pyreqwest.client import ClientBuilder
from pyreqwest.exceptions import PyreqwestError, RequestError, RequestTimeoutError
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response

from headgate.pool.transport import ConnectFailed, Reply, TransportFailed, TransportTimedOut, Upstream

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""A whole answer longer than this is not an answer."""
CONNECT_TIMEOUT: Final = timedelta(seconds=10)
IDLE_CONNECTION: Final = timedelta(seconds=50)
"""Shorter than common load balancers' 60 s, so that a kept connection is rarely stale."""
READ_AHEAD_BYTES: Final = 0
"""pyreqwest reads so much of a body before it hands the reply over; more than nothing would hold every stream back."""
BEFORE_SENDING: Final = "client error (Connect)"
"""What hyper calls errors of making a connection; pyreqwest takes every error before the reply's head for one."""


class PyreqwestTransport:
    """Sends requests over one pool of kept-alive connections."""

    def __init__(self) -> None:
        self._client = (
            ClientBuilder()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_max_idle_per_host(256)
            .follow_redirects(enable=False)
            .referer(enable=False)
            .user_agent("headgate")
            .http1_lower_case_headers()
            .build()
        )

    def send(self, upstream: Upstream) -> "_Sending":
        """Send and wait for the reply's head; leaving the block closes what is left of the exchange."""
        return _Sending(
            self._client.request(upstream.method, upstream.url)
            .headers(upstream.headers)
            .body_bytes(upstream.body)
            .timeout(timedelta(milliseconds=upstream.timeout_ms))
            .streamed_read_buffer_limit(READ_AHEAD_BYTES)
            .build_streamed()
        )

    async def close(self) -> None:
        """Close idle connections."""
        await self._client.close()


class _Sending:
    """One exchange as a block."""

    def __init__(self, request: StreamRequest) -> None:
        self._request = request

    async def __aenter__(self) -> Reply:
        try:
            return PyreqwestReply(await self._request.__aenter__())
        except PyreqwestError as error:
            _fail(error)

    async def __aexit__(self, *raised: object) -> None:
        await self._request.__aexit__(None, None, None)


class PyreqwestReply:
    """One reply as pyreqwest gives it."""

    def __init__(self, response: Response) -> None:
        self.status = response.status
        self._response = response

    @property
    def headers(self) -> Mapping[str, str]:
        """The reply's headers; names in lower case."""
        return {name.lower(): value for name, value in self._response.headers.items()}

    async def body(self) -> bytes:
        """The whole body, at most `MAX_BODY_BYTES`."""
        chunks = []
        length = 0
        async for chunk in self.chunks():
            length += len(chunk)
            if length > MAX_BODY_BYTES:
                raise TransportFailed(f"the answer is longer than {MAX_BODY_BYTES} bytes")
            chunks.append(chunk)
        return b"".join(chunks)

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes."""
        return _Chunks(self._response)


class _Chunks:
    """An iterator over a body; a class, because an async generator costs more per chunk and must be closed."""

    def __init__(self, response: Response) -> None:
        self._reader = response.body_reader

    def __aiter__(self) -> "_Chunks":
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._reader.read_chunk()
        except PyreqwestError as error:
            _fail(error)
        if chunk is None:
            raise StopAsyncIteration
        return chunk.to_bytes()


def _fail(error: PyreqwestError) -> NoReturn:
    told = (error.details or {}).get("causes") if isinstance(error, RequestError) else None
    causes = [cause["message"] for cause in told or ()]
    detail = causes[-1] if causes else error.message
    if BEFORE_SENDING in causes:
        raise ConnectFailed(detail) from error
    if isinstance(error, RequestTimeoutError):
        raise TransportTimedOut(detail) from error
    raise TransportFailed(detail) from error
