"""One HTTP exchange over ASGI: what came in, and what went out so far."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final

from headgate.api.cycle import LEFT
from headgate.domain.refusal import Refusal
from headgate.kit.clock import Clock
from headgate.kit.ids import uuid7

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

JSON: Final = b"application/json"
BODY_TIMEOUT_S: Final = 60.0
"""How long a body may take to come."""
MAX_LENGTH_DIGITS: Final = 18
"""Digits of a declared length; Python refuses to read numbers of thousands of digits."""
NO_STATUS: Final = 499
"""The status of an exchange whose caller left before a head was sent (nginx's convention)."""


class Exchange:
    """One request and its response. Headers have lower-case names; of a repeated one the values are joined."""

    __slots__ = (
        "_receive",
        "_send",
        "_when_left",
        "at_ms",
        "ended",
        "extra_headers",
        "headers",
        "left",
        "method",
        "path",
        "query",
        "received_ns",
        "request_id",
        "route",
        "source",
        "status",
        "tail",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, clock: Clock) -> None:
        self.received_ns = clock.monotonic_ns()
        self.at_ms = clock.now_ms()
        self.request_id = uuid7(self.at_ms)
        self._receive = receive
        self._send = send
        self._when_left: Callable[[Callable[[], object]], None] = scope["extensions"][LEFT]
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope.get("query_string", b"")
        client = scope.get("client")
        self.source: str = client[0] if client else ""
        raw = scope["headers"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}
        self.headers = headers if len(headers) == len(raw) else _joined(raw)
        self.extra_headers: tuple[Header, ...] = ()
        """Sent with every head of this exchange."""
        self.route = ""
        self.tail = ""
        """What stands in the path where its route has a parameter."""
        self.status = NO_STATUS
        """The status sent."""
        self.ended = False
        """Whether the response is whole."""
        self.left = False
        """Whether the caller hung up before that."""

    @property
    def begun(self) -> bool:
        """Whether a head was sent."""
        return self.status != NO_STATUS

    async def body(self, max_bytes: int) -> bytes:
        """The whole body.

        Raises:
            Refusal: `body_too_large`, `invalid_request` (it took too long, or has no length), `caller_left`.
        """
        declared = self.headers.get("content-length", "0")
        if not declared.isdecimal() or len(declared) > MAX_LENGTH_DIGITS or int(declared) > max_bytes:
            raise _too_large(max_bytes)
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            whole: bytes = message.get("body", b"")
            if len(whole) > max_bytes:
                raise _too_large(max_bytes)
            return whole
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                return await self._rest(message, max_bytes)
        except TimeoutError:
            raise too_slow() from None

    async def _rest(self, message: MutableMapping[str, Any], max_bytes: int) -> bytes:
        parts: list[bytes] = []
        length = 0
        while True:
            if message["type"] != "http.request":
                raise Refusal("caller_left", "The caller hung up before the request was whole.")
            part = message.get("body", b"")
            parts.append(part)
            length += len(part)
            if length > max_bytes:
                raise _too_large(max_bytes)
            if not message.get("more_body"):
                return b"".join(parts)
            message = await self._receive()

    def when_left(self, cancel: Callable[[], object]) -> None:
        """Call `cancel` if the caller hangs up before the response is whole."""

        def leave() -> None:
            self.left = True
            cancel()

        self._when_left(leave)

    async def respond(
        self, status: int, body: bytes, headers: tuple[Header, ...] | list[Header] = (), content_type: bytes = JSON
    ) -> None:
        """Send a whole response."""
        self.status = status
        self.ended = True
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    (b"content-type", content_type),
                    (b"content-length", b"%d" % len(body)),
                    (b"x-request-id", self.request_id.encode()),
                    *headers,
                    *self.extra_headers,
                ],
            }
        )
        await self._send({"type": "http.response.body", "body": body})

    async def begin_stream(self, headers: list[Header]) -> None:
        """Send the head of a stream of server-sent events."""
        self.status = 200
        await self._send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-type", b"text/event-stream; charset=utf-8"),
                    (b"cache-control", b"no-cache"),
                    (b"x-accel-buffering", b"no"),
                    (b"x-request-id", self.request_id.encode()),
                    *headers,
                    *self.extra_headers,
                ],
            }
        )

    async def write(self, data: bytes) -> None:
        """Send a piece of the stream."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end_stream(self, data: bytes = b"") -> None:
        """Send the last piece of the stream."""
        self.ended = True
        await self._send({"type": "http.response.body", "body": data})


def _joined(raw: Sequence[Header]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def too_slow() -> Refusal:
    """The refusal of a body that takes too long to come."""
    sentence = f"The body did not come within {BODY_TIMEOUT_S:.0f} s; send it again, faster."
    return Refusal("invalid_request", sentence, status=408)


def _too_large(max_bytes: int) -> Refusal:
    return Refusal(
        "body_too_large",
        f"The body may be {max_bytes:,} bytes long; send less, or have the limit raised.",
        details={"limit": max_bytes},
    )
