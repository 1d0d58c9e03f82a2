"""The shallow reading and the splicing of a chat completion's body (OpenAI API reference, chat completions)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from headgate.domain.call import Request, WireFormat
from headgate.domain.prompt import Prompt
from headgate.wire.body import ABSENT, FIELDS, decode, holds_list, media, needs_list, refuse_unpriced_tier, wrong
from headgate.wire.codec import Edits

_FORWARDED: Final = ("openai-beta",)


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Head(msgspec.Struct):
    messages: msgspec.Raw
    model: str | None = None
    stream: bool | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    n: int | None = None
    stream_options: _StreamOptions | None = None
    tools: msgspec.Raw = ABSENT
    functions: msgspec.Raw = ABSENT
    web_search_options: msgspec.Raw = ABSENT
    service_tier: msgspec.Raw = ABSENT


_HEAD: Final = msgspec.json.Decoder(_Head)
_OPTIONS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)
_ENCODER: Final = msgspec.json.Encoder()


def read_request(raw: bytes, headers: Mapping[str, str], read_prompt: Callable[[bytes], Prompt]) -> Request:
    """Read what routing, limits and money need, and nothing more.

    Raises:
        Refusal: `invalid_request`, saying which field is wrong.
    """
    head = decode(_HEAD, raw)
    refuse_unpriced_tier(head.service_tier)
    needs_list(head.messages, "messages")
    options = head.stream_options
    found = media(raw, head.messages)
    return Request(
        wire=WireFormat.OPENAI_CHAT,
        raw=raw,
        read_prompt=read_prompt,
        model=head.model or "",
        stream=head.stream is True,
        max_output_tokens=_output_limit(head),
        choices=_choices(head.n),
        usage_asked=options is not None and options.include_usage is True,
        # Every JSON escape is longer than the UTF-8 of what it stands for, so the body bounds its own text.
        text_bytes=len(raw) if found is None else len(raw) - found.inline_bytes,
        images=0 if found is None else found.images,
        documents=0 if found is None else found.documents,
        has_tools=holds_list(head.tools) or holds_list(head.functions),
        unbounded_tool="web_search_options" if _is_object(head.web_search_options) else "",
        forward_headers=tuple((name, headers[name]) for name in _FORWARDED if name in headers),
    )


def _is_object(value: msgspec.Raw) -> bool:
    return bytes(memoryview(value)[:1]) == b"{"


def splice(request: Request, edits: Edits) -> bytes:
    """The caller's own body with `edits` made and every other value's bytes untouched, in the caller's order."""
    fields: dict[str, Any] = {**FIELDS.decode(request.raw)}
    fields["model"] = edits.model_id
    if edits.output_limit is not None:
        fields[edits.output_limit_field] = edits.output_limit
    if edits.stream is not None:
        fields["stream"] = edits.stream
        if not edits.stream:
            # OpenAI refuses stream_options on an answer that is not streamed.
            fields.pop("stream_options", None)
    if edits.ask_usage:
        options: dict[str, Any] = dict(_OPTIONS.decode(fields.get("stream_options", b"null")) or {})
        options["include_usage"] = True
        fields["stream_options"] = options
    return _ENCODER.encode(fields)


def _output_limit(head: _Head) -> int | None:
    """The larger of both names of the limit: which one a provider heeds is not known here, and a hold must cover it."""
    limit = None
    for name, value in (("max_completion_tokens", head.max_completion_tokens), ("max_tokens", head.max_tokens)):
        if value is None:
            continue
        if value < 1:
            raise wrong(name, f"The field '{name}' must be at least 1, not {value}; leave it out for the model's own")
        limit = value if limit is None else max(limit, value)
    return limit


def _choices(n: int | None) -> int:
    if n is None:
        return 1
    if n < 1:
        raise wrong("n", f"The field 'n' must be at least 1, not {n}")
    return n
