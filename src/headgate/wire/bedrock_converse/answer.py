"""How Converse spells what an answer holds (Amazon Bedrock API reference, Converse and ConverseStream)."""

from typing import Final

import msgspec

from headgate.domain.event import Event, EventKind, StopReason
from headgate.domain.usage import Usage
from headgate.kit.eventstream import Message
from headgate.wire.frames import sound

_STOPS: Final = {
    "end_turn": StopReason.STOP,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "max_tokens": StopReason.LENGTH,
    "model_context_window_exceeded": StopReason.LENGTH,
    "tool_use": StopReason.TOOL_CALLS,
    "guardrail_intervened": StopReason.CONTENT_FILTER,
    "content_filtered": StopReason.CONTENT_FILTER,
}
"""Every other reason, such as `malformed_tool_use`, says that the answer came to nothing: it is a failure."""


class TokenUsage(msgspec.Struct, rename="camel"):
    """What Converse says an answer used."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None

    def usage(self) -> Usage:
        """The canonical figures: `inputTokens` leaves out what touched the cache (User Guide, prompt caching)."""
        cached, written = self.cache_read_input_tokens or 0, self.cache_write_input_tokens or 0
        return sound(Usage((self.input_tokens or 0) + cached + written, self.output_tokens or 0, cached, written))


class ReasoningText(msgspec.Struct):
    """Reasoning, with the signature that proves it."""

    text: str | None = None
    signature: str | None = None


def finished(reason: str) -> Event:
    """The end of an answer; a failure where the model broke its own rules."""
    stop = _STOPS.get(reason)
    if stop is None:
        sentence = f"the model stopped for the reason {reason or 'that it did not name'}"
        return Event(EventKind.FAILED, text=sentence, name="provider_error")
    return Event(EventKind.FINISHED, stop=stop)


def failure(message: Message) -> Event | None:
    """The event for an exception or error that came in place of an event; None for an event."""
    kind = message.text(":message-type")
    if kind == "exception":
        name = message.text(":exception-type") or "exception"
        sentence = _sentence(message.payload)
    elif kind == "error":
        name, sentence = message.text(":error-code") or "error", message.text(":error-message")
    else:
        return None
    return Event(EventKind.FAILED, text=f"{name}: {sentence}" if sentence else name, name="provider_error")


def _sentence(payload: bytes) -> str:
    try:
        decoded = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return payload.decode("utf-8", "replace")
    said = (decoded.get("message") or decoded.get("Message")) if isinstance(decoded, dict) else decoded
    return str(said or "")
