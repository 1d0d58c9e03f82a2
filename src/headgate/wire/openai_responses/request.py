"""The shallow reading and the splicing of a response's request (OpenAI API reference, responses)."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from headgate.domain.call import Request, WireFormat
from headgate.domain.prompt import Prompt
from headgate.domain.refusal import Refusal
from headgate.wire.body import ABSENT, FIELDS, decode, holds_list, refuse_unpriced_tier, wrong
from headgate.wire.codec import Edits
from headgate.wire.openai_responses.input_media import input_media
from headgate.wire.signature import FOREIGN_TO_OPENAI

_FORWARDED: Final = ("openai-beta",)
_KEPT: Final = ("previous_response_id", "conversation", "background")
"""Fields that need what only the provider of an earlier call could remember."""


class _Head(msgspec.Struct):
    input: msgspec.Raw
    model: str | None = None
    stream: bool | None = None
    max_output_tokens: int | None = None
    tools: msgspec.Raw = ABSENT
    max_tool_calls: int | None = None
    previous_response_id: Any = None
    conversation: Any = None
    background: bool | None = None
    prompt: Any = None
    service_tier: msgspec.Raw = ABSENT


class _Tool(msgspec.Struct):
    type: str = ""


class _Thought(msgspec.Struct):
    type: str = ""
    encrypted_content: str | None = None


_HEAD: Final = msgspec.json.Decoder(_Head)
_TOOLS: Final = msgspec.json.Decoder(list[_Tool])
_RUN_BY_THE_CALLER: Final = frozenset(
    {"function", "custom", "namespace", "local_shell", "apply_patch", "computer", "computer_use_preview"}
)
"""The types of tools that cost nothing but tokens; all others OpenAI runs itself, as often as the model likes."""
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_THOUGHT: Final = msgspec.json.Decoder(_Thought)
_FOREIGN: Final = re.compile(
    rb'"encrypted_content"\s*:\s*"(?:' + b"|".join(mark.encode() for mark in FOREIGN_TO_OPENAI) + rb")"
)
_ENCODER: Final = msgspec.json.Encoder()


def read_request(raw: bytes, headers: Mapping[str, str], read_prompt: Callable[[bytes], Prompt]) -> Request:
    """Read what routing, limits and money need, and nothing more.

    Raises:
        Refusal: `invalid_request`, saying which field is wrong; `invalid_parameter`, the request rests on what was not
            sent with it, so what it costs is unknown.
    """
    head = decode(_HEAD, raw)
    refuse_unpriced_tier(head.service_tier)
    _check_whole(head)
    first = bytes(memoryview(head.input)[:1])
    if first not in (b'"', b"["):
        raise wrong("input", "The field 'input' must be a string or an array; send the conversation in it")
    limit = head.max_output_tokens
    if limit is not None and limit < 1:
        raise wrong(
            "max_output_tokens",
            f"The field 'max_output_tokens' must be at least 1, not {limit}; leave it out for the model's own",
        )
    found = input_media(head.input) if first == b"[" else None
    tool_requests, unbounded_tool = _own_tools(head)
    return Request(
        wire=WireFormat.OPENAI_RESPONSES,
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
        has_tools=holds_list(head.tools),
        tool_requests=tool_requests,
        unbounded_tool=unbounded_tool,
        forward_headers=tuple((name, headers[name]) for name in _FORWARDED if name in headers),
    )


def _own_tools(head: _Head) -> tuple[int, str]:
    """How often OpenAI may run its own tools for the request, and the type of one without a limit."""
    if not holds_list(head.tools):
        return 0, ""
    own = [tool.type for tool in decode(_TOOLS, head.tools, "tools") if tool.type not in _RUN_BY_THE_CALLER]
    if not own:
        return 0, ""
    return (0, own[0]) if head.max_tool_calls is None else (max(0, head.max_tool_calls), "")


def splice(request: Request, edits: Edits) -> bytes:
    """The caller's own body with `edits` made and every other value's bytes untouched, in the caller's order.

    Thoughts that another model of the chain had, earlier in the conversation, are taken out again: they were shown to
    the caller as this format wants them, but OpenAI did not encrypt them and would refuse the request.
    """
    fields: dict[str, Any] = {**FIELDS.decode(request.raw)}
    fields["model"] = edits.model_id
    if edits.output_limit is not None:
        fields["max_output_tokens"] = edits.output_limit
    if edits.stream is not None:
        fields["stream"] = edits.stream
        if not edits.stream:
            # OpenAI refuses stream_options on an answer that is not streamed.
            fields.pop("stream_options", None)
    if _FOREIGN.search(request.raw):
        fields["input"] = _without_foreign_thoughts(fields["input"])
    return _ENCODER.encode(fields)


def _check_whole(head: _Head) -> None:
    """Refuse what rests on text that is kept elsewhere, and answers that nobody waits for."""
    for name in _KEPT:
        if getattr(head, name):
            raise Refusal(
                "invalid_parameter",
                f"The field '{name}' is not served: conversations are not kept by this version; "
                "send the earlier turns in `input`.",
                param=name,
                status=422,
            )
    if head.prompt:
        raise Refusal(
            "invalid_parameter",
            "The field 'prompt' is not served: a prompt that is stored elsewhere cannot be counted; "
            "send its text in `instructions` and `input`.",
            param="prompt",
            status=422,
        )


def _without_foreign_thoughts(items: msgspec.Raw) -> Any:
    """`items` without the thoughts that OpenAI did not encrypt; as they are where they cannot be read."""
    try:
        return [item for item in _ITEMS.decode(items) if not _is_foreign(item)]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return items  # the provider says better than we what is wrong with them


def _is_foreign(item: msgspec.Raw) -> bool:
    thought = _THOUGHT.decode(item)
    return thought.type == "reasoning" and (thought.encrypted_content or "").startswith(FOREIGN_TO_OPENAI)
