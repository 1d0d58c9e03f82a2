"""Azure OpenAI: its v1 API, and the one whose paths name a deployment (Azure OpenAI REST API reference)."""

from typing import Final

from headgate.domain.call import WireFormat
from headgate.domain.policy import Provider
from headgate.pool.providers.kind import ProviderKind, in_header

V1: Final = "v1"
PREVIEW: Final = "preview"
"""The v1 API with what is not generally available yet."""


def _place(provider: Provider, path: str) -> str:
    """The deployment stands in the body of the v1 API's requests, and in the path for versions that are dates."""
    resource = provider.base_url.removesuffix("/openai/v1").removesuffix("/openai")
    if provider.api_version in ("", V1):
        return f"{resource}/openai/v1{path}"
    if provider.api_version == PREVIEW:
        return f"{resource}/openai/v1{path}?api-version={PREVIEW}"
    return f"{resource}/openai/deployments/{{id}}{path}?api-version={provider.api_version}"


AZURE_OPENAI: Final = ProviderKind(
    name="azure-openai",
    paths={WireFormat.OPENAI_CHAT: "/chat/completions", WireFormat.OPENAI_EMBEDDINGS: "/embeddings"},
    credential=in_header("api-key"),
    title="Azure OpenAI",
    needs_key=True,
    key_variable="AZURE_OPENAI_API_KEY",
    own_settings=("token", "api_version"),
    place=_place,
    output_limit_field="max_completion_tokens",
)
