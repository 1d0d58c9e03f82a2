"""What every wire format of the pool can do, for surfaces, providers and the demo provider alike."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from headgate.domain.call import Request, WireFormat
from headgate.domain.event import Event
from headgate.domain.prompt import Prompt
from headgate.domain.refusal import Refusal


class Edits(msgspec.Struct, frozen=True):
    """The only changes made to a request that stays on its wire format."""

    model_id: str
    output_limit: int | None = None
    """Set upstream because the caller left it out; None leaves the body's own."""
    output_limit_field: str = "max_tokens"
    """What the provider calls the output limit (`max_tokens`, `max_completion_tokens`)."""
    stream: bool | None = None
    """Set where the upstream's streaming differs from what the body says."""
    ask_usage: bool = False
    """Set `stream_options.include_usage`, on wire formats that know it."""


class Head(msgspec.Struct, frozen=True):
    """What a writer must know before the first event."""

    request_id: str
    model: str
    """The model name shown to the caller."""
    created_s: int
    show_usage: bool = True
    """Whether a streamed OpenAI answer ends with its usage chunk."""
    asked: bytes = b""
    """The caller's body, for wire formats whose answers repeat what was asked."""


class StreamReader(Protocol):
    """Reads one provider's stream."""

    def feed(self, chunk: bytes) -> list[Event]:
        """The events completed by `chunk`; every byte of a frame is in exactly one event's `raw`."""
        ...

    @property
    def complete(self) -> bool:
        """Whether the stream's terminal marker came."""
        ...


class StreamWriter(Protocol):
    """Writes one caller's stream."""

    def write(self, event: Event) -> bytes:
        """The bytes for `event`; empty where this wire format has nothing to say about it."""
        ...

    def end(self) -> bytes:
        """The bytes that close the stream after its last event."""
        ...


class ProviderCodec(Protocol):
    """A wire format in which a provider is asked."""

    @property
    def wire(self) -> WireFormat:
        """Its name."""
        ...

    def write_request(self, prompt: Prompt, edits: Edits) -> tuple[bytes, tuple[str, ...]]:
        """A body from the canonical form, and the names of what this wire format cannot say."""
        ...

    def stream_reader(self, *, hide_usage: bool) -> StreamReader:
        """A reader for a streamed answer; `hide_usage` takes the bytes of usage-only frames out."""
        ...

    def read_whole(self, body: bytes) -> list[Event]:
        """The events of a whole answer; its bytes are on the `finished` event.

        Raises:
            ValueError: the body is not an answer of this wire format.
        """
        ...


class Codec(ProviderCodec, Protocol):
    """A wire format that callers speak, too."""

    def read_request(self, raw: bytes, headers: Mapping[str, str]) -> Request:
        """Read only what routing, limits and money need. `headers` have lower-case names.

        Raises:
            Refusal: `invalid_request`, saying which field is wrong.
        """
        ...

    def read_prompt(self, raw: bytes) -> Prompt:
        """Read all content into the canonical form.

        Raises:
            Refusal: `invalid_request`.
        """
        ...

    def splice(self, request: Request, edits: Edits) -> bytes:
        """The caller's own body with `edits` made and every other value's bytes untouched."""
        ...

    def stream_writer(self, head: Head) -> StreamWriter:
        """A writer for events that came from another wire format."""
        ...

    def write_whole(self, head: Head, events: Sequence[Event]) -> bytes:
        """A whole answer from events that came from another wire format, or streamed."""
        ...

    def error_body(self, refusal: Refusal, request_id: str) -> bytes:
        """A refusal in this wire format's error shape, with the `headgate` object."""
        ...

    def error_frame(self, refusal: Refusal, request_id: str) -> bytes:
        """A refusal as this wire format's error event, for after the first byte."""
        ...
