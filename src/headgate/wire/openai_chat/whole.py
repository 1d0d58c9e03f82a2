"""Reads and writes a whole chat completion."""

from typing import Any, Final

import msgspec

from headgate.domain.event import Event, EventKind
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
