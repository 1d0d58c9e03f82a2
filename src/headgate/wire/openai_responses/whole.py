"""Reads and writes a whole response."""

from collections.abc import Sequence
from typing import Final

import msgspec

from headgate.domain.event import Event, EventKind
from headgate.domain.usage import Usage
from headgate.wire.codec import Head
from headgate.wire.openai_responses.answer import incomplete_reason, response, usage_object
from headgate.wire.openai_responses.output import CALL, Output
from headgate.wire.openai_responses.reading import Ending, Reading, failure


class _Answer(Ending):
    output: list[msgspec.Raw] | None = None


_DECODER: Final = msgspec.json.Decoder(_Answer)


def read_whole(body: bytes) -> list[Event]:
    """The events of a whole answer; its bytes are on the `finished` event.

    Raises:
        ValueError: the body is not a response, or one that failed or is not there yet.
    """
    answer = _DECODER.decode(body)
    if answer.error or answer.status == "failed":
        raise ValueError(failure(answer.error))
    if answer.output is None or answer.status not in (None, "completed", "incomplete"):
        raise ValueError("the body holds no output")
    events = [Event(EventKind.STARTED, id=answer.id or "", name=answer.model or "")]
    reading = Reading()
    for index, item in enumerate(answer.output):
        reading.whole(index, item, events)
    if answer.usage is not None:
        events.append(Event(EventKind.USAGE, usage=answer.usage.usage()))
    events.append(Event(EventKind.FINISHED, stop=reading.stop(answer), raw=body))
    return events


def write_whole(head: Head, events: Sequence[Event]) -> bytes:
    """A whole answer from `events`; a response has one answer, so further choices have no place in it."""
    output, usage, stop = Output(head), Usage(), None
    for event in events:
        if event.usage is not None:
            usage = event.usage
        if event.kind is EventKind.FINISHED:
            stop = stop or event.stop
        elif (item := output.place(event)) is not None:
            item.add(event)
    reason = incomplete_reason(stop)
    for item in output.items:
        if item.kind == CALL and not item.text and reason is None:
            item.add(Event(EventKind.TOOL_ARGUMENTS, text="{}"))
    last = output.items[-1:] if reason else []
    answer = response(head)
    answer["status"] = "incomplete" if reason else "completed"
    answer["incomplete_details"] = {"reason": reason} if reason else None
    answer["output"] = [item.shown("incomplete" if item in last else "completed") for item in output.items]
    answer["usage"] = usage_object(usage)
    return msgspec.json.encode(answer)
