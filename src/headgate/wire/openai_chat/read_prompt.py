"""Reads a chat completion's body into the canonical form (OpenAI API reference, chat completions)."""

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
from headgate.wire.crossing import Dropped, inline

_NO_ARGUMENTS: Final[dict[str, Any]] = {"type": "object", "properties": {}}


class _ImageUrl(msgspec.Struct):
    url: str
    detail: str | None = None


class _File(msgspec.Struct):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class _Part(msgspec.Struct):
    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: _ImageUrl | None = None
    file: _File | None = None


class _CalledFunction(msgspec.Struct):
    name: str
    arguments: str = ""


class _Call(msgspec.Struct):
    id: str = ""
    type: str = "function"
    function: _CalledFunction | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    name: str | None = None
    audio: Any = None
    function_call: Any = None


class _Function(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class _Tool(msgspec.Struct):
    type: str = "function"
    function: _Function | None = None


class _NamedFunction(msgspec.Struct):
    name: str


class _Choice(msgspec.Struct):
    type: str
    function: _NamedFunction | None = None


class _JsonSchema(msgspec.Struct):
    name: str = ""
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class _ResponseFormat(msgspec.Struct):
    type: str
    json_schema: _JsonSchema | None = None


class _Body(msgspec.Struct):
    messages: list[_Message]
    tools: list[_Tool] | None = None
    tool_choice: str | _Choice | None = None
    parallel_tool_calls: bool | None = None
    response_format: _ResponseFormat | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    reasoning_effort: str | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    n: int | None = None


_BODY: Final = msgspec.json.Decoder(_Body)
_KNOWN: Final = frozenset({*_Body.__struct_fields__, "model", "stream", "stream_options"})


def read_prompt(raw: bytes) -> Prompt:
    """The canonical form of `raw`.

    Raises:
        Refusal: `invalid_request`.
    """
    body, dropped = decode(_BODY, raw), Dropped()
    dropped.unknown(raw, _KNOWN)
    dropped.add("n", body.n is not None and body.n > 1)
    system, messages = _conversation(body.messages, dropped)
    schema, name, strict = _answer_format(body.response_format, dropped)
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    return Prompt(
        messages=messages,
        system=system,
        tools=_tools(body.tools or [], dropped),
        tool_choice=_tool_choice(body, dropped),
        json_schema=schema,
        json_schema_name=name,
        json_schema_strict=strict,
        max_output_tokens=body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens,
        temperature=body.temperature,
        top_p=body.top_p,
        stop=stop,
        reasoning_effort=body.reasoning_effort or "",
        seed=body.seed,
        dropped=dropped.names(),
    )


def _conversation(messages: list[_Message], dropped: Dropped) -> tuple[tuple[str, ...], tuple[Message, ...]]:
    """System texts, wherever they stand, and turns; tool results join the user's turn that follows them."""
    system: list[str] = []
    turns: list[Message] = []
    results: list[Part] = []
    for message in messages:
        dropped.add("messages.name", message.name)
        dropped.add("messages.audio", message.audio)
        dropped.add("messages.function_call", message.function_call)
        if message.role in ("system", "developer"):
            system += [part.text for part in _parts(message.content, dropped) if isinstance(part, TextPart)]
            continue
        if message.role == "tool":
            results.append(_result(message, dropped))
            continue
        if message.role == "user":
            parts = [*results, *_parts(message.content, dropped)]
            results = []
        elif message.role == "assistant":
            if results:
                turns.append(Message("user", tuple(results)))
                results = []
            parts = _assistant_parts(message, dropped)
        else:
            dropped.add(f"messages.{message.role}")
            continue
        if parts:
            turns.append(Message(message.role, tuple(parts)))
    if results:
        turns.append(Message("user", tuple(results)))
    return tuple(system), tuple(turns)


def _assistant_parts(message: _Message, dropped: Dropped) -> list[Part]:
    parts: list[Part] = []
    if message.reasoning_content:
        parts.append(ReasoningPart(message.reasoning_content))
    parts += _parts(message.content, dropped)
    if message.refusal:
        parts.append(TextPart(message.refusal))
    for call in message.tool_calls or ():
        if call.function is None:
            dropped.add(f"tool_calls.{call.type}")
        else:
            parts.append(ToolCallPart(call.id, call.function.name, call.function.arguments))
    return parts


def _result(message: _Message, dropped: Dropped) -> ToolResultPart:
    if not message.tool_call_id:
        raise wrong("messages", "A message of the role 'tool' lacks 'tool_call_id'; name the call that it answers")
    return ToolResultPart(message.tool_call_id, tuple(_parts(message.content, dropped)))


def _parts(content: str | list[_Part] | None, dropped: Dropped) -> list[TextPart | ImagePart | DocumentPart]:
    if not content:
        return []
    if isinstance(content, str):
        return [TextPart(content)]
    parts: list[TextPart | ImagePart | DocumentPart] = []
    for part in content:
        if text := part.text or part.refusal:
            parts.append(TextPart(text))
        elif part.image_url is not None:
            parts.append(_image(part.image_url))
        elif part.file is not None and part.file.file_data:
            data = inline(part.file.file_data) or ("application/pdf", part.file.file_data)
            parts.append(DocumentPart(media_type=data[0], data=data[1], title=part.file.filename or ""))
        elif part.file is not None:
            dropped.add("file.file_id")
        else:
            dropped.add(part.type, part.type != "text")
    return parts


def _image(image: _ImageUrl) -> ImagePart:
    detail = image.detail or ""
    data = inline(image.url)
    if data is None:
        return ImagePart(url=image.url, detail=detail)
    return ImagePart(media_type=data[0], data=data[1], detail=detail)


def _tools(tools: list[_Tool], dropped: Dropped) -> tuple[Tool, ...]:
    read: list[Tool] = []
    for tool in tools:
        function = tool.function
        if function is None:
            dropped.add(f"tools.{tool.type}")
            continue
        schema = _NO_ARGUMENTS if function.parameters is None else function.parameters
        read.append(Tool(function.name, function.description or "", schema, function.strict))
    return tuple(read)


def _tool_choice(body: _Body, dropped: Dropped) -> ToolChoice | None:
    parallel, choice = body.parallel_tool_calls is not False, body.tool_choice
    if choice is None:
        return None if parallel else ToolChoice("auto", parallel=False)
    if isinstance(choice, str):
        if choice not in ("auto", "none", "required"):
            raise wrong("tool_choice", f"The field 'tool_choice' must be auto, none, required or an object: {choice!r}")
        return ToolChoice("any" if choice == "required" else choice, parallel=parallel)
    if choice.function is None:
        dropped.add(f"tool_choice.{choice.type}")
        return None if parallel else ToolChoice("auto", parallel=False)
    return ToolChoice("tool", choice.function.name, parallel)


def _answer_format(wanted: _ResponseFormat | None, dropped: Dropped) -> tuple[dict[str, Any] | None, str, bool | None]:
    """The schema of the answer, its name, and whether it must be kept to the letter."""
    if wanted is None or wanted.type == "text":
        return None, "", None
    if wanted.type == "json_object":
        return {}, "", None
    if wanted.type != "json_schema" or wanted.json_schema is None:
        dropped.add(f"response_format.{wanted.type}")
        return None, "", None
    schema = wanted.json_schema
    dropped.add("response_format.json_schema.description", schema.description)
    return schema.schema or {}, schema.name, schema.strict
