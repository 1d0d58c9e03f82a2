"""Writes a request's body from the canonical form (Amazon Bedrock API reference, Converse)."""

from typing import Any, Final

import msgspec

from headgate.domain.prompt import Prompt, Tool, ToolChoice
from headgate.wire.bedrock_converse.messages import Messages
from headgate.wire.codec import Edits
from headgate.wire.crossing import Dropped, present

_MAX_TEMPERATURE: Final = 1.0
_NO_ARGUMENTS: Final[dict[str, Any]] = {"type": "object", "properties": {}}
_EFFORTS: Final = {"minimal": "low"}


def write_request(prompt: Prompt, edits: Edits) -> tuple[bytes, tuple[str, ...]]:
    """A body that says `prompt`, and the wire names of what it cannot say."""
    dropped = Dropped()
    is_claude = "claude" in edits.model_id.lower()
    conversation = Messages(dropped, is_claude=is_claude)
    messages = conversation.write(prompt.messages)
    system = [{"text": text} for text in prompt.system if text.strip()]
    dropped.add("seed", prompt.seed is not None)
    body = present(
        (
            ("messages", messages),
            ("system", system or None),
            ("inferenceConfig", _inference_config(prompt, edits, dropped) or None),
            ("toolConfig", _tool_config(prompt, tuple(conversation.called), dropped)),
            ("outputConfig", _output_config(prompt, is_claude, dropped) or None),
            ("additionalModelRequestFields", _claude_fields(prompt, is_claude, dropped) or None),
        )
    )
    return msgspec.json.encode(body), dropped.names()


def _inference_config(prompt: Prompt, edits: Edits, dropped: Dropped) -> dict[str, Any]:
    """What every model knows; OpenAI's scale of temperatures ends at 2, Bedrock's at 1: what lies above is cut."""
    temperature = prompt.temperature
    if temperature is not None and temperature > _MAX_TEMPERATURE:
        dropped.add("temperature")
        temperature = _MAX_TEMPERATURE
    return present(
        (
            ("maxTokens", prompt.max_output_tokens if edits.output_limit is None else edits.output_limit),
            ("temperature", temperature),
            ("topP", prompt.top_p),
            ("stopSequences", [text for text in prompt.stop if text] or None),
        )
    )


def _tool_config(prompt: Prompt, called: tuple[str, ...], dropped: Dropped) -> dict[str, Any] | None:
    """The tools. Bedrock wants some wherever a conversation holds calls, so what was called stands in for them."""
    choice = prompt.tool_choice
    forbidden = choice is not None and choice.mode == "none"
    tools = prompt.tools
    if not tools:
        dropped.add("tool_choice", choice is not None and choice.mode in ("any", "tool"))
        choice = None
        tools = tuple(Tool(name, "", {}) for name in called)
    elif forbidden and not called:
        return None  # without tools none is chosen; Converse has no other word for it
    if not tools:
        return None
    dropped.add("tool_choice", forbidden and bool(prompt.tools))
    dropped.add("parallel_tool_calls", choice is not None and not choice.parallel and not forbidden)
    config: dict[str, Any] = {"tools": [{"toolSpec": _tool(tool)} for tool in tools]}
    if choice is not None and not forbidden:
        config["toolChoice"] = _tool_choice(choice)
    return config


def _tool(tool: Tool) -> dict[str, Any]:
    return present(
        (
            ("name", tool.name),
            ("description", tool.description or None),
            ("inputSchema", {"json": tool.schema or _NO_ARGUMENTS}),
            ("strict", tool.strict or None),
        )
    )


def _tool_choice(choice: ToolChoice) -> dict[str, Any]:
    return {choice.mode: {"name": choice.name} if choice.mode == "tool" else {}}


def _output_config(prompt: Prompt, is_claude: bool, dropped: Dropped) -> dict[str, Any]:
    """The schema of the answer, and Claude's effort; other models take theirs in fields of their own."""
    config: dict[str, Any] = {}
    if prompt.json_schema:
        schema = {"schema": msgspec.json.encode(prompt.json_schema).decode()}
        if prompt.json_schema_name:
            schema["name"] = prompt.json_schema_name
        config["textFormat"] = {"type": "json_schema", "structure": {"jsonSchema": schema}}
    dropped.add("response_format.json_object", prompt.json_schema == {})
    effort = prompt.reasoning_effort
    if effort and is_claude and effort != "none":
        config["effort"] = _EFFORTS.get(effort, effort)
    dropped.add("reasoning_effort", effort and not is_claude)
    return config


def _claude_fields(prompt: Prompt, is_claude: bool, dropped: Dropped) -> dict[str, Any]:
    """What only Claude knows, by its own names (Bedrock User Guide, extended thinking, Anthropic Claude parameters)."""
    if not is_claude:
        dropped.add("top_k", prompt.top_k is not None)
        dropped.add("thinking.budget_tokens", prompt.reasoning_tokens is not None)
        return {}
    thinking: dict[str, Any] | None = None
    if prompt.reasoning_effort == "none":
        thinking = {"type": "disabled"}
    elif prompt.reasoning_tokens is not None:
        thinking = {"type": "enabled", "budget_tokens": prompt.reasoning_tokens}
    return present((("top_k", prompt.top_k), ("thinking", thinking)))
