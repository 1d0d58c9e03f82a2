"""The built-in demo provider: speaks every wire format of the pool, so that callers see their own come back."""

from typing import Final

from headgate.domain.call import WireFormat
from headgate.pool.providers.kind import ProviderKind, bearer

DEMO: Final = ProviderKind(
    name="demo",
    paths={
        WireFormat.OPENAI_CHAT: "/v1/chat/completions",
        WireFormat.OPENAI_RESPONSES: "/v1/responses",
        WireFormat.ANTHROPIC_MESSAGES: "/v1/messages",
        WireFormat.OPENAI_EMBEDDINGS: "/v1/embeddings",
    },
    credential=bearer,
)
