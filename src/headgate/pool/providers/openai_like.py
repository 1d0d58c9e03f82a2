"""Servers that speak OpenAI's formats: any of them by its address, and those whose facts are known by name."""

from typing import Final

from headgate.domain.call import WireFormat
from headgate.pool.providers.body_edits import BodyEdits
from headgate.pool.providers.kind import ProviderKind, bearer, in_header

CHAT: Final = {WireFormat.OPENAI_CHAT: "/chat/completions"}
CHAT_AND_EMBEDDINGS: Final = {**CHAT, WireFormat.OPENAI_EMBEDDINGS: "/embeddings"}

OLD_LIMIT: Final = {WireFormat.OPENAI_CHAT: BodyEdits(renamed=(("max_completion_tokens", "max_tokens"),))}
"""For those whose documents know `max_tokens` alone: another name would not limit what a call may cost."""

NEW_LIMIT: Final = "max_completion_tokens"

OPENAI_LIKE: Final = ProviderKind(
    name="openai-like",
    paths=CHAT_AND_EMBEDDINGS,
    credential=bearer,
    title="Any other server with OpenAI's API",
)

PRESETS: Final = (
    # Servers of one's own, where they listen unless told otherwise.
    ProviderKind(
        name="vllm",
        paths=CHAT_AND_EMBEDDINGS,
        credential=bearer,
        title="vLLM",
        base_url="http://127.0.0.1:8000/v1",
        key_variable="VLLM_API_KEY",
    ),
    ProviderKind(
        name="ollama",
        paths=CHAT_AND_EMBEDDINGS,
        credential=bearer,
        title="Ollama",
        base_url="http://127.0.0.1:11434/v1",
        key_variable="OLLAMA_API_KEY",
        edits=OLD_LIMIT,
    ),
    ProviderKind(
        name="llama.cpp",
        paths=CHAT_AND_EMBEDDINGS,
        credential=bearer,
        title="llama.cpp",
        base_url="http://127.0.0.1:8080/v1",
        key_variable="LLAMA_API_KEY",
        edits=OLD_LIMIT,
    ),
    ProviderKind(
        name="lm-studio",
        paths=CHAT_AND_EMBEDDINGS,
        credential=bearer,
        title="LM Studio",
        base_url="http://127.0.0.1:1234/v1",
        key_variable="LM_API_TOKEN",
        edits=OLD_LIMIT,
    ),
    # Services.
    ProviderKind(
        name="groq",
        paths=CHAT,
        credential=bearer,
        title="Groq",
        base_url="https://api.groq.com/openai/v1",
        needs_key=True,
        key_variable="GROQ_API_KEY",
        output_limit_field=NEW_LIMIT,
        # "will result in a 400 error if they are supplied"; of `n`, only 1 (GroqDocs, OpenAI compatibility)
        edits={
            WireFormat.OPENAI_CHAT: BodyEdits(
                refused=("logprobs", "logit_bias", "top_logprobs", "n", "messages.name"),
            )
        },
    ),
    ProviderKind(
        name="openrouter",
        paths=CHAT_AND_EMBEDDINGS,
        credential=bearer,
        title="OpenRouter",
        base_url="https://openrouter.ai/api/v1",
        needs_key=True,
        key_variable="OPENROUTER_API_KEY",
        useful_headers=("HTTP-Referer", "X-OpenRouter-Title"),
    ),
    ProviderKind(
        name="mistral",
        paths=CHAT_AND_EMBEDDINGS,
        credential=bearer,
        title="Mistral",
        base_url="https://api.mistral.ai/v1",
        needs_key=True,
        key_variable="MISTRAL_API_KEY",
        usage_unasked=True,
        # Its schemas are closed: it answers any other field with 422 `extra_forbidden` (Mistral API, chat, embeddings).
        edits={
            WireFormat.OPENAI_CHAT: BodyEdits(
                renamed=(("max_completion_tokens", "max_tokens"), ("seed", "random_seed")),
                refused=(
                    "audio",
                    "function_call",
                    "functions",
                    "logit_bias",
                    "modalities",
                    "moderation",
                    "prompt_cache_options",
                    "prompt_cache_retention",
                    "safety_identifier",
                    "store",
                    "stream_options",
                    "user",
                    "verbosity",
                    "web_search_options",
                    "messages.reasoning_content",
                ),
            ),
            WireFormat.OPENAI_EMBEDDINGS: BodyEdits(renamed=(("dimensions", "output_dimension"),), refused=("user",)),
        },
    ),
    ProviderKind(
        name="deepseek",
        paths=CHAT,
        credential=bearer,
        title="DeepSeek",
        base_url="https://api.deepseek.com",
        needs_key=True,
        key_variable="DEEPSEEK_API_KEY",
        edits=OLD_LIMIT,
    ),
    ProviderKind(
        name="xai",
        paths=CHAT,
        credential=bearer,
        title="xAI",
        base_url="https://api.x.ai/v1",
        needs_key=True,
        key_variable="XAI_API_KEY",
        output_limit_field=NEW_LIMIT,
    ),
    ProviderKind(
        name="together",
        paths=CHAT_AND_EMBEDDINGS,
        credential=bearer,
        title="Together",
        base_url="https://api.together.ai/v1",
        needs_key=True,
        key_variable="TOGETHER_API_KEY",
        edits=OLD_LIMIT,
    ),
    ProviderKind(
        name="fireworks",
        paths=CHAT_AND_EMBEDDINGS,
        credential=bearer,
        title="Fireworks",
        base_url="https://api.fireworks.ai/inference/v1",
        needs_key=True,
        key_variable="FIREWORKS_API_KEY",
    ),
    ProviderKind(
        name="cerebras",
        paths=CHAT,
        credential=bearer,
        title="Cerebras",
        base_url="https://api.cerebras.ai/v1",
        needs_key=True,
        key_variable="CEREBRAS_API_KEY",
        output_limit_field=NEW_LIMIT,
    ),
    ProviderKind(
        name="nvidia-nim",
        paths=CHAT_AND_EMBEDDINGS,
        credential=bearer,
        title="NVIDIA NIM",
        base_url="https://integrate.api.nvidia.com/v1",
        needs_key=True,
        key_variable="NVIDIA_API_KEY",
        edits=OLD_LIMIT,
    ),
    ProviderKind(
        name="sambanova",
        paths=CHAT_AND_EMBEDDINGS,
        credential=bearer,
        title="SambaNova",
        base_url="https://api.sambanova.ai/v1",
        needs_key=True,
        key_variable="SAMBANOVA_API_KEY",
    ),
    ProviderKind(
        name="hyperbolic",
        paths=CHAT,
        credential=bearer,
        title="Hyperbolic",
        base_url="https://api.hyperbolic.xyz/v1",
        needs_key=True,
        key_variable="HYPERBOLIC_API_KEY",
        edits=OLD_LIMIT,
    ),
    ProviderKind(
        name="deepinfra",
        paths=CHAT_AND_EMBEDDINGS,
        credential=bearer,
        title="DeepInfra",
        base_url="https://api.deepinfra.com/v1/openai",
        needs_key=True,
        key_variable="DEEPINFRA_TOKEN",
        edits=OLD_LIMIT,
    ),
    ProviderKind(
        name="huggingface",
        paths=CHAT,
        credential=bearer,
        title="Hugging Face Inference Providers",
        base_url="https://router.huggingface.co/v1",
        needs_key=True,
        key_variable="HF_TOKEN",
        edits=OLD_LIMIT,
    ),
    # Gateways.
    ProviderKind(
        name="litellm",
        paths=CHAT_AND_EMBEDDINGS,
        credential=bearer,
        title="LiteLLM proxy",
        base_url="http://127.0.0.1:4000/v1",
        key_variable="LITELLM_PROXY_API_KEY",
    ),
    ProviderKind(
        name="portkey",
        paths=CHAT_AND_EMBEDDINGS,
        credential=in_header("x-portkey-api-key"),
        title="Portkey",
        base_url="https://api.portkey.ai/v1",
        needs_key=True,
        key_variable="PORTKEY_API_KEY",
        useful_headers=("x-portkey-provider", "x-portkey-config", "x-portkey-virtual-key", "Authorization"),
    ),
    ProviderKind(
        name="helicone",
        paths=CHAT_AND_EMBEDDINGS,
        credential=bearer,
        title="Helicone AI gateway",
        base_url="https://ai-gateway.helicone.ai",
        needs_key=True,
        key_variable="HELICONE_API_KEY",
        useful_headers=("Helicone-User-Id", "Helicone-Property-Team", "Helicone-Cache-Enabled"),
    ),
)
