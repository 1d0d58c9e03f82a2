"""Writes a streamed chat completion (OpenAI API reference, chat completion chunk)."""

from typing import Any, Final

import msgspec

from headgate.domain.event import BLOCKS_PER_CHOICE, Event, EventKind
from headgate.domain.refusal import CODES, Refusal
from headgate.domain.usage import Usage
from headgate.kit import sse
from headgate.wire.codec import Head
from headgate.wire.openai_chat.answer import finish_reason, top_level, usage_object
from headgate.wire.openai_chat.errors import error_frame

_ENCODER: Final = msgspec.json.Encoder()
_DONE: Final = sse.frame(b"[DONE]")


class OpenAIStreamWriter:
    """Writes one stream; each choice begins with its role."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._shared = top_level(head, "chat.completion.chunk")
        self._begun: set[int] = set()
        self._calls: dict[int, dict[int, int]] = {}
        self._without_arguments: set[int] = set()
        """Content blocks of tool calls that have no arguments yet."""
        self._usage: Usage | None = None
        self._failed = False

    def write(self, event: Event) -> bytes:
        """The frames for `event`; usage waits for the stream's end, and citations have no delta here."""
        kind, choice = event.kind, event.index // BLOCKS_PER_CHOICE
        if kind is EventKind.TEXT:
            return self._delta(choice, {"content": event.text})
        if kind is EventKind.TOOL_ARGUMENTS:
            if not event.text:
                return b""
            self._without_arguments.discard(event.index)
            return self._delta(choice, self._call(choice, event.index, {"function": {"arguments": event.text}}))
        if kind is EventKind.TOOL_START:
            self._without_arguments.add(event.index)
            function = {"name": event.name, "arguments": ""}
            start = {"id": event.id, "type": "function", "function": function}
            return self._delta(choice, self._call(choice, event.index, start))
        if kind is EventKind.REASONING:
            return self._delta(choice, {"reasoning_content": event.text}) if event.text else b""
        if kind is EventKind.USAGE:
            self._usage = event.usage
        elif kind is EventKind.STARTED:
            return self._begin(choice)
        elif kind is EventKind.FINISHED:
            return self._finish(choice, finish_reason(event.stop))
        elif kind is EventKind.FAILED:
            self._failed = True
            code = event.name if event.name in CODES else "provider_error"
            return error_frame(Refusal(code, event.text), self._head.request_id)
        return b""

    def end(self) -> bytes:
        """The usage chunk, where it is shown, and `[DONE]`; nothing after a failure."""
        if self._failed:
            return b""
        if self._usage is None or not self._head.show_usage:
            return _DONE
        report = {**self._shared, "choices": [], "usage": usage_object(self._usage)}
        return sse.frame(_ENCODER.encode(report)) + _DONE

    def _begin(self, choice: int) -> bytes:
        if choice in self._begun:
            return b""
        self._begun.add(choice)
        return self._chunk(choice, {"role": "assistant", "content": ""}, None)

    def _delta(self, choice: int, delta: dict[str, Any]) -> bytes:
        return self._begin(choice) + self._chunk(choice, delta, None)

    def _finish(self, choice: int, reason: str) -> bytes:
        """The last chunk of a choice; a call without arguments gets an empty object, which clients can parse."""
        written = self._begin(choice)
        for block in self._calls.get(choice, ()):
            if block in self._without_arguments:
                written += self._delta(choice, self._call(choice, block, {"function": {"arguments": "{}"}}))
        return written + self._chunk(choice, {}, reason)

    def _call(self, choice: int, block: int, call: dict[str, Any]) -> dict[str, Any]:
        """The delta of the tool call in content block `block`; calls are numbered as they start."""
        numbers = self._calls.setdefault(choice, {})
        return {"tool_calls": [{"index": numbers.setdefault(block, len(numbers)), **call}]}

    def _chunk(self, choice: int, delta: dict[str, Any], reason: str | None) -> bytes:
        choices = [{"index": choice, "delta": delta, "finish_reason": reason}]
        return sse.frame(_ENCODER.encode({**self._shared, "choices": choices}))
