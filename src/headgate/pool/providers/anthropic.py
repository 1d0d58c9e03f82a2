"""Anthropic's API: the key in `x-api-key`, the version in `anthropic-version` (Anthropic API reference, versioning)."""

from typing import Final

from headgate.domain.call import WireFormat
from headgate.pool.providers.kind import Headers, ProviderKind


def _api_key(secret: str) -> Headers:
    return (("x-api-key", secret),) if secret else ()


ANTHROPIC: Final = ProviderKind(
    name="anthropic",
    paths={WireFormat.ANTHROPIC_MESSAGES: "/v1/messages"},
    credential=_api_key,
    fixed_headers={WireFormat.ANTHROPIC_MESSAGES: (("anthropic-version", "2023-06-01"),)},
)
