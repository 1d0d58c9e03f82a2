"""Servers that speak OpenAI's formats for chats and embeddings: vLLM, llama.cpp, Ollama, LM Studio and the like."""

from typing import Final

from headgate.domain.call import WireFormat
from headgate.pool.providers.kind import ProviderKind, bearer

OPENAI_LIKE: Final = ProviderKind(
    name="openai-like",
    paths={WireFormat.OPENAI_CHAT: "/chat/completions", WireFormat.OPENAI_EMBEDDINGS: "/embeddings"},
    credential=bearer,
)
