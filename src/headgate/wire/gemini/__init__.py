"""The wire format of Google's Gemini models."""

from typing import Final

from headgate.domain.call import WireFormat
from headgate.domain.event import Event
from headgate.domain.prompt import Prompt
from headgate.wire.codec import Edits, ProviderCodec, StreamReader
from headgate.wire.gemini.stream_reader import GeminiStreamReader
from headgate.wire.gemini.whole import read_whole
from headgate.wire.gemini.write_request import write_request


class Gemini:
    """Gemini's `generateContent` and `streamGenerateContent?alt=sse` as a `ProviderCodec`; the path names the model."""

    wire = WireFormat.GEMINI

    def write_request(self, prompt: Prompt, edits: Edits) -> tuple[bytes, tuple[str, ...]]:
        return write_request(prompt, edits)

    def stream_reader(self, *, hide_usage: bool) -> StreamReader:
        return GeminiStreamReader()

    def read_whole(self, body: bytes) -> list[Event]:
        return read_whole(body)


GEMINI: Final[ProviderCodec] = Gemini()
