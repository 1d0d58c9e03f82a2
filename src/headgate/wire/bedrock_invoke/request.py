"""What a message request's body needs for InvokeModel (Bedrock User Guide, Anthropic Claude Messages API)."""

from typing import Any, Final

import msgspec

from headgate.domain.call import Request
from headgate.domain.prompt import Prompt
from headgate.wire import anthropic_messages
from headgate.wire.body import FIELDS
from headgate.wire.codec import Edits

_VERSION: Final = "bedrock-2023-05-31"
_BETA_HEADER: Final = "anthropic-beta"
_BETA_FIELD: Final = "anthropic_beta"


def splice(request: Request, edits: Edits) -> bytes:
    """The caller's own body with `edits` made and Bedrock's fields set; every other value's bytes are untouched."""
    named = ",".join(value for name, value in request.forward_headers if name == _BETA_HEADER)
    betas = [beta.strip() for beta in named.split(",") if beta.strip()]
    return _for_bedrock(anthropic_messages.ANTHROPIC_MESSAGES.splice(request, edits), betas)


def write_request(prompt: Prompt, edits: Edits) -> tuple[bytes, tuple[str, ...]]:
    """A body that says `prompt`, and the wire names of what it cannot say."""
    body, dropped = anthropic_messages.ANTHROPIC_MESSAGES.write_request(prompt, edits)
    return _for_bedrock(body, []), dropped


def _for_bedrock(body: bytes, betas: list[str]) -> bytes:
    """`body` with its version and betas, and without the model and streaming, which stand in the path."""
    fields: dict[str, Any] = {**FIELDS.decode(body)}
    fields.pop("model", None)
    fields.pop("stream", None)
    fields["anthropic_version"] = _VERSION
    if betas:
        fields.setdefault(_BETA_FIELD, betas)
    return msgspec.json.encode(fields)
