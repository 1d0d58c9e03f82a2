"""Reads a streamed response (OpenAI API reference, responses, streaming events)."""

from typing import Any, Final

import msgspec

from headgate.domain.event import Event, EventKind
from headgate.kit.sse import FrameCutter
from headgate.wire.frames import data_of
from headgate.wire.openai_responses.reading import SUMMARIES, Ending, Reading, failure


class _Frame(msgspec.Struct):
    type: str = ""
    output_index: int = 0
    content_index: int = 0
    summary_index: int = 0
    delta: str | None = None
    annotation: msgspec.Raw = msgspec.Raw()
    item: msgspec.Raw = msgspec.Raw()
    response: Ending | None = None
    message: str | None = None
    error: Any = None


_DECODER: Final = msgspec.json.Decoder(_Frame)


class ResponsesStreamReader:
    """Reads one stream; every frame's bytes are on its first event, but a failure's, which are on the failure."""

    def __init__(self) -> None:
        self._cutter = FrameCutter()
        self._reading = Reading()
        self._done = False

    @property
    def complete(self) -> bool:
        """Whether the whole response came behind its pieces."""
        return self._done

    def feed(self, chunk: bytes) -> list[Event]:
        """The events completed by `chunk`.

        Raises:
            FrameTooLong: a frame passed the cutter's bound.
        """
        events: list[Event] = []
        for frame in self._cutter.feed(chunk):
            first = len(events)
            if data := data_of(frame):
                self._read(data, events)
            if len(events) == first:
                events.append(Event(EventKind.OPAQUE))
            # A failure ends what a caller is given, so its frame must not go out before it.
            place = -1 if events[-1].kind is EventKind.FAILED else first
            events[place].raw = frame
        return events

    def _read(self, data: bytes, events: list[Event]) -> None:
        try:
            frame = _DECODER.decode(data)
            self._read_frame(frame, events)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return  # not ours to judge: the caller's client may know this extension

    def _read_frame(self, frame: _Frame, events: list[Event]) -> None:
        kind, reading, index = frame.type, self._reading, frame.output_index
        if frame.delta is not None:
            part = frame.summary_index if kind in SUMMARIES else frame.content_index
            reading.delta(kind, (index, part), frame.delta, events)
        elif kind == "response.output_item.added":
            reading.begin(index, frame.item, events)
        elif kind == "response.output_item.done":
            reading.whole(index, frame.item, events)
        elif kind == "response.output_text.annotation.added":
            reading.cite(index, [frame.annotation], events)
        elif kind == "response.created":
            begun = frame.response or Ending()
            events.append(Event(EventKind.STARTED, id=begun.id or "", name=begun.model or ""))
        elif kind in ("response.completed", "response.incomplete", "response.failed"):
            self._end(kind, frame.response or Ending(), events)
        elif kind == "error" or (not kind and frame.error):
            sentence = frame.message or failure(frame.error)
            events.append(Event(EventKind.FAILED, text=sentence, name="provider_error"))

    def _end(self, kind: str, ending: Ending, events: list[Event]) -> None:
        if ending.usage is not None:
            events.append(Event(EventKind.USAGE, usage=ending.usage.usage()))
        if kind == "response.failed":
            events.append(Event(EventKind.FAILED, text=failure(ending.error), name="provider_error"))
            return
        self._done = True
        ending.status = kind.removeprefix("response.")
        events.append(Event(EventKind.FINISHED, stop=self._reading.stop(ending)))
