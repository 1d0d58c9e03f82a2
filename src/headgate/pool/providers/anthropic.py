"""Anthropic's API: the key in `x-api-key`, the version in `anthropic-version` (Anthropic API reference, versioning)."""

from typing import Final

from headgate.domain.call import WireFormat
from headgate.pool.providers.kind import ProviderKind, in_header

ANTHROPIC: Final = ProviderKind(
    name="anthropic",
    paths={WireFormat.ANTHROPIC_MESSAGES: "/v1/messages"},
    credential=in_header("x-api-key"),
    title="Anthropic",
    base_url="https://api.anthropic.com",
    needs_key=True,
    key_variable="ANTHROPIC_API_KEY",
    fixed_headers={WireFormat.ANTHROPIC_MESSAGES: (("anthropic-version", "2023-06-01"),)},
)
