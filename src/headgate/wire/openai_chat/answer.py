"""How OpenAI spells what an answer holds: stop reasons, usage, ids."""

from typing import Any, Final

from headgate.domain.event import StopReason
from headgate.domain.usage import Usage
from headgate.wire.codec import Head

_REASONS: Final = {
    StopReason.LENGTH: "length",
    StopReason.TOOL_CALLS: "tool_calls",
    StopReason.CONTENT_FILTER: "content_filter",
    StopReason.REFUSAL: "content_filter",
}


def finish_reason(stop: StopReason | None) -> str:
    """The `finish_reason` for `stop`; stop sequences and pauses are plain stops here."""
    return _REASONS.get(stop, "stop") if stop else "stop"


def usage_object(usage: Usage) -> dict[str, Any]:
    """The `usage` object."""
    prompt = {"cached_tokens": usage.cached_tokens, "cache_write_tokens": usage.cache_write_tokens}
    if usage.audio_input_tokens:
        prompt["audio_tokens"] = usage.audio_input_tokens
    completion = {"reasoning_tokens": usage.reasoning_tokens}
    if usage.audio_output_tokens:
        completion["audio_tokens"] = usage.audio_output_tokens
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": completion,
    }


def top_level(head: Head, kind: str) -> dict[str, Any]:
    """The fields that every object of one answer shares; `kind` is its `object`."""
    return {"id": f"chatcmpl-{head.request_id}", "object": kind, "created": head.created_s, "model": head.model}
