"""Reads a response's request into the canonical form (OpenAI API reference, responses)."""

from typing import Any, Final

import msgspec

from headgate.domain.prompt import Message, Part, Prompt, ReasoningPart, Tool, ToolCallPart, ToolChoice, ToolResultPart
from headgate.wire.body import decode, wrong
from headgate.wire.crossing import Dropped
from headgate.wire.openai_responses.content import Content, ContentPart, parts, text_of
from headgate.wire.signature import of_encrypted

_NO_ARGUMENTS: Final[dict[str, Any]] = {"type": "object", "properties": {}}
_ENCRYPTED: Final = "reasoning.encrypted_content"
_TOOL_EXTRAS: Final = ("allowed_callers", "defer_loading", "output_schema")
_ITEM_EXTRAS: Final = ("caller", "namespace", "phase")


class _Item(msgspec.Struct):
    type: str = "message"
    role: str = ""
    content: Content = None
    phase: Any = None
    call_id: str | None = None
    name: str = ""
    arguments: str = ""
    output: msgspec.Raw = msgspec.Raw(b"null")
    summary: list[ContentPart] | None = None
    encrypted_content: str | None = None
    caller: Any = None
    namespace: Any = None


class _Tool(msgspec.Struct):
    type: str = "function"
    name: str = ""
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    allowed_callers: Any = None
    defer_loading: Any = None
    output_schema: Any = None


class _Allowed(msgspec.Struct):
    type: str = "function"
    name: str = ""


class _Choice(msgspec.Struct):
    type: str
    name: str = ""
    mode: str = "auto"
    tools: list[_Allowed] | None = None


class _Format(msgspec.Struct):
    type: str
    name: str = ""
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


class _Text(msgspec.Struct):
    format: _Format | None = None
    verbosity: str | None = None


class _Reasoning(msgspec.Struct):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None
    context: str | None = None


class _Body(msgspec.Struct):
    input: str | list[_Item]
    instructions: str | None = None
    tools: list[_Tool] | None = None
    tool_choice: str | _Choice | None = None
    parallel_tool_calls: bool | None = None
    text: _Text | None = None
    reasoning: _Reasoning | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    truncation: str | None = None
    include: list[str] | None = None


_BODY: Final = msgspec.json.Decoder(_Body)
_OUTPUT: Final = msgspec.json.Decoder(Content)
_KNOWN: Final = frozenset({*_Body.__struct_fields__, "model", "stream", "stream_options"})


def read_prompt(raw: bytes) -> Prompt:
    """The canonical form of `raw`.

    Raises:
        Refusal: `invalid_request`.
    """
    body, dropped = decode(_BODY, raw), Dropped()
    dropped.unknown(raw, _KNOWN)
    for name in body.include or ():
        dropped.add(f"include.{name}", name != _ENCRYPTED)
    dropped.add("truncation", body.truncation not in (None, "disabled"))
    items = [_Item(role="user", content=body.input)] if isinstance(body.input, str) else body.input
    system, messages = _conversation(items, dropped)
    tools = _tools(body.tools or [], dropped)
    allowed, choice = _tool_choice(body, dropped)
    text, reasoning = body.text or _Text(), body.reasoning or _Reasoning()
    dropped.add("text.verbosity", text.verbosity)
    dropped.add("reasoning.summary", reasoning.summary or reasoning.generate_summary)
    dropped.add("reasoning.context", reasoning.context not in (None, "auto"))
    schema, name, strict = _answer_format(text.format, dropped)
    return Prompt(
        messages=messages,
        system=(body.instructions, *system) if body.instructions else system,
        tools=tools if allowed is None else tuple(tool for tool in tools if tool.name in allowed),
        tool_choice=choice,
        json_schema=schema,
        json_schema_name=name,
        json_schema_strict=strict,
        max_output_tokens=body.max_output_tokens,
        temperature=body.temperature,
        top_p=body.top_p,
        reasoning_effort=reasoning.effort or "",
        dropped=dropped.names(),
    )


