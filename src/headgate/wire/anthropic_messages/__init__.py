"""The wire format of Anthropic's messages."""

from collections.abc import Mapping, Sequence
from typing import Final

from headgate.domain.call import Request, WireFormat
from headgate.domain.event import Event
from headgate.domain.prompt import Prompt
from headgate.domain.refusal import Refusal
from headgate.wire.anthropic_messages.errors import error_body, error_frame
from headgate.wire.anthropic_messages.read_prompt import read_prompt
from headgate.wire.anthropic_messages.request import read_request, splice
from headgate.wire.anthropic_messages.stream_reader import AnthropicStreamReader
from headgate.wire.anthropic_messages.stream_writer import AnthropicStreamWriter
from headgate.wire.anthropic_messages.whole import read_whole, write_whole
from headgate.wire.anthropic_messages.write_request import write_request
from headgate.wire.codec import Codec, Edits, Head, StreamReader, StreamWriter


class AnthropicMessages:
    """Anthropic's messages as a `Codec`; each method is the function of the same name."""

    wire = WireFormat.ANTHROPIC_MESSAGES

    def read_request(self, raw: bytes, headers: Mapping[str, str]) -> Request:
        return read_request(raw, headers, read_prompt)

    def read_prompt(self, raw: bytes) -> Prompt:
        return read_prompt(raw)

    def splice(self, request: Request, edits: Edits) -> bytes:
        return splice(request, edits)

    def write_request(self, prompt: Prompt, edits: Edits) -> tuple[bytes, tuple[str, ...]]:
        return write_request(prompt, edits)

    def stream_reader(self, *, hide_usage: bool) -> StreamReader:
        return AnthropicStreamReader()

    def read_whole(self, body: bytes) -> list[Event]:
        return read_whole(body)

    def stream_writer(self, head: Head) -> StreamWriter:
        return AnthropicStreamWriter(head)

    def write_whole(self, head: Head, events: Sequence[Event]) -> bytes:
        return write_whole(head, events)

    def error_body(self, refusal: Refusal, request_id: str) -> bytes:
        return error_body(refusal, request_id)

    def error_frame(self, refusal: Refusal, request_id: str) -> bytes:
        return error_frame(refusal, request_id)


ANTHROPIC_MESSAGES: Final[Codec] = AnthropicMessages()
