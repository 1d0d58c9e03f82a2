"""A request's content in canonical form, through which wire formats meet."""

from typing import Any

import msgspec


class TextPart(msgspec.Struct, frozen=True, tag="text"):
    """Plain text."""

    text: str


class ImagePart(msgspec.Struct, frozen=True, tag="image"):
    """An image, inline (base64 `data` of `media_type`) or by `url`."""

    media_type: str = ""
    data: str = ""
    url: str = ""
    detail: str = ""


class DocumentPart(msgspec.Struct, frozen=True, tag="document"):
    """A document, inline (base64 `data` or plain `text`) or by `url`."""

    media_type: str = ""
    data: str = ""
    text: str = ""
    url: str = ""
    title: str = ""


class ToolCallPart(msgspec.Struct, frozen=True, tag="tool_call"):
    """A tool call that the model made earlier; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


class ToolResultPart(msgspec.Struct, frozen=True, tag="tool_result"):
    """What a tool call gave back."""

    id: str
    content: tuple[TextPart | ImagePart | DocumentPart, ...]
    is_error: bool = False


class ReasoningPart(msgspec.Struct, frozen=True, tag="reasoning"):
    """Reasoning that the model showed earlier, with the provider's signature where it has one."""

    text: str
    signature: str = ""


Part = TextPart | ImagePart | DocumentPart | ToolCallPart | ToolResultPart | ReasoningPart


class Message(msgspec.Struct, frozen=True):
    """One turn; tool results stand in turns of the user."""

    role: str
    """`user` or `assistant`."""
    parts: tuple[Part, ...]


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call; `schema` is the JSON Schema of its arguments."""

    name: str
    description: str
    schema: dict[str, Any]
    strict: bool | None = None


class ToolChoice(msgspec.Struct, frozen=True):
    """How the model shall choose tools."""

    mode: str
    """`auto`, `any`, `none` or `tool`."""
    name: str = ""
    parallel: bool = True


class Prompt(msgspec.Struct, frozen=True):
    """Everything a model is told."""

    messages: tuple[Message, ...]
    system: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    json_schema: dict[str, Any] | None = None
    """The JSON Schema that the answer must meet; an empty one asks for any JSON object."""
    json_schema_name: str = ""
    json_schema_strict: bool | None = None
    max_output_tokens: int | None = None
    """The caller's own limit on output."""
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    reasoning_tokens: int | None = None
    """The budget for reasoning, where the caller set one."""
    reasoning_effort: str = ""
    seed: int | None = None
    dropped: tuple[str, ...] = ()
    """Fields of the request that the canonical form cannot hold, by their wire names."""
