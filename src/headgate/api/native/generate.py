"""`POST /v1/generate`: the native surface."""

from collections.abc import Mapping, Sequence
from typing import Final

from headgate.api.exchange import Exchange
from headgate.api.front import Front
from headgate.api.heads import OPENAI_RATES
from headgate.api.native.answer import NativeStreamWriter, write_whole
from headgate.api.native.body import read_body
from headgate.api.refusals import native_error
from headgate.api.serving import serve
from headgate.api.surface import Reading, Surface
from headgate.domain.answer import Answer
from headgate.domain.call import Call, WireFormat
from headgate.domain.event import Event
from headgate.domain.refusal import Refusal
from headgate.kit.sse import frame
from headgate.wire.codec import StreamWriter


class NativeSurface:
    """Our own wire format; no provider speaks it."""

    wire = WireFormat.NATIVE
    rate_headers = staticmethod(OPENAI_RATES)

    def read(self, raw: bytes, headers: Mapping[str, str]) -> Reading:
        """What `raw` asks for."""
        return read_body(raw, headers)

    def stream_writer(self, call: Call, answer: Answer) -> StreamWriter:
        """A writer of `delta` and `done` events."""
        return NativeStreamWriter(call, answer)

    def write_whole(self, call: Call, answer: Answer, events: Sequence[Event]) -> bytes:
        """The answer object."""
        return write_whole(call, answer, events)

    def status(self, refusal: Refusal) -> int:
        """The refusal's own."""
        return refusal.status

    def error_body(self, refusal: Refusal, request_id: str) -> bytes:
        """The native error."""
        return native_error(refusal, request_id)

    def error_frame(self, refusal: Refusal, request_id: str) -> bytes:
        """The native error as an `error` event."""
        return frame(native_error(refusal, request_id), b"error")


NATIVE: Final[Surface] = NativeSurface()


async def generate(front: Front, exchange: Exchange) -> None:
    """Answer a prompt."""
    await serve(front, NATIVE, exchange)
