"""Writes a conversation as Converse's messages (Amazon Bedrock API reference, Message and ContentBlock)."""

import base64
import hashlib
import re
from collections.abc import Iterable
from typing import Any, Final

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
from headgate.wire.crossing import Dropped, arguments_object
from headgate.wire.signature import is_foreign_to_claude

_IMAGES: Final = {f"image/{kind}": kind.replace("jpg", "jpeg") for kind in ("png", "jpeg", "jpg", "gif", "webp")}
_DOCUMENTS: Final = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/markdown": "md",
}
_FORBIDDEN_IN_ID: Final = re.compile(r"[^a-zA-Z0-9_.:-]")
_MAX_ID: Final = 64
_FORBIDDEN_IN_NAME: Final = re.compile(r"[^a-zA-Z0-9\-()\[\]]+")
_MAX_NAME: Final = 180
"""Characters; Bedrock allows 200, and a number may follow."""


class Messages:
    """The turns of one conversation; they must alternate, so those of one role that follow each other become one."""

    def __init__(self, dropped: Dropped, *, is_claude: bool) -> None:
        self._dropped = dropped
        self._is_claude = is_claude
        self._names: dict[str, int] = {}
        self.called: dict[str, None] = {}
        """The names of the tools that were called, each once."""

    def write(self, messages: Iterable[Message]) -> list[dict[str, Any]]:
        """The turns; one that holds documents holds a text too, as Bedrock asks for."""
        turns: list[dict[str, Any]] = []
        for message in messages:
            blocks = [block for part in message.parts for block in self._blocks(part)]
            if not blocks:
                continue
            if turns and turns[-1]["role"] == message.role:
                turns[-1]["content"] += blocks
            else:
                turns.append({"role": message.role, "content": blocks})
        for turn in turns:
            content = turn["content"]
            named = next((block["document"]["name"] for block in content if "document" in block), None)
            if named is not None and not any("text" in block for block in content):
                content.append({"text": named})
        return turns

    def _blocks(self, part: Part) -> list[dict[str, Any]]:
        if isinstance(part, TextPart):
            return [{"text": part.text}] if part.text.strip() else []  # Bedrock refuses a blank text
        if isinstance(part, ImagePart):
            return self._image(part)
        if isinstance(part, DocumentPart):
            return self._document(part)
        if isinstance(part, ToolCallPart):
            self.called[part.name] = None
            call = {"toolUseId": _id(part.id), "name": part.name, "input": arguments_object(part.arguments)}
            return [{"toolUse": call}]
        if isinstance(part, ToolResultPart):
            return [{"toolResult": self._result(part)}]
        return self._reasoning(part)

    def _result(self, part: ToolResultPart) -> dict[str, Any]:
        content = [block for inner in part.content for block in self._blocks(inner)]
        result: dict[str, Any] = {"toolUseId": _id(part.id), "content": content}
        if part.is_error:  # `success` is what silence says, and not every model knows the field
            result["status"] = "error"
        return result

    def _reasoning(self, part: ReasoningPart) -> list[dict[str, Any]]:
        """Claude's signatures hold wherever Claude runs, and for Claude alone; reasoning without one is refused."""
        if not part.signature:
            self._dropped.add("reasoning_content")
            return []
        if is_foreign_to_claude(part.signature) or not self._is_claude:
            self._dropped.add("thinking")
            return []
        return [{"reasoningContent": {"reasoningText": {"text": part.text, "signature": part.signature}}}]

    def _image(self, part: ImagePart) -> list[dict[str, Any]]:
        self._dropped.add("image_url.detail", part.detail not in ("", "auto"))
        kind = _IMAGES.get(part.media_type) or _IMAGES.get(f"image/{part.url.rpartition('.')[2].lower()}")
        source = self._source(part, "image")
        if not source:
            return []
        if kind is None:
            self._dropped.add(f"image.source.media_type.{part.media_type or 'unknown'}")
            return []
        return [{"image": {"format": kind, "source": source}}]

    def _document(self, part: DocumentPart) -> list[dict[str, Any]]:
        if part.text:
            source, kind = {"bytes": base64.b64encode(part.text.encode()).decode()}, "txt"
        else:
            source = self._source(part, "document")
            kind = _DOCUMENTS.get(part.media_type, "txt" if part.media_type.startswith("text/") else "")
            kind = kind or ("pdf" if part.url else "")
        if not source:
            return []
        if not kind:
            self._dropped.add(f"document.source.media_type.{part.media_type or 'unknown'}")
            return []
        return [{"document": {"format": kind, "name": self._name(part.title), "source": source}}]

    def _source(self, part: ImagePart | DocumentPart, what: str) -> dict[str, Any]:
        """The bytes, or an object of S3: Bedrock fetches nothing else."""
        if part.url.startswith("s3://"):
            return {"s3Location": {"uri": part.url}}
        if part.url:
            self._dropped.add(f"{what}.source.url")
            return {}
        return {"bytes": part.data}

    def _name(self, title: str) -> str:
        """A name of the letters that Bedrock allows, which no other document of the conversation has."""
        name = _FORBIDDEN_IN_NAME.sub(" ", title).strip()[:_MAX_NAME].strip() or "document"
        count = self._names[name] = self._names.get(name, 0) + 1
        return name if count == 1 else f"{name} ({count})"


def _id(call_id: str) -> str:
    """A tool call's id in the letters and the length that Bedrock allows; call and result change alike."""
    allowed = _FORBIDDEN_IN_ID.sub("_", call_id)
    return allowed if 0 < len(allowed) <= _MAX_ID else hashlib.sha256(call_id.encode()).hexdigest()
