"""Amazon Bedrock: Converse for every model, InvokeModel for Claude's callers (Amazon Bedrock API reference)."""

from typing import Final

from headgate.domain.call import WireFormat
from headgate.pool.providers.aws_signature import is_signed_with, signing
from headgate.pool.providers.kind import Headers, ProviderKind, bearer
from headgate.wire.bedrock_invoke import BEDROCK_INVOKE


def _credential(secret: str) -> Headers:
    """A Bedrock API key goes as it is; with an access key the request is signed."""
    return () if is_signed_with(secret) else bearer(secret)


def _takes(wire: WireFormat, model_id: str) -> bool:
    """Claude alone understands Anthropic's bodies; ids that say nothing of their model go to Converse."""
    return wire is not WireFormat.ANTHROPIC_MESSAGES or "anthropic.claude" in model_id


BEDROCK: Final = ProviderKind(
    name="bedrock",
    paths={
        WireFormat.BEDROCK_CONVERSE: "/model/{id}/converse",
        WireFormat.ANTHROPIC_MESSAGES: "/model/{id}/invoke",
    },
    credential=_credential,
    title="Amazon Bedrock",
    base_url="https://bedrock-runtime.{region}.amazonaws.com",
    key_variable="AWS_BEARER_TOKEN_BEDROCK",
    own_settings=("region", "access_key"),
    streamed_paths={
        WireFormat.BEDROCK_CONVERSE: "/model/{id}/converse-stream",
        WireFormat.ANTHROPIC_MESSAGES: "/model/{id}/invoke-with-response-stream",
    },
    takes=_takes,
    codecs={WireFormat.ANTHROPIC_MESSAGES: BEDROCK_INVOKE},
    error_wire=WireFormat.BEDROCK_CONVERSE,
    sign=signing,
    forwards_headers=False,
)
