"""Reads a whole answer (Gemini API reference, models.generateContent)."""

from headgate.domain.event import Event, EventKind
from headgate.wire.gemini.answer import DECODER, AnswerState


def read_whole(body: bytes) -> list[Event]:
    """The events of a whole answer; its bytes are on the last `finished` event.

    Raises:
        ValueError: the body is no answer, or one that came to nothing.
    """
    events: list[Event] = []
    AnswerState().read(DECODER.decode(body), events)
    for event in events:
        if event.kind is EventKind.FAILED:
            raise ValueError(event.text)
    if not events or events[-1].kind is not EventKind.FINISHED:
        raise ValueError("the body holds no candidate that finished")
    events[-1].raw = body
    return events
