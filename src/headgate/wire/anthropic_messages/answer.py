"""How Anthropic spells what an answer holds: stop reasons, usage, ids."""

from typing import Any, Final

import msgspec

from headgate.domain.event import Event, EventKind, StopReason
from headgate.domain.usage import Usage
from headgate.wire.codec import Head

_REASONS: Final = {
    StopReason.STOP: "end_turn",
    StopReason.STOP_SEQUENCE: "stop_sequence",
    StopReason.LENGTH: "max_tokens",
    StopReason.TOOL_CALLS: "tool_use",
    StopReason.CONTENT_FILTER: "refusal",
    StopReason.REFUSAL: "refusal",
    StopReason.PAUSE: "pause_turn",
}
_ALWAYS_OF_USAGE: Final = ("cache_creation", "inference_geo", "service_tier")
"""What a message's usage always names, and other wire formats seldom say."""
_BLOCK_OF: Final = {
    EventKind.TEXT: "text",
    EventKind.CITATION: "text",
    EventKind.REASONING: "thinking",
    EventKind.TOOL_START: "tool_use",
    EventKind.TOOL_ARGUMENTS: "tool_use",
}


def block_kind(event: Event) -> str:
    """The type of the content block that `event` belongs to; empty where it belongs to none."""
    return _BLOCK_OF.get(event.kind, "")


def citation_of(event: Event) -> Any | None:
    """The citation that `event` holds; None for the kinds that only other wire formats know."""
    citation = msgspec.json.decode(event.text)
    known = isinstance(citation, dict) and str(citation.get("type", "")).endswith("_location")
    return citation if known else None


def usage_object(usage: Usage) -> dict[str, Any]:
    """The `usage` object; its input leaves out what was read from or written to the cache."""
    report: dict[str, Any] = {
        "input_tokens": usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens} if usage.reasoning_tokens else None,
        "server_tool_use": None,
    }
    if usage.cache_write_1h_tokens:
        report["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write_tokens - usage.cache_write_1h_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        }
    if usage.tool_requests:
        report["server_tool_use"] = {"web_search_requests": usage.tool_requests, "web_fetch_requests": 0}
    return report


def ending(finished: Event) -> dict[str, Any]:
    """How a message ended, as it stands in the message and in the last delta of a stream."""
    reason = _REASONS[finished.stop or StopReason.STOP]
    return {"stop_reason": reason, "stop_sequence": finished.text or None, "stop_details": None, "container": None}


def empty_block(kind: str, event: Event) -> dict[str, Any]:
    """The content block of type `kind` that `event` opens, before anything is in it."""
    if kind == "tool_use":
        return {"type": kind, "id": event.id, "name": event.name, "input": {}, "caller": {"type": "direct"}}
    if kind == "thinking":
        return {"type": kind, "thinking": "", "signature": ""}
    return {"type": kind, "text": "", "citations": None}


def message(head: Head, usage: Usage) -> dict[str, Any]:
    """A message without content, as it stands at the start of a stream."""
    report = usage_object(usage)
    return {
        "id": f"msg_{head.request_id}",
        "type": "message",
        "role": "assistant",
        "model": head.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "container": None,
        "usage": {**report, **{name: report.get(name) for name in _ALWAYS_OF_USAGE}},
    }
