"""Reads a streamed answer (Gemini API reference, models.streamGenerateContent with `alt=sse`)."""

import msgspec

from headgate.domain.event import Event, EventKind
from headgate.kit.sse import FrameCutter
from headgate.wire.frames import data_of
from headgate.wire.gemini.answer import DECODER, AnswerState


class GeminiStreamReader:
    """Reads one stream; its events carry no bytes, for no caller speaks this format."""

    def __init__(self) -> None:
        self._cutter = FrameCutter()
        self._answer = AnswerState()

    @property
    def complete(self) -> bool:
        """Never: no marker ends these streams, and usage may follow the reason to finish; all is read to its end."""
        return False

    def feed(self, chunk: bytes) -> list[Event]:
        """The events completed by `chunk`.

        Raises:
            FrameTooLong: a frame passed the cutter's bound.
        """
        events: list[Event] = []
        for frame in self._cutter.feed(chunk):
            if not (data := data_of(frame)):
                continue
            try:
                self._answer.read(DECODER.decode(data), events)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                sentence = f"a piece of the stream could not be read: {error}"
                events.append(Event(EventKind.FAILED, text=sentence, name="provider_error"))
        return events
