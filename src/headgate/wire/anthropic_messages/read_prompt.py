"""Reads a message request's body into the canonical form (Anthropic API reference, messages)."""

from typing import Any, Final

import msgspec

from headgate.domain.prompt import (
    DocumentPart,
    ImagePart,
    Message,
    Part,
    Prompt,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)
from headgate.wire.body import decode, wrong
from headgate.wire.crossing import Dropped

_MODES: Final = ("auto", "any", "none", "tool")
_TOOL_EXTRAS: Final = ("allowed_callers", "cache_control", "defer_loading", "eager_input_streaming", "input_examples")
Seen = TextPart | ImagePart | DocumentPart


class _Source(msgspec.Struct):
    type: str
    media_type: str = ""
    data: str = ""
    url: str = ""
    content: "str | list[_Block] | None" = None


class _Block(msgspec.Struct):
    type: str
    text: str = ""
    thinking: str = ""
    signature: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"{}")
    tool_use_id: str = ""
    content: msgspec.Raw = msgspec.Raw(b"null")
    is_error: bool | None = None
    source: _Source | str | None = None
    title: str | None = None
    context: str | None = None
    citations: Any = None
    cache_control: Any = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Block]


class _Tool(msgspec.Struct):
    name: str = ""
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None
    allowed_callers: Any = None
    cache_control: Any = None
    defer_loading: Any = None
    eager_input_streaming: Any = None
    input_examples: Any = None


class _ToolChoice(msgspec.Struct):
    type: str
    name: str = ""
    disable_parallel_tool_use: bool | None = None


class _Format(msgspec.Struct):
    type: str
    schema: dict[str, Any] | None = None


class _OutputConfig(msgspec.Struct):
    effort: str | None = None
    format: _Format | None = None


class _Thinking(msgspec.Struct):
    type: str
    budget_tokens: int | None = None


class _Body(msgspec.Struct):
    messages: list[_Message]
    system: str | list[_Block] | None = None
    tools: list[_Tool] | None = None
    tool_choice: _ToolChoice | None = None
    output_config: _OutputConfig | None = None
    output_format: _Format | None = None
    thinking: _Thinking | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: list[str] | None = None
    max_tokens: int | None = None


_BODY: Final = msgspec.json.Decoder(_Body)
_NESTED: Final = msgspec.json.Decoder(str | list[_Block] | None)
_KNOWN: Final = frozenset({*_Body.__struct_fields__, "model", "stream"})


def read_prompt(raw: bytes) -> Prompt:
    """The canonical form of `raw`.

    Raises:
        Refusal: `invalid_request`.
    """
    body, dropped = decode(_BODY, raw), Dropped()
    dropped.unknown(raw, _KNOWN)
    system = _texts(body.system, dropped)
    turns: list[Message] = []
    for message in body.messages:
        if message.role == "system":
            system += _texts(message.content, dropped)
        elif message.role not in ("user", "assistant"):
            raise wrong("messages", f"A message's role must be user, assistant or system, not {message.role!r}")
        elif parts := _parts(message.content, dropped):
            turns.append(Message(message.role, tuple(parts)))
    config = body.output_config or _OutputConfig()
    effort, budget = _reasoning(body.thinking, config.effort or "", dropped)
    return Prompt(
        messages=tuple(turns),
        system=tuple(system),
        tools=_tools(body.tools or [], dropped),
        tool_choice=_tool_choice(body.tool_choice),
        json_schema=_schema(config.format or body.output_format, dropped),
        max_output_tokens=body.max_tokens,
        temperature=body.temperature,
        top_p=body.top_p,
        top_k=body.top_k,
        stop=tuple(body.stop_sequences or ()),
        reasoning_tokens=budget,
        reasoning_effort=effort,
        dropped=dropped.names(),
    )


def _texts(content: str | list[_Block] | None, dropped: Dropped) -> list[str]:
    return [part.text for part in _seen(content, dropped) if isinstance(part, TextPart)]


