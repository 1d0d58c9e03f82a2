"""Writes a chat completion's body from the canonical form (OpenAI API reference, chat completions)."""

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
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)
from headgate.wire.codec import Edits
from headgate.wire.crossing import Dropped, data_url, present

_LOW_TOKENS: Final = 2_048
_MEDIUM_TOKENS: Final = 8_192
_SCHEMA_NAME: Final = "answer"
_FILE_NAME: Final = "document.pdf"


def write_request(prompt: Prompt, edits: Edits) -> tuple[bytes, tuple[str, ...]]:
    """A body that says `prompt`, and the wire names of what it cannot say."""
    dropped = Dropped()
    messages: list[dict[str, Any]] = []
    if prompt.system:  # one message of plain text: chat templates refuse a second, some servers a list of parts
        messages.append({"role": "system", "content": "\n\n".join(prompt.system)})
    for message in prompt.messages:
        messages += _assistant(message, dropped) if message.role == "assistant" else _user(message, dropped)
    dropped.add("top_k", prompt.top_k is not None)
    limit = prompt.max_output_tokens if edits.output_limit is None else edits.output_limit
    body = present(
        (
            ("model", edits.model_id),
            ("messages", messages),
            ("stream", edits.stream),
            ("stream_options", {"include_usage": True} if edits.ask_usage else None),
            (edits.output_limit_field, limit),
            ("temperature", prompt.temperature),
            ("top_p", prompt.top_p),
            ("stop", list(prompt.stop) or None),
            ("seed", prompt.seed),
            ("reasoning_effort", effort(prompt, dropped)),
            ("response_format", _answer_format(prompt)),
            ("tools", _tools(prompt) or None),
        )
    )
    if prompt.tool_choice is not None:
        body.update(_tool_choice(prompt.tool_choice))
    return msgspec.json.encode(body), dropped.names()


def _user(message: Message, dropped: Dropped) -> list[dict[str, Any]]:
    """Tool results each in a message of its own; the media that they hold stand with what the user says."""
    messages: list[dict[str, Any]] = []
    content: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, ToolResultPart):
            dropped.add("is_error", part.is_error)
            written = [said for inner in part.content for said in _part(inner, dropped)]
            texts = [said for said in written if said["type"] == "text"]
            content += [said for said in written if said["type"] != "text"]
            messages.append({"role": "tool", "tool_call_id": part.id, "content": _shortest(texts)})
        else:
            content += _part(part, dropped)
    if content:
        messages.append({"role": "user", "content": _shortest(content)})
    return messages


def _assistant(message: Message, dropped: Dropped) -> list[dict[str, Any]]:
    texts: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    reasoning = ""
    for part in message.parts:
        if isinstance(part, ToolCallPart):
            function = {"name": part.name, "arguments": part.arguments or "{}"}
            calls.append({"id": part.id, "type": "function", "function": function})
        elif isinstance(part, ReasoningPart):
            # Signed reasoning is proof to its own provider alone; unsigned is what servers of this format show.
            dropped.add("thinking", part.signature)
            reasoning += "" if part.signature else part.text
        elif isinstance(part, TextPart):
            texts += _part(part, dropped)
        else:
            dropped.add(f"messages.assistant.{type(part).__struct_config__.tag}")
    if not texts and not calls and not reasoning:
        return []
    fields: dict[str, Any] = {"role": "assistant", "content": _shortest(texts) if texts else None}
    if reasoning:
        fields["reasoning_content"] = reasoning
    if calls:
        fields["tool_calls"] = calls
    return [fields]


def _part(part: Part, dropped: Dropped) -> list[dict[str, Any]]:
    if isinstance(part, TextPart):
        return [{"type": "text", "text": part.text}]
    if isinstance(part, ImagePart):
        image = {"url": part.url or data_url(part.media_type, part.data)}
        if part.detail:
            image["detail"] = part.detail
        return [{"type": "image_url", "image_url": image}]
    if isinstance(part, DocumentPart):
        return _document(part, dropped)
    dropped.add(f"messages.user.{type(part).__struct_config__.tag}")
    return []


def _document(part: DocumentPart, dropped: Dropped) -> list[dict[str, Any]]:
    if part.data:
        file = {"filename": part.title or _FILE_NAME, "file_data": data_url(part.media_type, part.data)}
        return [{"type": "file", "file": file}]
    if part.text:
        return [{"type": "text", "text": f"{part.title}\n\n{part.text}" if part.title else part.text}]
    dropped.add("document.source.url")
    return []


def _shortest(content: list[dict[str, Any]]) -> Any:
    """A single text as a string, which every server understands; anything else as the list it is."""
    if not content:
        return ""
    if len(content) == 1 and content[0]["type"] == "text":
        return content[0]["text"]
    return content


def _tools(prompt: Prompt) -> list[dict[str, Any]]:
    return [
        {
            "type": "function",
            "function": present(
                (
                    ("name", tool.name),
                    ("description", tool.description or None),
                    ("parameters", tool.schema),
                    ("strict", tool.strict),
                )
            ),
        }
        for tool in prompt.tools
    ]


def _tool_choice(choice: ToolChoice) -> dict[str, Any]:
    fields: dict[str, Any] = {"tool_choice": {"any": "required"}.get(choice.mode, choice.mode)}
    if choice.mode == "tool":
        fields["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
    if not choice.parallel:
        fields["parallel_tool_calls"] = False
    return fields


def _answer_format(prompt: Prompt) -> dict[str, Any] | None:
    if prompt.json_schema is None:
        return None
    if not prompt.json_schema:
        return {"type": "json_object"}
    schema = present(
        (
            ("name", prompt.json_schema_name or _SCHEMA_NAME),
            ("schema", prompt.json_schema),
            ("strict", prompt.json_schema_strict),
        )
    )
    return {"type": "json_schema", "json_schema": schema}


def effort(prompt: Prompt, dropped: Dropped) -> str | None:
    """The effort asked for; a budget becomes the nearest one, and is named as dropped because it no longer binds."""
    if prompt.reasoning_effort or prompt.reasoning_tokens is None:
        dropped.add("thinking.budget_tokens", prompt.reasoning_tokens)
        return prompt.reasoning_effort or None
    dropped.add("thinking.budget_tokens")
    if prompt.reasoning_tokens <= _LOW_TOKENS:
        return "low"
    return "medium" if prompt.reasoning_tokens <= _MEDIUM_TOKENS else "high"
