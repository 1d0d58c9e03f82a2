"""The shallow reading and the splicing of a message request's body (Anthropic API reference, messages)."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from headgate.domain.call import Request, WireFormat
from headgate.domain.prompt import Prompt
from headgate.wire.body import ABSENT, FIELDS, decode, holds_list, media, needs_list, wrong
from headgate.wire.codec import Edits
from headgate.wire.signature import is_foreign_to_claude

_FORWARDED: Final = ("anthropic-version", "anthropic-beta")


class _Head(msgspec.Struct):
    messages: msgspec.Raw
    model: str | None = None
    stream: bool | None = None
    max_tokens: int | None = None
    tools: msgspec.Raw = ABSENT
    mcp_servers: msgspec.Raw = ABSENT


class _Tool(msgspec.Struct):
    type: str = ""
    name: str = ""
    max_uses: int | None = None


class _Thought(msgspec.Struct):
    type: str = ""
    signature: str = ""


_HEAD: Final = msgspec.json.Decoder(_Head)
_TOOLS: Final = msgspec.json.Decoder(list[_Tool])
_OWN: Final = ("web_search_", "web_fetch_", "code_execution_")
"""How the types of tools begin that Anthropic runs itself (Anthropic API reference, server tools)."""
_OWN_TOOLS: Final = re.compile(rb'"(?:%s)' % "|".join(_OWN).encode())
_FOREIGN: Final = re.compile(rb'"signature"\s*:\s*"(?:"|gemini:|openai:)')
_TURNS: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_BLOCKS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_THOUGHT: Final = msgspec.json.Decoder(_Thought)
_ENCODER: Final = msgspec.json.Encoder()


def read_request(raw: bytes, headers: Mapping[str, str], read_prompt: Callable[[bytes], Prompt]) -> Request:
    """Read what routing, limits and money need, and nothing more.

    Raises:
        Refusal: `invalid_request`, saying which field is wrong.
    """
    head = decode(_HEAD, raw)
    needs_list(head.messages, "messages")
    limit = head.max_tokens
    if limit is not None and limit < 0:  # 0 fills the prompt cache and writes nothing
        raise wrong("max_tokens", f"The field 'max_tokens' must not be negative; it is {limit}")
    found = media(raw, head.messages)
    tool_requests, unbounded_tool = _own_tools(head)
    return Request(
        wire=WireFormat.ANTHROPIC_MESSAGES,
        raw=raw,
        read_prompt=read_prompt,
        model=head.model or "",
        stream=head.stream is True,
        max_output_tokens=limit,
        usage_asked=True,
        # Every JSON escape is longer than the UTF-8 of what it stands for, so the body bounds its own text.
        text_bytes=len(raw) if found is None else len(raw) - found.inline_bytes,
        images=0 if found is None else found.images,
        documents=0 if found is None else found.documents,
        has_tools=holds_list(head.tools) or holds_list(head.mcp_servers),
        tool_requests=tool_requests,
        unbounded_tool=unbounded_tool,
        forward_headers=tuple((name, headers[name]) for name in _FORWARDED if name in headers),
    )


def _own_tools(head: _Head) -> tuple[int, str]:
    """How often Anthropic may run its own tools for the request, and the name of one without a limit."""
    if holds_list(head.mcp_servers):
        return 0, "mcp_servers"
    if not len(memoryview(head.tools)) or not (_OWN_TOOLS.search(head.tools) or b"\\" in bytes(head.tools)):
        return 0, ""
    requests, unbounded = 0, ""
    for tool in decode(_TOOLS, head.tools, "tools"):
        if tool.type.startswith(_OWN):
            if tool.max_uses is None:
                unbounded = tool.name or tool.type
            else:
                requests += max(0, tool.max_uses)
    return requests, unbounded


def splice(request: Request, edits: Edits) -> bytes:
    """The caller's own body with `edits` made and every other value's bytes untouched, in the caller's order.

    Thoughts that another model of the chain had, earlier in the conversation, are taken out again: they were shown to
    the caller as Anthropic's format wants them, but Claude did not sign them and would refuse the request.
    """
    fields: dict[str, Any] = {**FIELDS.decode(request.raw)}
    fields["model"] = edits.model_id
    if edits.output_limit is not None:
        fields["max_tokens"] = edits.output_limit
    if edits.stream is not None:
        fields["stream"] = edits.stream
    if _FOREIGN.search(request.raw):
        fields["messages"] = _without_foreign_thoughts(fields["messages"])
    return _ENCODER.encode(fields)


def _without_foreign_thoughts(messages: msgspec.Raw) -> Any:
    """`messages` without the thoughts that Claude did not sign; as they are where they cannot be read."""
    kept = []
    try:
        for turn in _TURNS.decode(messages):
            content = turn.get("content", ABSENT)
            if holds_list(content):
                blocks = _BLOCKS.decode(content)
                own = [block for block in blocks if not _is_foreign(block)]
                if not own:
                    continue
                if len(own) < len(blocks):
                    turn["content"] = msgspec.Raw(_ENCODER.encode(own))
            kept.append(turn)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return messages  # the provider says better than we what is wrong with them
    return kept


def _is_foreign(block: msgspec.Raw) -> bool:
    thought = _THOUGHT.decode(block)
    return thought.type == "thinking" and is_foreign_to_claude(thought.signature)
