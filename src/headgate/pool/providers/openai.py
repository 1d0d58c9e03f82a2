"""OpenAI's own API; the output limit is `max_completion_tokens` there (OpenAI API reference, chat completions)."""

from typing import Final

from headgate.domain.call import WireFormat
from headgate.pool.providers.kind import ProviderKind, bearer

OPENAI: Final = ProviderKind(
    name="openai",
    paths={
        WireFormat.OPENAI_CHAT: "/chat/completions",
        WireFormat.OPENAI_RESPONSES: "/responses",
        WireFormat.OPENAI_EMBEDDINGS: "/embeddings",
    },
    credential=bearer,
    output_limit_field="max_completion_tokens",
)
