"""Reads a streamed message (Anthropic API reference, streaming messages)."""

from typing import Final

import msgspec

from headgate.domain.event import Event, EventKind, StopReason
from headgate.domain.usage import Usage
from headgate.kit.sse import FrameCutter
from headgate.wire.frames import data_of, sound

_TEXT, _REASONING, _TOOL_ARGUMENTS = EventKind.TEXT, EventKind.REASONING, EventKind.TOOL_ARGUMENTS
STOPS: Final = {
    "end_turn": StopReason.STOP,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "max_tokens": StopReason.LENGTH,
    "model_context_window_exceeded": StopReason.LENGTH,
    "tool_use": StopReason.TOOL_CALLS,
    "pause_turn": StopReason.PAUSE,
    "refusal": StopReason.REFUSAL,
}


class _OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class _CacheCreation(msgspec.Struct):
    ephemeral_1h_input_tokens: int | None = None


class _ServerToolUse(msgspec.Struct):
    web_search_requests: int | None = None


class UsageReport(msgspec.Struct):
    """What Anthropic says a message used so far; `input_tokens` leaves out what touched the cache."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: _CacheCreation | None = None
    server_tool_use: _ServerToolUse | None = None
    output_tokens_details: _OutputDetails | None = None

    def usage(self, before: "UsageReport | None" = None) -> Usage:
        """The canonical figures; what this report leaves out is taken from the one `before`."""
        if before is not None:
            for name in self.__struct_fields__:
                if getattr(self, name) is None:
                    setattr(self, name, getattr(before, name))
        cached, written = self.cache_read_input_tokens or 0, self.cache_creation_input_tokens or 0
        details, creation, tools = self.output_tokens_details, self.cache_creation, self.server_tool_use
        return sound(
            Usage(
                (self.input_tokens or 0) + cached + written,
                self.output_tokens or 0,
                cached,
                written,
                (details.thinking_tokens or 0) if details else 0,
                cache_write_1h_tokens=(creation.ephemeral_1h_input_tokens or 0) if creation else 0,
                tool_requests=(tools.web_search_requests or 0) if tools else 0,
            )
        )


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""
    citation: msgspec.Raw = msgspec.Raw()
    stop_reason: str | None = None
    stop_sequence: str | None = None


class Block(msgspec.Struct):
    """A content block, whole or at its start."""

    type: str
    text: str = ""
    thinking: str = ""
    signature: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw()
    citations: list[msgspec.Raw] | None = None

    def events(self, index: int) -> list[Event]:
        """What the block says; nothing for blocks that only Anthropic's own clients know."""
        events: list[Event] = []
        if self.type == "tool_use":
            events.append(Event(EventKind.TOOL_START, index, id=self.id, name=self.name))
            arguments = bytes(self.input).decode()
            if arguments and msgspec.json.decode(arguments):
                events.append(Event(_TOOL_ARGUMENTS, index, arguments))
        elif self.type == "text":
            if self.text:
                events.append(Event(_TEXT, index, self.text))
            cited = self.citations or ()
            events += [Event(EventKind.CITATION, index, bytes(citation).decode()) for citation in cited]
        elif self.type == "thinking" and (self.thinking or self.signature):
            events.append(Event(_REASONING, index, self.thinking, self.signature))
        return events


class _Message(msgspec.Struct):
    id: str = ""
    model: str = ""
    usage: UsageReport | None = None


class _Error(msgspec.Struct):
    type: str = ""
    message: str = ""


class _Frame(msgspec.Struct):
    type: str
    index: int = 0
    delta: _Delta | None = None
    content_block: Block | None = None
    message: _Message | None = None
    usage: UsageReport | None = None
    error: _Error | None = None


_DECODER: Final = msgspec.json.Decoder(_Frame)


class AnthropicStreamReader:
    """Reads one stream; every frame's bytes are on its first event."""

    def __init__(self) -> None:
        self._cutter = FrameCutter()
        self._done = False
        self._calls: set[int] = set()
        self._reported: UsageReport | None = None

    @property
    def complete(self) -> bool:
        """Whether `message_stop` came."""
        return self._done

    def feed(self, chunk: bytes) -> list[Event]:
        """The events completed by `chunk`.

        Raises:
            FrameTooLong: a frame passed the cutter's bound.
        """
        events: list[Event] = []
        for frame in self._cutter.feed(chunk):
            first = len(events)
            if data := data_of(frame):
                self._read(data, events)
            if len(events) == first:
                events.append(Event(EventKind.OPAQUE))
            events[first].raw = frame
        return events

    def _read(self, data: bytes, events: list[Event]) -> None:
        try:
            frame = _DECODER.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return  # not ours to judge: the caller's client may know this extension
        kind = frame.type
        if kind == "content_block_delta":
            if frame.delta is not None:
                self._read_delta(frame.index, frame.delta, events)
        elif kind == "content_block_start":
            if frame.content_block is not None:
                if frame.content_block.type == "tool_use":
                    self._calls.add(frame.index)
                events += frame.content_block.events(frame.index)
        elif kind == "message_start":
            message = frame.message or _Message()
            events.append(Event(EventKind.STARTED, id=message.id, name=message.model))
            self._read_usage(message.usage, events)
        elif kind == "message_delta":
            self._read_usage(frame.usage, events)
            if frame.delta is not None and frame.delta.stop_reason:
                stop = STOPS.get(frame.delta.stop_reason, StopReason.STOP)
                events.append(Event(EventKind.FINISHED, text=frame.delta.stop_sequence or "", stop=stop))
        elif kind == "message_stop":
            self._done = True
        elif kind == "error":
            sentence = (frame.error.message if frame.error else "") or "the provider reported an error"
            events.append(Event(EventKind.FAILED, text=sentence, name="provider_error"))

    def _read_delta(self, index: int, delta: _Delta, events: list[Event]) -> None:
        kind = delta.type
        if kind == "text_delta":
            events.append(Event(_TEXT, index, delta.text))
        elif kind == "input_json_delta":
            # A server tool's input streams by the same delta; the caller has no call to answer there.
            if index in self._calls:
                events.append(Event(_TOOL_ARGUMENTS, index, delta.partial_json))
        elif kind == "thinking_delta":
            events.append(Event(_REASONING, index, delta.thinking))
        elif kind == "signature_delta":
            events.append(Event(_REASONING, index, "", delta.signature))
        elif kind == "citations_delta":
            events.append(Event(EventKind.CITATION, index, bytes(delta.citation).decode()))

    def _read_usage(self, report: UsageReport | None, events: list[Event]) -> None:
        if report is not None:
            events.append(Event(EventKind.USAGE, usage=report.usage(self._reported)))
            self._reported = report
