"""The wire format of Amazon Bedrock's Converse."""

from typing import Final

from headgate.domain.call import WireFormat
from headgate.domain.event import Event
from headgate.domain.prompt import Prompt
from headgate.wire.bedrock_converse.stream_reader import ConverseStreamReader
from headgate.wire.bedrock_converse.whole import read_whole
from headgate.wire.bedrock_converse.write_request import write_request
from headgate.wire.codec import Edits, ProviderCodec, StreamReader


class BedrockConverse:
    """Bedrock's Converse and ConverseStream as a `ProviderCodec`; the model and streaming stand in the path."""

    wire = WireFormat.BEDROCK_CONVERSE

    def write_request(self, prompt: Prompt, edits: Edits) -> tuple[bytes, tuple[str, ...]]:
        return write_request(prompt, edits)

    def stream_reader(self, *, hide_usage: bool) -> StreamReader:
        return ConverseStreamReader()

    def read_whole(self, body: bytes) -> list[Event]:
        return read_whole(body)


BEDROCK_CONVERSE: Final[ProviderCodec] = BedrockConverse()
