"""Reads a streamed answer (Amazon Bedrock API reference, ConverseStream)."""

from typing import Final

import msgspec

from headgate.domain.event import Event, EventKind
from headgate.kit.eventstream import Message, MessageCutter
from headgate.wire.bedrock_converse.answer import ReasoningText, TokenUsage, failure, finished
from headgate.wire.bedrock_converse.citations import Citation


class _ToolUseStart(msgspec.Struct, rename="camel"):
    tool_use_id: str = ""
    name: str = ""
    type: str | None = None


class _Start(msgspec.Struct, rename="camel"):
    tool_use: _ToolUseStart | None = None


class _BlockStart(msgspec.Struct, rename="camel"):
    start: _Start
    content_block_index: int = 0


class _ToolUse(msgspec.Struct):
    input: str = ""


class _Delta(msgspec.Struct, rename="camel"):
    text: str | None = None
    tool_use: _ToolUse | None = None
    reasoning_content: ReasoningText | None = None
    citation: Citation | None = None


class _BlockDelta(msgspec.Struct, rename="camel"):
    delta: _Delta
    content_block_index: int = 0


class _Stop(msgspec.Struct, rename="camel"):
    stop_reason: str = ""


class _Metadata(msgspec.Struct):
    usage: TokenUsage | None = None


_START: Final = msgspec.json.Decoder(_BlockStart)
_DELTA: Final = msgspec.json.Decoder(_BlockDelta)
_STOP: Final = msgspec.json.Decoder(_Stop)
_METADATA: Final = msgspec.json.Decoder(_Metadata)


class ConverseStreamReader:
    """Reads one stream; its events carry no bytes, for no caller speaks this format."""

    def __init__(self) -> None:
        self._cutter = MessageCutter()
        self._stopped = False
        self._done = False
        self._calls: set[int] = set()
        self._block = -1
        self._block_start = self._characters = 0

    @property
    def complete(self) -> bool:
        """Whether `metadata`, which holds the usage, came behind `messageStop`."""
        return self._done

    def feed(self, chunk: bytes) -> list[Event]:
        """The events completed by `chunk`; bytes that are no event stream end it with a failure."""
        events: list[Event] = []
        try:
            for message in self._cutter.feed(chunk):
                failed = failure(message)
                if failed is None:
                    self._read(message, events)
                else:
                    events.append(failed)
        except ValueError as error:
            sentence = f"the stream could not be read: {error}"
            events.append(Event(EventKind.FAILED, text=sentence, name="provider_error"))
        return events

    def _read(self, message: Message, events: list[Event]) -> None:
        kind, payload = message.text(":event-type"), message.payload
        if kind == "contentBlockDelta":
            delta = _DELTA.decode(payload)
            self._read_delta(delta.content_block_index, delta.delta, events)
        elif kind == "contentBlockStart":
            block = _START.decode(payload)
            call, index = block.start.tool_use, block.content_block_index
            # The caller has no call to answer where Bedrock runs the tool itself.
            if call is not None and call.type != "server_tool_use":
                self._calls.add(index)
                events.append(Event(EventKind.TOOL_START, index, id=call.tool_use_id, name=call.name))
        elif kind == "messageStart":
            events.append(Event(EventKind.STARTED))
        elif kind == "messageStop":
            self._stopped = True
            events.append(finished(_STOP.decode(payload).stop_reason))
        elif kind == "metadata":
            usage = _METADATA.decode(payload).usage
            if usage is not None:
                events.append(Event(EventKind.USAGE, usage=usage.usage()))
            self._done = self._stopped

    def _read_delta(self, index: int, delta: _Delta, events: list[Event]) -> None:
        if delta.text:
            if index != self._block:
                self._block, self._block_start = index, self._characters
            self._characters += len(delta.text)
            events.append(Event(EventKind.TEXT, index, delta.text))
        elif delta.tool_use is not None:
            if index in self._calls:
                events.append(Event(EventKind.TOOL_ARGUMENTS, index, delta.tool_use.input))
        elif delta.reasoning_content is not None:
            text, signature = delta.reasoning_content.text or "", delta.reasoning_content.signature or ""
            if text or signature:  # what is redacted is proof to its own provider alone
                events.append(Event(EventKind.REASONING, index, text, signature))
        elif delta.citation is not None:
            citation = delta.citation.text(self._block_start, self._characters)
            if citation is not None:
                events.append(Event(EventKind.CITATION, index, citation))
