"""The wire format of OpenAI's responses."""

from collections.abc import Mapping, Sequence
from typing import Final

from headgate.domain.call import Request, WireFormat
from headgate.domain.event import Event
from headgate.domain.prompt import Prompt
from headgate.domain.refusal import Refusal
from headgate.wire.codec import Codec, Edits, Head, StreamReader, StreamWriter
from headgate.wire.openai_chat.errors import error_body
from headgate.wire.openai_responses.errors import error_frame
from headgate.wire.openai_responses.read_prompt import read_prompt
from headgate.wire.openai_responses.request import read_request, splice
from headgate.wire.openai_responses.stream_reader import ResponsesStreamReader
from headgate.wire.openai_responses.stream_writer import ResponsesStreamWriter
from headgate.wire.openai_responses.whole import read_whole, write_whole
from headgate.wire.openai_responses.write_request import write_request


class OpenAIResponses:
    """OpenAI's responses as a `Codec`; each method is the function of the same name."""

    wire = WireFormat.OPENAI_RESPONSES

    def read_request(self, raw: bytes, headers: Mapping[str, str]) -> Request:
        return read_request(raw, headers, read_prompt)

    def read_prompt(self, raw: bytes) -> Prompt:
        return read_prompt(raw)

    def splice(self, request: Request, edits: Edits) -> bytes:
        return splice(request, edits)

    def write_request(self, prompt: Prompt, edits: Edits) -> tuple[bytes, tuple[str, ...]]:
        return write_request(prompt, edits)

    def stream_reader(self, *, hide_usage: bool) -> StreamReader:
        return ResponsesStreamReader()

    def read_whole(self, body: bytes) -> list[Event]:
        return read_whole(body)

    def stream_writer(self, head: Head) -> StreamWriter:
        return ResponsesStreamWriter(head)

    def write_whole(self, head: Head, events: Sequence[Event]) -> bytes:
        return write_whole(head, events)

    def error_body(self, refusal: Refusal, request_id: str) -> bytes:
        return error_body(refusal, request_id)

    def error_frame(self, refusal: Refusal, request_id: str) -> bytes:
        return error_frame(refusal, request_id)


OPENAI_RESPONSES: Final[Codec] = OpenAIResponses()
