"""What a request surface knows: how its requests are read and its answers, streams and errors are written."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from headgate.api.exchange import Header
from headgate.domain.answer import Answer
from headgate.domain.call import Call, Request, WireFormat
from headgate.domain.event import Event
from headgate.domain.rates import RateWindow
from headgate.domain.refusal import Refusal
from headgate.wire.codec import Codec, Head, StreamWriter


class Reading(NamedTuple):
    """What a body says: the request, and what only the native body may say beside it."""

    request: Request
    use_case: str | None = None
    pipeline: str | None = None
    team: str | None = None


class RateNames(Protocol):
    """Writes rate limits under the header names that a surface's SDKs read."""

    def __call__(self, windows: Sequence[RateWindow], now_ms: int) -> list[Header]:
        """The headers; `now_ms` is wall time."""
        ...


class Surface(Protocol):
    """One request surface."""

    @property
    def wire(self) -> WireFormat:
        """Its wire format."""
        ...

    @property
    def rate_headers(self) -> RateNames:
        """How it shows rate limits."""
        ...

    def read(self, raw: bytes, headers: Mapping[str, str]) -> Reading:
        """What `raw` asks for.

        Raises:
            Refusal: `invalid_request` or `invalid_parameter`, saying which field is wrong.
        """
        ...

    def stream_writer(self, call: Call, answer: Answer) -> StreamWriter:
        """A writer for events that came from another wire format."""
        ...

    def write_whole(self, call: Call, answer: Answer, events: Sequence[Event]) -> bytes:
        """A whole answer from events that came from another wire format."""
        ...

    def status(self, refusal: Refusal) -> int:
        """The HTTP status of `refusal` on this surface."""
        ...

    def error_body(self, refusal: Refusal, request_id: str) -> bytes:
        """A refusal as a body."""
        ...

    def error_frame(self, refusal: Refusal, request_id: str) -> bytes:
        """A refusal as the last event of a stream."""
        ...


class CodecSurface:
    """A surface whose wire format providers speak, too."""

    def __init__(self, codec: Codec, rate_headers: RateNames) -> None:
        self._codec = codec
        self.wire = codec.wire
        self.rate_headers = rate_headers
        self.error_body = codec.error_body
        self.error_frame = codec.error_frame

    def read(self, raw: bytes, headers: Mapping[str, str]) -> Reading:
        """What `raw` asks for."""
        return Reading(self._codec.read_request(raw, headers))

    def stream_writer(self, call: Call, answer: Answer) -> StreamWriter:
        """The codec's writer."""
        return self._codec.stream_writer(_head(call, answer))

    def write_whole(self, call: Call, answer: Answer, events: Sequence[Event]) -> bytes:
        """The codec's whole answer."""
        return self._codec.write_whole(_head(call, answer), events)

    def status(self, refusal: Refusal) -> int:
        """The refusal's own; these surfaces know no 422 for a field out of range, unless a refusal says so itself."""
        return 400 if refusal.code == "invalid_parameter" and not refusal.has_own_status else refusal.status


def _head(call: Call, answer: Answer) -> Head:
    return Head(
        request_id=call.request_id,
        model=answer.deployment.model_id,
        created_s=call.at_ms // 1000,
        show_usage=isinstance(call.body, Request) and call.body.usage_asked,
        asked=call.body.raw if isinstance(call.body, Request) else b"",
    )
