"""The native answer: one object, or server-sent events of which the last holds the rest of the object."""

from collections.abc import Sequence
from math import ceil
from typing import TypedDict

import msgspec

from headgate.domain.answer import Answer
from headgate.domain.call import Call
from headgate.domain.event import Event, EventKind
from headgate.domain.money import NANO_USD
from headgate.kit.sse import frame

_ENCODER = msgspec.json.Encoder()


class ToolCall(msgspec.Struct):
    """A call of a tool that the model asks for; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str = ""


class Done(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Everything about an answer but its content."""

    request_id: str
    model_used: str
    """The provider's id of the model; `cache` where the answer was kept."""
    pipeline_used: str
    tokens_in: int
    tokens_out: int
    latency_ms: int
    """Milliseconds from the request's first byte, rounded up."""
    cached: bool
    cost_usd: float
    tool_calls: list[ToolCall] = []


class Generated(Done, kw_only=True, omit_defaults=True):
    """An answer."""

    content: str


class Delta(msgspec.Struct):
    """A piece of the content."""

    text: str


class ToolCalls:
    """Gathers the tool calls of an answer from its events."""

    def __init__(self) -> None:
        self._by_index: dict[int, ToolCall] = {}

    def take(self, event: Event) -> None:
        """Look at one event."""
        if event.kind is EventKind.TOOL_START:
            self._by_index[event.index] = ToolCall(event.id, event.name, event.text)
        elif event.kind is EventKind.TOOL_ARGUMENTS and event.index in self._by_index:
            self._by_index[event.index].arguments += event.text

    def whole(self) -> list[ToolCall]:
        """The calls in their order."""
        return [self._by_index[index] for index in sorted(self._by_index)]


class NativeStreamWriter:
    """Writes `delta` events and, at the end, `done`."""

    def __init__(self, call: Call, answer: Answer) -> None:
        self._call = call
        self._answer = answer
        self._tools = ToolCalls()

    def write(self, event: Event) -> bytes:
        """The bytes for `event`."""
        if event.kind is EventKind.TEXT:
            return frame(_ENCODER.encode(Delta(event.text)), b"delta") if event.text else b""
        self._tools.take(event)
        return b""

    def end(self) -> bytes:
        """The `done` event."""
        return frame(_ENCODER.encode(Done(**_facts(self._call, self._answer, self._tools))), b"done")


def write_whole(call: Call, answer: Answer, events: Sequence[Event]) -> bytes:
    """The answer as one object."""
    tools = ToolCalls()
    texts = []
    for event in events:
        if event.kind is EventKind.TEXT:
            texts.append(event.text)
        else:
            tools.take(event)
    return _ENCODER.encode(Generated(content="".join(texts), **_facts(call, answer, tools)))


class _Facts(TypedDict):
    request_id: str
    model_used: str
    pipeline_used: str
    tokens_in: int
    tokens_out: int
    latency_ms: int
    cached: bool
    cost_usd: float
    tool_calls: list[ToolCall]


def _facts(call: Call, answer: Answer, tools: ToolCalls) -> _Facts:
    books = answer.books
    assert books is not None, "an answer enters the spine's last step with its books"
    usage = books.usage()
    return {
        "request_id": call.request_id,
        "model_used": "cache" if books.cache.served else answer.deployment.model_id,
        "pipeline_used": answer.pipeline,
        "tokens_in": usage.input_tokens,
        "tokens_out": usage.output_tokens,
        "latency_ms": ceil(books.elapsed_ns() / 1e6),
        "cached": books.cache.served,
        "cost_usd": books.cost_nano() / NANO_USD,
        "tool_calls": tools.whole(),
    }