def _parts(content: str | list[_Block], dropped: Dropped) -> list[Part]:
    if isinstance(content, str):
        return [TextPart(content)] if content else []
    parts: list[Part] = []
    for block in content:
        if block.type == "tool_use":
            parts.append(ToolCallPart(block.id, block.name, bytes(block.input).decode()))
        elif block.type == "tool_result":
            dropped.add("cache_control", block.cache_control)
            parts.append(ToolResultPart(block.tool_use_id, tuple(_nested(block, dropped)), block.is_error is True))
        elif block.type == "thinking":
            parts.append(ReasoningPart(block.thinking, block.signature))
        else:
            parts += _seen([block], dropped)
    return parts


def _seen(content: str | list[_Block] | None, dropped: Dropped) -> list[Seen]:
    """What a block shows to the model; blocks of other kinds are dropped by their type."""
    if isinstance(content, str):
        return [TextPart(content)] if content else []
    parts: list[Seen] = []
    for block in content or ():
        dropped.add("cache_control", block.cache_control)
        dropped.add("citations", block.citations and block.type != "search_result")
        if block.type == "text":
            if block.text:
                parts.append(TextPart(block.text))
        elif block.type == "image" and isinstance(block.source, _Source):
            parts += _image(block.source, dropped)
        elif block.type == "document" and isinstance(block.source, _Source):
            dropped.add("document.context", block.context)
            parts += _document(block.source, block.title or "", dropped)
        elif block.type == "search_result":
            text = "\n".join(part.text for part in _nested(block, dropped) if isinstance(part, TextPart))
            parts.append(DocumentPart(media_type="text/plain", text=text, title=block.title or ""))
        else:
            dropped.add(block.type)
    return parts


def _nested(block: _Block, dropped: Dropped) -> list[Seen]:
    return _seen(decode(_NESTED, bytes(block.content)), dropped)


def _image(source: _Source, dropped: Dropped) -> list[Seen]:
    if source.type == "base64":
        return [ImagePart(media_type=source.media_type, data=source.data)]
    if source.type == "url":
        return [ImagePart(url=source.url)]
    dropped.add(f"image.source.{source.type}")
    return []


def _document(source: _Source, title: str, dropped: Dropped) -> list[Seen]:
    if source.type == "base64":
        return [DocumentPart(media_type=source.media_type, data=source.data, title=title)]
    if source.type == "text":
        return [DocumentPart(media_type=source.media_type or "text/plain", text=source.data, title=title)]
    if source.type == "url":
        return [DocumentPart(url=source.url, title=title)]
    if source.type == "content":
        inner = _seen(source.content, dropped)
        text = "\n".join(part.text for part in inner if isinstance(part, TextPart))
        rest: list[Seen] = [part for part in inner if not isinstance(part, TextPart)]
        return [DocumentPart(media_type="text/plain", text=text, title=title), *rest] if text else rest
    dropped.add(f"document.source.{source.type}")
    return []


def _tools(tools: list[_Tool], dropped: Dropped) -> tuple[Tool, ...]:
    read: list[Tool] = []
    for tool in tools:
        if tool.type not in (None, "custom") or tool.input_schema is None:
            dropped.add(f"tools.{tool.type or tool.name}")
            continue
        for name in _TOOL_EXTRAS:
            dropped.add("cache_control" if name == "cache_control" else f"tools.{name}", getattr(tool, name))
        read.append(Tool(tool.name, tool.description or "", tool.input_schema, tool.strict))
    return tuple(read)


def _tool_choice(choice: _ToolChoice | None) -> ToolChoice | None:
    if choice is None:
        return None
    if choice.type not in _MODES:
        raise wrong("tool_choice.type", f"The field 'tool_choice.type' must be one of {', '.join(_MODES)}")
    return ToolChoice(choice.type, choice.name, choice.disable_parallel_tool_use is not True)


def _schema(wanted: _Format | None, dropped: Dropped) -> dict[str, Any] | None:
    if wanted is None:
        return None
    if wanted.schema is None:
        dropped.add(f"output_config.format.{wanted.type}")
    return wanted.schema


def _reasoning(thinking: _Thinking | None, effort: str, dropped: Dropped) -> tuple[str, int | None]:
    """Effort and budget; other ways of thinking are the model's own and have no word elsewhere."""
    if thinking is None:
        return effort, None
    if thinking.type == "disabled":
        return "none", None
    dropped.add("thinking", thinking.type != "enabled")
    return effort, thinking.budget_tokens
