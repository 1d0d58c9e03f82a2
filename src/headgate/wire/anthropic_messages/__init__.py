"""The wire format of Anthropic's messages."""

from collections.abc import Mapping
from typing import Final

from headgate.domain.call import Request, WireFormat
from headgate.domain.event import Event
from headgate.domain.refusal import Refusal
from headgate.wire.anthropic_messages import errors, request, whole
from headgate.wire.anthropic_messages.stream_reader import AnthropicStreamReader
from headgate.wire.codec import Edits, StreamReader


class AnthropicMessages:
    """Anthropic's messages as a `Codec`."""

    wire: Final = WireFormat.ANTHROPIC_MESSAGES

    def read_request(self, raw: bytes, headers: Mapping[str, str]) -> Request:
        return request.read_request(raw, headers, self.read_prompt)

    def splice(self, request_: Request, edits: Edits) -> bytes:
        return request.splice(request_, edits)

    def stream_reader(self, *, hide_usage: bool) -> StreamReader:
        return AnthropicStreamReader()

    def read_whole(self, body: bytes) -> list[Event]:
        return whole.read_whole(body)

    def error_body(self, refusal: Refusal, request_id: str) -> bytes:
        return errors.error_body(refusal, request_id)

    def error_frame(self, refusal: Refusal, request_id: str) -> bytes:
        return errors.error_frame(refusal, request_id)


ANTHROPIC_MESSAGES: Final = AnthropicMessages()
