"""Writes a response's request from the canonical form (OpenAI API reference, responses)."""

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
from headgate.wire.openai_chat.write_request import effort
from headgate.wire.signature import encrypted, is_openais

_SCHEMA_NAME: Final = "answer"
_FILE_NAME: Final = "document.pdf"


def write_request(prompt: Prompt, edits: Edits) -> tuple[bytes, tuple[str, ...]]:
    """A body that says `prompt`, and the wire names of what it cannot say.

    OpenAI keeps a response unless it is told not to; nobody asked for that here.
    """
    dropped = Dropped()
    items = [item for message in prompt.messages for item in _items(message, dropped)]
    dropped.add("top_k", prompt.top_k is not None)
    dropped.add("seed", prompt.seed is not None)
    dropped.add("stop", prompt.stop)
    limit = prompt.max_output_tokens if edits.output_limit is None else edits.output_limit
    wanted = effort(prompt, dropped)
    body = present(
        (
            ("model", edits.model_id),
            ("instructions", "\n\n".join(prompt.system) or None),
            ("input", items),
            ("stream", edits.stream),
            ("store", False),
            ("max_output_tokens", limit),
            ("temperature", prompt.temperature),
            ("top_p", prompt.top_p),
            ("reasoning", {"effort": wanted} if wanted else None),
            # Asked only of models that think: others refuse it.
            ("include", ["reasoning.encrypted_content"] if wanted not in (None, "none") else None),
            ("text", _answer_format(prompt)),
            ("tools", _tools(prompt) or None),
        )
    )
    if prompt.tool_choice is not None:
        body.update(_tool_choice(prompt.tool_choice))
    return msgspec.json.encode(body), dropped.names()


def _items(message: Message, dropped: Dropped) -> list[dict[str, Any]]:
    """The items of one turn; texts and media that stand together are one message."""
    items: list[dict[str, Any]] = []
    said: list[dict[str, Any]] = []
    role = message.role
    for part in message.parts:
        if isinstance(part, TextPart | ImagePart | DocumentPart):
            if role == "assistant" and not isinstance(part, TextPart):
                dropped.add(f"messages.assistant.{type(part).__struct_config__.tag}")
            else:
                said += _part(part, role, dropped)
            continue
        items += _message(role, said)
        said = []
        items += _item(part, dropped)
    return items + _message(role, said)


def _message(role: str, said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"role": role, "content": _shortest(said)}] if said else []


def _item(part: Part, dropped: Dropped) -> list[dict[str, Any]]:
    if isinstance(part, ToolCallPart):
        call = {"type": "function_call", "call_id": part.id, "name": part.name, "arguments": part.arguments or "{}"}
        return [call]
    if isinstance(part, ToolResultPart):
        dropped.add("is_error", part.is_error)
        output = [said for inner in part.content for said in _part(inner, "user", dropped)]
        return [{"type": "function_call_output", "call_id": part.id, "output": _shortest(output)}]
    if isinstance(part, ReasoningPart):
        if is_openais(part.signature):
            summary = [{"type": "summary_text", "text": part.text}] if part.text else []
            return [{"type": "reasoning", "summary": summary, "encrypted_content": encrypted(part.signature)}]
        # What another model thought is proof to nobody here, and its text without proof is refused.
        dropped.add("thinking" if part.signature else "reasoning_content")
    return []


def _part(part: TextPart | ImagePart | DocumentPart, role: str, dropped: Dropped) -> list[dict[str, Any]]:
    if isinstance(part, TextPart):
        return [{"type": "output_text" if role == "assistant" else "input_text", "text": part.text}]
    if isinstance(part, ImagePart):
        image = {"type": "input_image", "image_url": part.url or data_url(part.media_type, part.data)}
        if part.detail:
            image["detail"] = part.detail
        return [image]
    if part.data:
        file = {"filename": part.title or _FILE_NAME, "file_data": data_url(part.media_type, part.data)}
        return [{"type": "input_file", **file}]
    if part.text:
        return [{"type": "input_text", "text": f"{part.title}\n\n{part.text}" if part.title else part.text}]
    dropped.add("document.title", part.title)
    return [{"type": "input_file", "file_url": part.url}]


def _shortest(content: list[dict[str, Any]]) -> Any:
    """A single text as a string; anything else as the list it is."""
    if not content:
        return ""
    if len(content) == 1 and "text" in content[0]:
        return content[0]["text"]
    return content


def _tools(prompt: Prompt) -> list[dict[str, Any]]:
    """The tools; a schema is kept to the letter here unless it is said not to, and elsewhere the other way round."""
    return [
        present(
            (
                ("type", "function"),
                ("name", tool.name),
                ("description", tool.description or None),
                ("parameters", tool.schema),
                ("strict", tool.strict is True),
            )
        )
        for tool in prompt.tools
    ]


def _tool_choice(choice: ToolChoice) -> dict[str, Any]:
    fields: dict[str, Any] = {"tool_choice": {"any": "required"}.get(choice.mode, choice.mode)}
    if choice.mode == "tool":
        fields["tool_choice"] = {"type": "function", "name": choice.name}
    if not choice.parallel:
        fields["parallel_tool_calls"] = False
    return fields


def _answer_format(prompt: Prompt) -> dict[str, Any] | None:
    if prompt.json_schema is None:
        return None
    if not prompt.json_schema:
        return {"format": {"type": "json_object"}}
    schema = present(
        (
            ("type", "json_schema"),
            ("name", prompt.json_schema_name or _SCHEMA_NAME),
            ("schema", prompt.json_schema),
            ("strict", prompt.json_schema_strict),
        )
    )
    return {"format": schema}
