"""Anthropic's messages as Amazon Bedrock's InvokeModel takes and gives them."""

from typing import Final

from headgate.domain.call import Request
from headgate.domain.prompt import Prompt
from headgate.wire.anthropic_messages import AnthropicMessages
from headgate.wire.bedrock_invoke.request import splice, write_request
from headgate.wire.bedrock_invoke.stream_reader import InvokeStreamReader
from headgate.wire.codec import Codec, Edits, StreamReader


class BedrockInvoke(AnthropicMessages):
    """Anthropic's messages over InvokeModel and InvokeModelWithResponseStream; the path names the model."""

    def splice(self, request: Request, edits: Edits) -> bytes:
        return splice(request, edits)

    def write_request(self, prompt: Prompt, edits: Edits) -> tuple[bytes, tuple[str, ...]]:
        return write_request(prompt, edits)

    def stream_reader(self, *, hide_usage: bool) -> StreamReader:
        return InvokeStreamReader()


BEDROCK_INVOKE: Final[Codec] = BedrockInvoke()
