"""A call as it came in: who asks, by which wire format, for what."""

from collections.abc import Callable
from enum import StrEnum

import msgspec

from headgate.domain.prompt import Prompt
from headgate.domain.refusal import Refusal


class WireFormat(StrEnum):
    """The shapes in which requests and answers travel."""

    NATIVE = "native"
    OPENAI_CHAT = "openai-chat"
    OPENAI_RESPONSES = "openai-responses"
    OPENAI_EMBEDDINGS = "openai-embeddings"
    ANTHROPIC_MESSAGES = "anthropic-messages"
    GEMINI = "gemini"
    BEDROCK_CONVERSE = "bedrock-converse"


class Purpose(StrEnum):
    """Why a model call is made."""

    ANSWER = "answer"


class Request(msgspec.Struct, frozen=True):
    """What is asked of a model, with the bytes it came in."""

    wire: WireFormat
    raw: bytes
    """The body exactly as the caller sent it."""
    read_prompt: Callable[[bytes], Prompt]
    """Reads `raw` into the canonical prompt; called only when the request crosses wire formats."""
    model: str = ""
    """The model or use case asked for; empty for the use case's own chain."""
    stream: bool = False
    max_output_tokens: int | None = None
    """The caller's own limit on output; None leaves it to the model's."""
    choices: int = 1
    """How many answers are asked for at once; each may use the whole output limit."""
    usage_asked: bool = False
    """Whether a streamed answer shall show its usage chunk (OpenAI's `stream_options.include_usage`)."""
    text_bytes: int = 0
    """An upper bound on the UTF-8 bytes of all text in the request, tools and schemas included."""
    images: int = 0
    documents: int = 0
    has_tools: bool = False
    tool_requests: int = 0
    """How often the provider may run tools of its own for the request, as declared."""
    unbounded_tool: str = ""
    """A tool of the provider's without such a declaration: what it may cost has no bound."""
    forward_headers: tuple[tuple[str, str], ...] = ()
    """Headers that belong to the wire format and reach the provider unchanged, such as `anthropic-beta`."""


class Call(msgspec.Struct, frozen=True):
    """One HTTP exchange with a request surface, before anything was decided."""

    request_id: str
    wire: WireFormat
    path: str
    at_ms: int
    """Wall time of arrival."""
    received_ns: int
    """Monotonic time of the first byte."""
    source: str
    """The caller's network address."""
    credential: str | None
    """The virtual key or token, from whichever header carried it."""
    body: Request | Refusal
    """The request, or why it could not be read; a caller is told only once known and within limits."""
    use_case: str | None = None
    pipeline: str | None = None
    project: str | None = None
    user: str | None = None
    team: str | None = None
    """The team that the body claims; it must be the key's own."""
    priority: str = "interactive"
    method: str = "POST"
    cache: str = ""
    """What the caller asks of the cache: `off`, `refresh`, `only`, or nothing."""
    idempotency_key: str = ""
    digest: bytes = b""
    """BLAKE2b of a long body, taken beside the event loop; empty for others."""
    strict: bool = False
    """Whether the call is refused rather than sent to a provider that cannot be told all of it."""
