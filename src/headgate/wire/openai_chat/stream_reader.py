"""Reads a streamed chat completion, of OpenAI's own or of servers that speak like it."""

from typing import Any, Final

import msgspec

from headgate.domain.event import BLOCKS_PER_CHOICE, Event, EventKind, StopReason
from headgate.domain.usage import Usage
from headgate.kit.sse import FrameCutter
from headgate.wire.frames import data_of, sound

_STARTED, _TEXT, _REASONING = EventKind.STARTED, EventKind.TEXT, EventKind.REASONING
_OPAQUE: Final = EventKind.OPAQUE
_DONE: Final = b"[DONE]"
_STOPS: Final = {
    "stop": StopReason.STOP,
    "length": StopReason.LENGTH,
    "tool_calls": StopReason.TOOL_CALLS,
    "function_call": StopReason.TOOL_CALLS,
    "content_filter": StopReason.CONTENT_FILTER,
}


class PromptDetails(msgspec.Struct):
    """Parts of the input."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None


class CompletionDetails(msgspec.Struct):
    """Parts of the output."""

    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


class UsageReport(msgspec.Struct):
    """What OpenAI says an answer used; its input already includes what was cached."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None

    def usage(self) -> Usage:
        """The canonical figures."""
        prompt, completion = self.prompt_tokens_details, self.completion_tokens_details
        return sound(
            Usage(
                self.prompt_tokens or 0,
                self.completion_tokens or 0,
                (prompt.cached_tokens or 0) if prompt else 0,
                (prompt.cache_write_tokens or 0) if prompt else 0,
                (completion.reasoning_tokens or 0) if completion else 0,
                audio_input_tokens=(prompt.audio_tokens or 0) if prompt else 0,
                audio_output_tokens=(completion.audio_tokens or 0) if completion else 0,
            )
        )


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class ToolCall(msgspec.Struct):
    """A tool call, or the next piece of one."""

    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class Said(msgspec.Struct):
    """What a choice says: the delta of a stream, or the message of a whole answer."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    annotations: list[msgspec.Raw] | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: Said | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    id: str | None = None
    model: str | None = None
    usage: UsageReport | None = None
    error: Any = None


_DECODER: Final = msgspec.json.Decoder(_Chunk)


class ChoiceState:
    """What is known of one choice so far: its tool calls, and whether it refused or finished."""

    def __init__(self, index: int) -> None:
        self._first_block = index * BLOCKS_PER_CHOICE
        self._calls: set[int] = set()
        self._refused = False
        self._finished = False

    def read(self, said: Said, events: list[Event]) -> None:
        """Append the events of `said`."""
        block = self._first_block
        if reasoning := said.reasoning_content or said.reasoning:
            events.append(Event(_REASONING, block, reasoning))
        if said.content:
            events.append(Event(_TEXT, block, said.content))
        if said.refusal:
            self._refused = True
            events.append(Event(_TEXT, block, said.refusal))
        for call in said.tool_calls or ():
            self._read_call(call, events)
        if said.annotations:
            events += [Event(EventKind.CITATION, block, bytes(annotation).decode()) for annotation in said.annotations]

    def finish(self, reason: str, events: list[Event]) -> None:
        """Append the end of this choice, once."""
        if self._finished:
            return
        self._finished = True
        stop = _STOPS.get(reason, StopReason.STOP)
        if stop is StopReason.STOP:
            # OpenAI says "stop" for a call that tool_choice forced, and for a refusal.
            if self._calls:
                stop = StopReason.TOOL_CALLS
            elif self._refused:
                stop = StopReason.REFUSAL
        events.append(Event(EventKind.FINISHED, self._first_block, stop=stop))

    def _read_call(self, call: ToolCall, events: list[Event]) -> None:
        number = call.index
        if number is None:  # some servers send each call whole and leave its number out
            number = len(self._calls) if call.id else max(len(self._calls) - 1, 0)
        index, function = self._first_block + 1 + number, call.function
        if number not in self._calls:
            self._calls.add(number)
            name = (function.name if function else None) or ""
            events.append(Event(EventKind.TOOL_START, index, id=call.id or "", name=name))
        if function and function.arguments:
            events.append(Event(EventKind.TOOL_ARGUMENTS, index, function.arguments))


def failure(error: Any) -> Event:
    """The event for an error object that a provider sent in place of an answer."""
    message = error.get("message") if isinstance(error, dict) else error
    return Event(EventKind.FAILED, text=str(message or "the provider reported an error"), name="provider_error")


class OpenAIStreamReader:
    """Reads one stream; `hide_usage` takes the bytes of usage-only frames out, for callers who did not ask for them."""

    def __init__(self, *, hide_usage: bool) -> None:
        self._cutter = FrameCutter()
        self._hide_usage = hide_usage
        self._done = False
        self._started = False
        self._choices: dict[int, ChoiceState] = {}

    @property
    def complete(self) -> bool:
        """Whether `[DONE]` came; a server may hang up without the blank line behind it."""
        return self._done or self._cutter.rest().strip() == b"data: [DONE]"

    def feed(self, chunk: bytes) -> list[Event]:
        """The events completed by `chunk`.

        Raises:
            FrameTooLong: a frame passed the cutter's bound.
        """
        events: list[Event] = []
        for frame in self._cutter.feed(chunk):
            first = len(events)
            raw = self._read(frame, events)
            if len(events) == first:
                events.append(Event(_OPAQUE))
            events[first].raw = raw
        return events

    def _read(self, frame: bytes, events: list[Event]) -> bytes:
        """Append the events of `frame`; returns the bytes that stand for it."""
        data = data_of(frame)
        if not data:
            return frame
        if data == _DONE:
            self._done = True
            return frame
        try:
            chunk = _DECODER.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return frame  # not ours to judge: the caller's client may know this extension
        if chunk.error:
            events.append(failure(chunk.error))
            return frame
        if not self._started:
            self._started = True
            events.append(Event(_STARTED, id=chunk.id or "", name=chunk.model or ""))
        choices = chunk.choices
        for choice in choices or ():
            state = self._choices.get(choice.index)
            if state is None:
                state = self._choices[choice.index] = ChoiceState(choice.index)
            if choice.delta is not None:
                state.read(choice.delta, events)
            if choice.finish_reason:
                state.finish(choice.finish_reason, events)
        if chunk.usage is not None:
            events.append(Event(EventKind.USAGE, usage=chunk.usage.usage()))
            if self._hide_usage and not choices:
                return b""
        return frame
