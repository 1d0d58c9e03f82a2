"""How bytes reach a provider: one small interface, and what may go wrong on the way."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec


class TransportFailed(Exception):
    """The provider could not be reached, or its connection broke."""

    sent = True
    """Whether the provider may have seen the request, and so may bill it."""


class ConnectFailed(TransportFailed):
    """No connection came about; the provider saw nothing."""

    sent = False


class TransportTimedOut(TransportFailed):
    """The provider did not answer in time."""


class Upstream(msgspec.Struct, frozen=True):
    """A request to a provider."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    timeout_ms: int
    """From the connection's start to the body's last byte."""


class Reply(Protocol):
    """A provider's reply; its head has come, its body has not."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Lower-case names."""
        ...

    async def body(self) -> bytes:
        """The whole body.

        Raises:
            TransportFailed: the connection broke.
        """
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes.

        Raises:
            TransportFailed: the connection broke.
        """
        ...


class Transport(Protocol):
    """A way to send requests to providers; every implementation passes `tests/contracts/test_transports.py`."""

    def send(self, upstream: Upstream) -> AbstractAsyncContextManager[Reply]:
        """Send and wait for the reply's head; leaving the block closes what is left of the exchange.

        Raises:
            TransportFailed: no reply came.
        """
        ...

    async def close(self) -> None:
        """Close idle connections."""
        ...
