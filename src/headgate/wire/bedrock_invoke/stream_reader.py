"""Reads Anthropic's events out of AWS messages (Amazon Bedrock API reference, InvokeModelWithResponseStream)."""

import base64
from typing import Final

import msgspec

from headgate.domain.event import Event
from headgate.kit import sse
from headgate.kit.eventstream import Message, MessageCutter
from headgate.wire.anthropic_messages.stream_reader import AnthropicStreamReader
from headgate.wire.bedrock_converse.answer import failure

_ERRORS: Final = {
    "throttlingException": "rate_limit_error",
    "serviceUnavailableException": "overloaded_error",
    "modelTimeoutException": "timeout_error",
    "validationException": "invalid_request_error",
}


class _Chunk(msgspec.Struct):
    bytes: str = ""


class _Event(msgspec.Struct):
    type: str


_CHUNK: Final = msgspec.json.Decoder(_Chunk)
_EVENT: Final = msgspec.json.Decoder(_Event)


class InvokeStreamReader:
    """Reads one stream; `raw` holds each event as the server-sent event in which Anthropic itself sends it."""

    def __init__(self) -> None:
        self._cutter = MessageCutter()
        self._anthropic = AnthropicStreamReader()

    @property
    def complete(self) -> bool:
        """Whether `message_stop` came."""
        return self._anthropic.complete

    def feed(self, chunk: bytes) -> list[Event]:
        """The events completed by `chunk`; bytes that are no event stream end it with a failure."""
        events: list[Event] = []
        try:
            for message in self._cutter.feed(chunk):
                events += self._anthropic.feed(_frame(message))
        except ValueError as error:
            events += self._anthropic.feed(_error("api_error", f"the stream could not be read: {error}"))
        return events


def _frame(message: Message) -> bytes:
    """The server-sent event for one message; nothing for kinds that AWS may yet think of."""
    failed = failure(message)
    if failed is not None:
        return _error(_ERRORS.get(message.text(":exception-type"), "api_error"), failed.text)
    if message.text(":event-type") != "chunk":
        return b""
    data = base64.b64decode(_CHUNK.decode(message.payload).bytes)
    if b"\n" in data or b"\r" in data:
        data = msgspec.json.format(data, indent=-1)
    return sse.frame(data, _EVENT.decode(data).type.encode())


def _error(kind: str, sentence: str) -> bytes:
    body = {"type": "error", "error": {"type": kind, "message": sentence}}
    return sse.frame(msgspec.json.encode(body), b"error")
