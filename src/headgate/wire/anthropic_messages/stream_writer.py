"""Writes a streamed message (Anthropic API reference, streaming messages)."""

from typing import Any, Final

import msgspec

from headgate.domain.event import BLOCKS_PER_CHOICE, Event, EventKind
from headgate.domain.refusal import CODES, Refusal
from headgate.domain.usage import Usage
from headgate.kit import sse
from headgate.wire.anthropic_messages.answer import (
    block_kind,
    citation_of,
    empty_block,
    ending,
    message,
    usage_object,
)
from headgate.wire.anthropic_messages.errors import error_frame
from headgate.wire.codec import Head

_ENCODER: Final = msgspec.json.Encoder()


class AnthropicStreamWriter:
    """Writes one stream; its message begins with the first content, so that usage known by then stands at its head."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._begun = False
        self._usage = Usage()
        self._key: tuple[str, int] | None = None
        """The kind and the event index of the block that is open."""
        self._index = 0
        self._count = 0
        self._calls: dict[int, int] = {}
        self._finished: Event | None = None
        self._failed = False

    def write(self, event: Event) -> bytes:
        """The frames for `event`; a message has one answer, so further choices have no place in it."""
        kind = event.kind
        if kind is EventKind.FAILED:
            self._failed = True
            code = event.name if event.name in CODES else "provider_error"
            return error_frame(Refusal(code, event.text), self._head.request_id)
        if kind is EventKind.USAGE and event.usage is not None:
            self._usage = event.usage
        elif event.index < BLOCKS_PER_CHOICE:
            if kind is EventKind.FINISHED:
                self._finished = event
            elif block_kind(event):
                return self._content(event)
        return b""

    def end(self) -> bytes:
        """The end of the last block, the stop reason with the usage, and `message_stop`; nothing after a failure."""
        if self._failed:
            return b""
        finished = self._finished or Event(EventKind.FINISHED)
        return (
            self._begin()
            + self._close()
            + _frame("message_delta", {"delta": ending(finished), "usage": usage_object(self._usage)})
            + _frame("message_stop", {})
        )

    def _content(self, event: Event) -> bytes:
        """A piece of a content block, after the start of its block where that is new."""
        kind, deltas, written = block_kind(event), _deltas(event), b""
        key = (kind, event.index)
        # Late arguments still name their call by its index; text behind another block is a block of its own.
        index = self._calls.get(event.index) if kind == "tool_use" else self._index if key == self._key else None
        if index is None:
            if not deltas and event.kind is not EventKind.TOOL_START:
                return b""
            written = self._begin() + self._close()
            index, self._key = self._count, key
            self._index, self._count = index, index + 1
            if kind == "tool_use":
                self._calls[event.index] = index
            written += _frame("content_block_start", {"index": index, "content_block": empty_block(kind, event)})
        for delta in deltas:
            written += _frame("content_block_delta", {"index": index, "delta": delta})
        return written

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return _frame("message_start", {"message": message(self._head, self._usage)})

    def _close(self) -> bytes:
        if self._key is None:
            return b""
        self._key = None
        return _frame("content_block_stop", {"index": self._index})


def _deltas(event: Event) -> list[dict[str, Any]]:
    if event.kind is EventKind.CITATION:
        citation = citation_of(event)
        return [] if citation is None else [{"type": "citations_delta", "citation": citation}]
    deltas: list[dict[str, Any]] = []
    if event.text:
        if event.kind is EventKind.TEXT:
            deltas.append({"type": "text_delta", "text": event.text})
        elif event.kind is EventKind.TOOL_ARGUMENTS:
            deltas.append({"type": "input_json_delta", "partial_json": event.text})
        elif event.kind is EventKind.REASONING:
            deltas.append({"type": "thinking_delta", "thinking": event.text})
    if event.kind is EventKind.REASONING and event.id:
        deltas.append({"type": "signature_delta", "signature": event.id})
    return deltas


def _frame(kind: str, fields: dict[str, Any]) -> bytes:
    return sse.frame(_ENCODER.encode({"type": kind, **fields}), kind.encode())
