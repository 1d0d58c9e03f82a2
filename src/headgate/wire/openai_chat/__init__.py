"""The wire format of OpenAI's chat completions."""

from collections.abc import Mapping
from typing import Final

from headgate.domain.call import Request, WireFormat
from headgate.domain.event import Event
from headgate.domain.refusal import Refusal
from headgate.wire.codec import Edits, StreamReader
from headgate.wire.openai_chat import errors, request, whole
from headgate.wire.openai_chat.stream_reader import OpenAIStreamReader


class OpenAIChat:
    """OpenAI's chat completions as a `Codec`."""

    wire: Final = WireFormat.OPENAI_CHAT

    def read_request(self, raw: bytes, headers: Mapping[str, str]) -> Request:
        return request.read_request(raw, headers, self.read_prompt)

    def splice(self, request_: Request, edits: Edits) -> bytes:
        return request.splice(request_, edits)

    def stream_reader(self, *, hide_usage: bool) -> StreamReader:
        return OpenAIStreamReader(hide_usage=hide_usage)

    def read_whole(self, body: bytes) -> list[Event]:
        return whole.read_whole(body)

    def error_body(self, refusal: Refusal, request_id: str) -> bytes:
        return errors.error_body(refusal, request_id)

    def error_frame(self, refusal: Refusal, request_id: str) -> bytes:
        return errors.error_frame(refusal, request_id)


OPENAI_CHAT: Final = OpenAIChat()
