"""Reads and writes a whole chat completion."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from headgate.domain.event import BLOCKS_PER_CHOICE, Event, EventKind
from headgate.domain.usage import Usage
from headgate.wire.codec import Head
from headgate.wire.openai_chat.answer import finish_reason, top_level, usage_object
from headgate.wire.openai_chat.stream_reader import ChoiceState, Said, UsageReport, failure


class _Choice(msgspec.Struct):
    message: Said
    index: int = 0
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice] | None = None
    id: str | None = None
    model: str | None = None
    usage: UsageReport | None = None
    error: Any = None


_DECODER: Final = msgspec.json.Decoder(_Completion)


def read_whole(body: bytes) -> list[Event]:
    """The events of a whole answer; its bytes are on the last `finished` event.

    Raises:
        ValueError: the body is not a chat completion.
    """
    answer = _DECODER.decode(body)
    if answer.error:
        raise ValueError(failure(answer.error).text)
    if not answer.choices:
        raise ValueError("the body holds no choices")
    events = [Event(EventKind.STARTED, id=answer.id or "", name=answer.model or "")]
    ends: list[Event] = []
    for choice in answer.choices:
        state = ChoiceState(choice.index)
        state.read(choice.message, events)
        state.finish(choice.finish_reason or "stop", ends)
    if answer.usage is not None:
        events.append(Event(EventKind.USAGE, usage=answer.usage.usage()))
    ends[-1].raw = body
    return events + ends


class _Message:
    """One choice's message, gathered from its events."""

    def __init__(self) -> None:
        self.text = ""
        self.reasoning = ""
        self.calls: dict[int, dict[str, Any]] = {}
        self.annotations: list[Any] = []
        self.reason = "stop"

    def add(self, event: Event) -> None:
        """Take `event` in."""
        if event.kind is EventKind.TEXT:
            self.text += event.text
        elif event.kind is EventKind.REASONING:
            self.reasoning += event.text
        elif event.kind is EventKind.TOOL_START:
            function = {"name": event.name, "arguments": ""}
            self.calls[event.index] = {"id": event.id, "type": "function", "function": function}
        elif event.kind is EventKind.TOOL_ARGUMENTS and event.index in self.calls:
            self.calls[event.index]["function"]["arguments"] += event.text
        elif event.kind is EventKind.CITATION:
            annotation = msgspec.json.decode(event.text)
            # The only kind that this format knows.
            if isinstance(annotation, dict) and annotation.get("type") == "url_citation":
                self.annotations.append(annotation)
        elif event.kind is EventKind.FINISHED:
            self.reason = finish_reason(event.stop)

    def choice(self, index: int) -> dict[str, Any]:
        """The choice as OpenAI writes it."""
        for call in self.calls.values():
            call["function"]["arguments"] = call["function"]["arguments"] or "{}"
        silent = not self.text and (self.calls or self.reasoning)
        message: dict[str, Any] = {"role": "assistant", "content": None if silent else self.text, "refusal": None}
        if self.reasoning:
            message["reasoning_content"] = self.reasoning
        if self.calls:
            message["tool_calls"] = list(self.calls.values())
        message["annotations"] = self.annotations
        return {"index": index, "message": message, "logprobs": None, "finish_reason": self.reason}


def write_whole(head: Head, events: Sequence[Event]) -> bytes:
    """A whole answer from `events`."""
    messages: dict[int, _Message] = {0: _Message()}
    usage = Usage()
    for event in events:
        if event.usage is not None:
            usage = event.usage
        messages.setdefault(event.index // BLOCKS_PER_CHOICE, _Message()).add(event)
    return msgspec.json.encode(
        {
            **top_level(head, "chat.completion"),
            "choices": [message.choice(index) for index, message in sorted(messages.items())],
            "usage": usage_object(usage),
        }
    )
