"""Reads and writes a whole message."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from headgate.domain.event import BLOCKS_PER_CHOICE, Event, EventKind, StopReason
from headgate.domain.usage import Usage
from headgate.wire.anthropic_messages.answer import block_kind, citation_of, empty_block, ending, message
from headgate.wire.anthropic_messages.stream_reader import STOPS, Block, UsageReport
from headgate.wire.codec import Head
from headgate.wire.crossing import arguments_object


class _Message(msgspec.Struct):
    content: list[Block]
    id: str = ""
    model: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: UsageReport | None = None


_DECODER: Final = msgspec.json.Decoder(_Message)


def read_whole(body: bytes) -> list[Event]:
    """The events of a whole answer; its bytes are on the `finished` event.

    Raises:
        ValueError: the body is not a message.
    """
    answer = _DECODER.decode(body)
    events = [Event(EventKind.STARTED, id=answer.id, name=answer.model)]
    for index, block in enumerate(answer.content):
        events += block.events(index)
    if answer.usage is not None:
        events.append(Event(EventKind.USAGE, usage=answer.usage.usage()))
    stop = STOPS.get(answer.stop_reason or "", StopReason.STOP)
    events.append(Event(EventKind.FINISHED, text=answer.stop_sequence or "", stop=stop, raw=body))
    return events


class _Content:
    """The content blocks of a message, gathered from its events."""

    def __init__(self) -> None:
        self.blocks: list[dict[str, Any]] = []
        self._key: tuple[str, int] | None = None
        self._calls: dict[int, dict[str, Any]] = {}

    def add(self, event: Event) -> None:
        """Take `event` in."""
        kind = block_kind(event)
        if event.kind is EventKind.TOOL_START:
            block = {**empty_block(kind, event), "input": ""}
            self._calls[event.index] = block
            self.blocks.append(block)
            self._key = None
        elif event.kind is EventKind.TOOL_ARGUMENTS and event.index in self._calls:
            self._calls[event.index]["input"] += event.text
        elif event.kind is EventKind.TEXT and event.text:
            self._block(kind, event)["text"] += event.text
        elif event.kind is EventKind.REASONING:
            block = self._block(kind, event)
            block["thinking"] += event.text
            block["signature"] += event.id
        elif event.kind is EventKind.CITATION and (citation := citation_of(event)) is not None:
            block = self._block(kind, event)
            block["citations"] = [*(block["citations"] or ()), citation]

    def whole(self) -> list[dict[str, Any]]:
        """The blocks, each tool call's arguments as the object that they say."""
        for block in self._calls.values():
            block["input"] = arguments_object(block["input"])
        return self.blocks

    def _block(self, kind: str, event: Event) -> dict[str, Any]:
        """The block that was open last if it is this one, else a new one."""
        if self._key != (kind, event.index):
            self._key = (kind, event.index)
            self.blocks.append(empty_block(kind, event))
        return self.blocks[-1]


def write_whole(head: Head, events: Sequence[Event]) -> bytes:
    """A whole answer from `events`; a message has one answer, so further choices have no place in it."""
    content, usage, finished = _Content(), Usage(), Event(EventKind.FINISHED)
    for event in events:
        if event.usage is not None:
            usage = event.usage
        elif event.index < BLOCKS_PER_CHOICE:
            if event.kind is EventKind.FINISHED:
                finished = event
            else:
                content.add(event)
    answer = message(head, usage)
    answer["content"] = content.whole()
    answer.update(ending(finished))
    return msgspec.json.encode(answer)
