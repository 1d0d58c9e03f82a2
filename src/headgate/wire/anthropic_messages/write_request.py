"""Writes a message request's body from the canonical form (Anthropic API reference, messages)."""

import re
from typing import Any, Final

import msgspec

from headgate.domain.prompt import (
    DocumentPart,
    ImagePart,
    Part,
    Prompt,
    ReasoningPart,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)
from headgate.wire.codec import Edits
from headgate.wire.crossing import Dropped, arguments_object, plain_text, present
from headgate.wire.signature import is_foreign_to_claude

_DEFAULT_MAX_TOKENS: Final = 4_096
_MAX_TEMPERATURE: Final = 1.0
_FORBIDDEN_IN_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")
_EFFORTS: Final = {"minimal": "low"}
_NO_ARGUMENTS: Final[dict[str, Any]] = {"type": "object", "properties": {}}


def write_request(prompt: Prompt, edits: Edits) -> tuple[bytes, tuple[str, ...]]:
    """A body that says `prompt`, and the wire names of what it cannot say."""
    dropped = Dropped()
    messages = []
    for message in prompt.messages:
        blocks = [block for part in message.parts for block in _blocks(part, dropped)]
        if blocks:
            messages.append({"role": message.role, "content": _shortest(blocks)})
    limit = prompt.max_output_tokens if edits.output_limit is None else edits.output_limit
    dropped.add("seed", prompt.seed is not None)
    system: Any = [{"type": "text", "text": text} for text in prompt.system]
    body = present(
        (
            ("model", edits.model_id),
            ("max_tokens", _DEFAULT_MAX_TOKENS if limit is None else limit),
            ("system", _shortest(system) if system else None),
            ("messages", messages),
            ("stream", edits.stream),
            ("temperature", _temperature(prompt, dropped)),
            ("top_p", prompt.top_p),
            ("top_k", prompt.top_k),
            ("stop_sequences", _stop(prompt, dropped) or None),
            ("thinking", _thinking(prompt)),
            ("output_config", _output_config(prompt, dropped) or None),
            ("tools", _tools(prompt) or None),
            ("tool_choice", _tool_choice(prompt.tool_choice, bool(prompt.tools), dropped)),
        )
    )
    return msgspec.json.encode(body), dropped.names()


def _blocks(part: Part, dropped: Dropped) -> list[dict[str, Any]]:
    if isinstance(part, ToolCallPart):
        return [
            {"type": "tool_use", "id": _id(part.id), "name": part.name, "input": arguments_object(part.arguments)},
        ]
    if isinstance(part, ToolResultPart):
        content = [block for inner in part.content for block in _blocks(inner, dropped)]
        result: dict[str, Any] = {"type": "tool_result", "tool_use_id": _id(part.id)}
        if content:
            result["content"] = _shortest(content)
        if part.is_error:
            result["is_error"] = True
        return [result]
    if isinstance(part, ReasoningPart):
        if is_foreign_to_claude(part.signature):
            dropped.add("thinking" if part.signature else "reasoning_content")
            return []
        return [{"type": "thinking", "thinking": part.text, "signature": part.signature}]
    if isinstance(part, ImagePart):
        dropped.add("image_url.detail", part.detail not in ("", "auto"))
        return [{"type": "image", "source": _source(part)}]
    if isinstance(part, DocumentPart):
        document: dict[str, Any] = {"type": "document", "source": _document_source(part)}
        if part.title:
            document["title"] = part.title
        return [document]
    return [{"type": "text", "text": part.text}]


def _source(part: ImagePart | DocumentPart) -> dict[str, str]:
    if part.url:
        return {"type": "url", "url": part.url}
    return {"type": "base64", "media_type": part.media_type, "data": part.data}


def _document_source(part: DocumentPart) -> dict[str, str]:
    """Anthropic takes base64 for PDF alone; a text in base64 is decoded."""
    if part.text:
        return {"type": "text", "media_type": "text/plain", "data": part.text}
    if part.data and part.media_type.startswith("text/"):
        return {"type": "text", "media_type": "text/plain", "data": plain_text(part.data)}
    return _source(part)


def _id(call_id: str) -> str:
    """A tool call's id in the letters that Anthropic allows; call and result change alike."""
    return _FORBIDDEN_IN_ID.sub("_", call_id)


def _shortest(blocks: list[dict[str, Any]]) -> Any:
    if len(blocks) == 1 and blocks[0]["type"] == "text":
        return blocks[0]["text"]
    return blocks


def _temperature(prompt: Prompt, dropped: Dropped) -> float | None:
    """OpenAI's scale ends at 2, Anthropic's at 1; what lies above is cut and named."""
    if prompt.temperature is None or prompt.temperature <= _MAX_TEMPERATURE:
        return prompt.temperature
    dropped.add("temperature")
    return _MAX_TEMPERATURE


def _stop(prompt: Prompt, dropped: Dropped) -> list[str]:
    """Anthropic refuses stop sequences of white space alone."""
    kept = [text for text in prompt.stop if text.strip()]
    dropped.add("stop", len(kept) < len(prompt.stop))
    return kept


def _thinking(prompt: Prompt) -> dict[str, Any] | None:
    if prompt.reasoning_effort == "none":
        return {"type": "disabled"}
    if prompt.reasoning_tokens is not None:
        return {"type": "enabled", "budget_tokens": prompt.reasoning_tokens}
    return None


def _output_config(prompt: Prompt, dropped: Dropped) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if prompt.reasoning_effort not in ("", "none"):
        config["effort"] = _EFFORTS.get(prompt.reasoning_effort, prompt.reasoning_effort)
    if prompt.json_schema:
        config["format"] = {"type": "json_schema", "schema": prompt.json_schema}
    dropped.add("response_format.json_object", prompt.json_schema == {})
    dropped.add("response_format.json_schema.name", prompt.json_schema_name)
    return config


def _tools(prompt: Prompt) -> list[dict[str, Any]]:
    return [
        present(
            (
                ("name", tool.name),
                ("description", tool.description or None),
                ("input_schema", tool.schema or _NO_ARGUMENTS),
                ("strict", tool.strict),
            )
        )
        for tool in prompt.tools
    ]


def _tool_choice(choice: ToolChoice | None, has_tools: bool, dropped: Dropped) -> dict[str, Any] | None:
    """Anthropic refuses a choice where there are no tools."""
    if choice is None:
        return None
    if not has_tools:
        dropped.add("tool_choice", choice.mode != "auto")
        return None
    fields: dict[str, Any] = {"type": choice.mode}
    if choice.mode == "tool":
        fields["name"] = choice.name
    if not choice.parallel and choice.mode != "none":
        fields["disable_parallel_tool_use"] = True
    return fields
