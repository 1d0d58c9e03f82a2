"""How bytes reach a provider: one small interface, and what may go wrong on the way."""

from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Protocol

import msgspec


class TransportFailed(Exception):
    """The provider could not be reached, or its connection broke."""


class ConnectFailed(TransportFailed):
    """No connection came about; the provider saw nothing."""


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


class Sending(Protocol):
    """One request on its way, as a block that gives the reply; leaving it closes what is left of the exchange."""

    sent: bool
    """Whether the provider may have seen a part of the request, and so may bill it."""

    async def __aenter__(self) -> Reply:
        """Send, and wait for the reply's head.

        Raises:
            TransportFailed: no reply came.
        """
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...


class Transport(Protocol):
    """A way to send requests to providers; every implementation passes `tests/contracts/test_transports.py`."""

    def send(self, upstream: Upstream) -> Sending:
        """The block that sends `upstream`."""
        ...

    async def close(self) -> None:
        """Close idle connections."""
        ...
