"""Writes a conversation as Gemini's contents (Gemini API reference, Content; Gemini API, function calling)."""

import mimetypes
from collections.abc import Iterable
from typing import Any

from headgate.domain.prompt import (
    DocumentPart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from headgate.wire.crossing import Dropped, arguments_object, present
from headgate.wire.signature import UNSIGNED, unmarked


def contents(messages: Iterable[Message], *, asks_signatures: bool, dropped: Dropped) -> list[dict[str, Any]]:
    """The turns of a conversation, those of one role that follow each other as one.

    A result names the function it comes from, which only the call's own turn says. Where the model `asks_signatures`,
    the first call of a turn that Gemini did not sign carries the word for that.
    """
    names: dict[str, str] = {}
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "assistant":
            role, parts = "model", _said(message.parts, names, dropped)
        else:
            role, parts = "user", _told(message.parts, names, dropped)
        if not parts:
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1]["parts"] += parts
        else:
            turns.append({"role": role, "parts": parts})
    if asks_signatures:
        for turn in turns:
            calls = [part for part in turn["parts"] if "functionCall" in part]
            if calls:
                calls[0].setdefault("thoughtSignature", UNSIGNED)
    return turns


def _said(parts: Iterable[Part], names: dict[str, str], dropped: Dropped) -> list[dict[str, Any]]:
    """The model's own parts; a signature stands with the part behind it, which is where Gemini gave it."""
    written: list[dict[str, Any]] = []
    signature = ""
    for part in parts:
        if isinstance(part, ReasoningPart):
            signature = unmarked(part.signature)
            if not signature:
                dropped.add("thinking" if part.signature else "reasoning_content")
            elif part.text:
                written.append({"text": part.text, "thought": True})
            continue
        if isinstance(part, ToolCallPart):
            names[part.id] = part.name
            call = {"id": part.id, "name": part.name, "args": arguments_object(part.arguments)}
            made: list[dict[str, Any]] = [{"functionCall": call}]
        else:
            made = _seen(part, dropped)
        if made and signature:
            made[0]["thoughtSignature"] = signature
            signature = ""
        written += made
    if signature and written:
        written[-1].setdefault("thoughtSignature", signature)
    return written


def _told(parts: Iterable[Part], names: dict[str, str], dropped: Dropped) -> list[dict[str, Any]]:
    """The user's parts; media within a tool's result follow it, which every model can read."""
    results: list[dict[str, Any]] = []
    rest: list[dict[str, Any]] = []
    for part in parts:
        if isinstance(part, ToolResultPart):
            texts = [inner.text for inner in part.content if isinstance(inner, TextPart)]
            key = "error" if part.is_error else "output"
            response = {"id": part.id, "name": names.get(part.id, part.id), "response": {key: "\n".join(texts)}}
            results.append({"functionResponse": response})
            for inner in part.content:
                if not isinstance(inner, TextPart):
                    rest += _seen(inner, dropped)
        else:
            rest += _seen(part, dropped)
    return results + rest


def _seen(part: Part, dropped: Dropped) -> list[dict[str, Any]]:
    """A part that shows something to the model: text, or media inline or by URL."""
    if isinstance(part, TextPart):
        return [{"text": part.text}]
    if isinstance(part, ImagePart):
        dropped.add("image_url.detail", part.detail not in ("", "auto"))
        return [_media(part)]
    if isinstance(part, DocumentPart):
        if part.text:
            return [{"text": f"{part.title}\n\n{part.text}" if part.title else part.text}]
        return [_media(part)]
    dropped.add(f"messages.user.{type(part).__struct_config__.tag}")
    return []


def _media(part: ImagePart | DocumentPart) -> dict[str, Any]:
    """Inline data, or a URL that Gemini fetches itself (Gemini API, file input methods, external URLs)."""
    if not part.url:
        return {"inlineData": {"mimeType": part.media_type, "data": part.data}}
    media_type = part.media_type or mimetypes.guess_type(part.url.partition("?")[0])[0]
    if media_type is None and isinstance(part, DocumentPart):
        media_type = "application/pdf"  # the one kind of document that Anthropic takes by URL
    return {"fileData": present((("mimeType", media_type), ("fileUri", part.url)))}