def _conversation(items: list[_Item], dropped: Dropped) -> tuple[tuple[str, ...], tuple[Message, ...]]:
    """System texts, wherever they stand, and turns: one of what the model made, one of results and what follows."""
    system: list[str] = []
    turns: list[tuple[str, list[Part]]] = []
    awaited = False  # whether the open turn holds nothing but results, which what the user says then joins
    for item in items:
        if item.type == "message" and item.role in ("system", "developer"):
            system += [text for text in text_of(item.content, dropped) if text]
            continue
        role, read = _parts_of(item, dropped)
        if not read:
            continue
        is_result = isinstance(read[0], ToolResultPart)
        if turns and turns[-1][0] == role and (role == "assistant" or awaited):
            turns[-1][1].extend(read)
        else:
            turns.append((role, read))
        awaited = is_result
    return tuple(system), tuple(Message(role, tuple(read)) for role, read in turns)


def _parts_of(item: _Item, dropped: Dropped) -> tuple[str, list[Part]]:
    """Whose turn `item` belongs to, and what it says there."""
    for name in _ITEM_EXTRAS:
        dropped.add(f"input.{name}", getattr(item, name))
    if item.type == "message":
        if item.role not in ("user", "assistant"):
            raise wrong("input", f"A message's role must be user, assistant, system or developer, not {item.role!r}")
        return item.role, [*parts(item.content, dropped)]
    if item.type == "function_call":
        return "assistant", [ToolCallPart(_call_id(item), item.name, item.arguments)]
    if item.type == "function_call_output":
        output = decode(_OUTPUT, item.output, "input.output")
        return "user", [ToolResultPart(_call_id(item), tuple(parts(output, dropped)))]
    if item.type == "reasoning":
        content = item.content if isinstance(item.content, list) else []
        text = "\n\n".join(part.text for part in (*(item.summary or ()), *content) if part.text)
        signature = of_encrypted(item.encrypted_content or "")
        if text or signature:
            return "assistant", [ReasoningPart(text, signature)]
    dropped.add(f"input.{item.type}")
    return "", []


def _call_id(item: _Item) -> str:
    if not item.call_id:
        raise wrong("input", f"An item of the type '{item.type}' lacks 'call_id'; name the call that it belongs to")
    return item.call_id


def _tools(tools: list[_Tool], dropped: Dropped) -> tuple[Tool, ...]:
    read: list[Tool] = []
    for tool in tools:
        if tool.type != "function":
            dropped.add(f"tools.{tool.type}")
            continue
        for name in _TOOL_EXTRAS:
            dropped.add(f"tools.{name}", getattr(tool, name))
        schema = _NO_ARGUMENTS if tool.parameters is None else tool.parameters
        read.append(Tool(tool.name, tool.description or "", schema, tool.strict))
    return tuple(read)


def _tool_choice(body: _Body, dropped: Dropped) -> tuple[frozenset[str] | None, ToolChoice | None]:
    """The names of the only tools that may be called, where there are such, and how to choose."""
    parallel, choice = body.parallel_tool_calls is not False, body.tool_choice
    otherwise = None if parallel else ToolChoice("auto", parallel=False)
    if choice is None:
        return None, otherwise
    if isinstance(choice, str):
        return None, ToolChoice(_mode(choice, "tool_choice"), parallel=parallel)
    if choice.type == "allowed_tools":
        # Tools that may not be called are left out, which comes to the same.
        allowed = frozenset(tool.name for tool in choice.tools or () if tool.type == "function")
        return allowed, ToolChoice(_mode(choice.mode, "tool_choice.mode"), parallel=parallel)
    if choice.type == "function":
        if not choice.name:
            raise wrong("tool_choice.name", "The field 'tool_choice.name' is missing; name the function to call")
        return None, ToolChoice("tool", choice.name, parallel)
    dropped.add(f"tool_choice.{choice.type}")
    return None, otherwise


def _mode(mode: str, param: str) -> str:
    if mode not in ("auto", "none", "required"):
        raise wrong(param, f"The field '{param}' must be auto, none, required or an object: {mode!r}")
    return "any" if mode == "required" else mode


def _answer_format(wanted: _Format | None, dropped: Dropped) -> tuple[dict[str, Any] | None, str, bool | None]:
    """The schema of the answer, its name, and whether it must be kept to the letter."""
    if wanted is None or wanted.type == "text":
        return None, "", None
    if wanted.type == "json_object":
        return {}, "", None
    if wanted.type != "json_schema":
        dropped.add(f"text.format.{wanted.type}")
        return None, "", None
    dropped.add("text.format.description", wanted.description)
    return wanted.schema or {}, wanted.name, wanted.strict
