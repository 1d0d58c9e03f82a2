"""The wire format of OpenAI's embeddings."""

from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

from headgate.domain.call import Request, WireFormat
from headgate.domain.event import Event
from headgate.domain.prompt import Prompt
from headgate.domain.refusal import Refusal
from headgate.wire.codec import Codec, Edits, Head, StreamReader, StreamWriter
from headgate.wire.openai_chat.errors import error_body, error_frame
from headgate.wire.openai_embeddings.answer import read_whole
from headgate.wire.openai_embeddings.request import read_request, splice


class OpenAIEmbeddings:
    """OpenAI's embeddings as a `Codec`; each method is the function of the same name.

    A vector means nothing outside its model, so nothing crosses to or from another wire format, and no answer streams:
    what would is refused.
    """

    wire = WireFormat.OPENAI_EMBEDDINGS

    def read_request(self, raw: bytes, headers: Mapping[str, str]) -> Request:
        return read_request(raw, headers, self.read_prompt)

    def read_prompt(self, raw: bytes) -> Prompt:
        _refuse("An embedding request holds no conversation", "ask for a model that embeds")

    def splice(self, request: Request, edits: Edits) -> bytes:
        return splice(request, edits)

    def write_request(self, prompt: Prompt, edits: Edits) -> tuple[bytes, tuple[str, ...]]:
        _refuse(f"The model '{edits.model_id}' only embeds", "ask for a model that answers")

    def stream_reader(self, *, hide_usage: bool) -> StreamReader:
        _refuse("Embeddings are not streamed", "leave the field 'stream' out")

    def read_whole(self, body: bytes) -> list[Event]:
        return read_whole(body)

    def stream_writer(self, head: Head) -> StreamWriter:
        _refuse("Embeddings are not streamed", "leave the field 'stream' out")

    def write_whole(self, head: Head, events: Sequence[Event]) -> bytes:
        return b"".join([event.raw for event in events])

    def error_body(self, refusal: Refusal, request_id: str) -> bytes:
        return error_body(refusal, request_id)

    def error_frame(self, refusal: Refusal, request_id: str) -> bytes:
        return error_frame(refusal, request_id)


def _refuse(happened: str, advice: str) -> NoReturn:
    raise Refusal("invalid_request", f"{happened}; {advice}.")


OPENAI_EMBEDDINGS: Final[Codec] = OpenAIEmbeddings()
