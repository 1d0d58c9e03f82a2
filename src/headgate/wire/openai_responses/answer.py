"""How OpenAI spells what a response holds: status, usage, ids, citations, and what was asked."""

from typing import Any, Final

import msgspec

from headgate.domain.event import StopReason
from headgate.domain.usage import Usage
from headgate.wire.body import FIELDS
from headgate.wire.codec import Head

_INCOMPLETE: Final = {
    StopReason.LENGTH: "max_output_tokens",
    StopReason.CONTENT_FILTER: "content_filter",
    StopReason.REFUSAL: "content_filter",
}
_REPEATED: Final[dict[str, Any]] = {
    "frequency_penalty": 0.0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""The fields of a request that its response repeats, each with what it says where none was sent."""


def incomplete_reason(stop: StopReason | None) -> str | None:
    """Why an answer is not whole; None for one that is."""
    return _INCOMPLETE.get(stop) if stop else None


def usage_object(usage: Usage) -> dict[str, Any]:
    """The `usage` object."""
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def response(head: Head) -> dict[str, Any]:
    """A response without output, as it stands at the start of a stream."""
    return {
        "id": f"resp_{head.request_id}",
        "object": "response",
        "created_at": head.created_s,
        "completed_at": None,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": head.model,
        "output": [],
        "previous_response_id": None,
        "service_tier": "default",
        "store": False,
        "usage": None,
        **_repeated(head.asked),
    }


def flat_citation(text: str) -> dict[str, Any] | None:
    """The annotation for a citation; None for the kinds that only other wire formats know."""
    citation = msgspec.json.decode(text)
    if not isinstance(citation, dict) or citation.get("type") not in ("url_citation", "file_citation", "file_path"):
        return None
    nested = citation.get("url_citation")
    if not isinstance(nested, dict):
        return citation
    shown = {"title": "", "start_index": 0, "end_index": 0, **nested}
    return {"type": "url_citation", **shown}


def citation(annotation: msgspec.Raw) -> str:
    """An annotation as events hold it: a URL's as chat completions nest it, all others as they are."""
    text = bytes(annotation).decode()
    read = msgspec.json.decode(text)
    if not isinstance(read, dict) or read.get("type") != "url_citation" or "url_citation" in read:
        return text
    nested = {name: value for name, value in read.items() if name != "type"}
    return msgspec.json.encode({"type": "url_citation", "url_citation": nested}).decode()


def _repeated(asked: bytes) -> dict[str, Any]:
    fields = FIELDS.decode(asked) if asked else {}
    said: dict[str, Any] = {
        name: fields[name] for name in _REPEATED if name in fields and bytes(fields[name]) != b"null"
    }
    if "tools" in said:
        said["tools"] = [_repeated_tool(tool) for tool in msgspec.json.decode(said["tools"])]
    return {**_REPEATED, **said}


def _repeated_tool(tool: Any) -> Any:
    """A function with every field that a response names of it; other tools as they are."""
    if not isinstance(tool, dict) or tool.get("type") != "function":
        return tool
    return {"description": None, "parameters": None, "strict": None, **tool}
