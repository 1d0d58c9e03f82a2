"""Google's Gemini API: the model in the path, the key in `x-goog-api-key` (Gemini API reference)."""

from typing import Final

from headgate.domain.call import WireFormat
from headgate.pool.providers.kind import ProviderKind, in_header

GEMINI_KIND: Final = ProviderKind(
    name="gemini",
    paths={WireFormat.GEMINI: "/v1beta/models/{id}:generateContent"},
    credential=in_header("x-goog-api-key"),
    title="Google Gemini",
    base_url="https://generativelanguage.googleapis.com",
    needs_key=True,
    key_variable="GEMINI_API_KEY",
    streamed_paths={WireFormat.GEMINI: "/v1beta/models/{id}:streamGenerateContent?alt=sse"},
)
