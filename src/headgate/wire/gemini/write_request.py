"""Writes a request's body from the canonical form (Gemini API reference, models.generateContent)."""

import re
from typing import Any, Final

import msgspec

from headgate.domain.prompt import Prompt, Tool, ToolChoice
from headgate.wire.codec import Edits
from headgate.wire.crossing import Dropped, present
from headgate.wire.gemini.contents import contents
from headgate.wire.gemini.thinking import thinking_config

_MAX_STOPS: Final = 5
_MAX_SEED: Final = 2**31
_BEFORE_3: Final = re.compile(r"gemini-[12]\b")
_MODES: Final = {"auto": "AUTO", "any": "ANY", "none": "NONE", "tool": "ANY"}


def write_request(prompt: Prompt, edits: Edits) -> tuple[bytes, tuple[str, ...]]:
    """A body that says `prompt`, and the wire names of what it cannot say."""
    dropped = Dropped()
    in_levels = _is_3_or_newer(edits.model_id)
    body = present(
        (
            ("contents", contents(prompt.messages, asks_signatures=in_levels, dropped=dropped)),
            ("systemInstruction", {"parts": [{"text": text} for text in prompt.system]} if prompt.system else None),
            ("tools", _tools(prompt.tools, dropped)),
            ("toolConfig", _tool_config(prompt.tool_choice, bool(prompt.tools), dropped)),
            ("generationConfig", _generation_config(prompt, edits, in_levels, dropped) or None),
        )
    )
    return msgspec.json.encode(body), dropped.names()


def _is_3_or_newer(model_id: str) -> bool:
    """Whether the model is one of Gemini 3 or later, which think in levels and ask for signatures."""
    name = model_id.rpartition("/")[2].lower()
    return name.startswith("gemini") and not _BEFORE_3.match(name)


def _generation_config(prompt: Prompt, edits: Edits, in_levels: bool, dropped: Dropped) -> dict[str, Any]:
    dropped.add("stop", len(prompt.stop) > _MAX_STOPS)
    dropped.add("response_format.json_schema.name", prompt.json_schema_name)
    seed = prompt.seed
    if seed is not None and not -_MAX_SEED <= seed < _MAX_SEED:
        dropped.add("seed")
        seed = None
    return present(
        (
            ("maxOutputTokens", prompt.max_output_tokens if edits.output_limit is None else edits.output_limit),
            ("temperature", prompt.temperature),
            ("topP", prompt.top_p),
            ("topK", prompt.top_k),
            ("stopSequences", list(prompt.stop[:_MAX_STOPS]) or None),
            ("seed", seed),
            ("responseMimeType", None if prompt.json_schema is None else "application/json"),
            ("responseJsonSchema", prompt.json_schema or None),
            ("thinkingConfig", thinking_config(prompt, edits.model_id, in_levels=in_levels, dropped=dropped)),
        )
    )


def _tools(tools: tuple[Tool, ...], dropped: Dropped) -> list[dict[str, Any]] | None:
    """The functions. `parametersJsonSchema` takes JSON Schema as it is, `parameters` only OpenAPI's part of it."""
    dropped.add("tools.strict", any(tool.strict for tool in tools))
    if not tools:
        return None
    functions = [
        present(
            (
                ("name", tool.name),
                ("description", tool.description or None),
                ("parametersJsonSchema", None if _takes_nothing(tool) else tool.schema),
            )
        )
        for tool in tools
    ]
    return [{"functionDeclarations": functions}]


def _takes_nothing(tool: Tool) -> bool:
    """Whether the function has no parameters, which Gemini wants to hear by silence."""
    return not tool.schema.get("properties") and tool.schema.keys() <= {"type", "properties", "additionalProperties"}


def _tool_config(choice: ToolChoice | None, has_tools: bool, dropped: Dropped) -> dict[str, Any] | None:
    if choice is None:
        return None
    if not has_tools:
        dropped.add("tool_choice", choice.mode in ("any", "tool"))
        return None
    dropped.add("parallel_tool_calls", not choice.parallel and choice.mode != "none")
    config: dict[str, Any] = {"mode": _MODES[choice.mode]}
    if choice.mode == "tool":
        config["allowedFunctionNames"] = [choice.name]
    return {"functionCallingConfig": config}
