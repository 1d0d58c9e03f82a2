"""What stands in a message or a tool's result of a response's input (OpenAI API reference, responses, input items)."""

from typing import Any

import msgspec

from headgate.domain.prompt import DocumentPart, ImagePart, TextPart
from headgate.wire.crossing import Dropped, inline

Seen = TextPart | ImagePart | DocumentPart


class ContentPart(msgspec.Struct):
    """One part of a content, of any type."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None
    detail: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None
    annotations: Any = None
    prompt_cache_breakpoint: Any = None


Content = str | list[ContentPart] | None


def parts(content: Content, dropped: Dropped) -> list[Seen]:
    """What `content` shows; parts of other kinds are dropped by their type."""
    if not content:
        return []
    if isinstance(content, str):
        return [TextPart(content)]
    seen: list[Seen] = []
    for part in content:
        dropped.add("input.annotations", part.annotations)
        dropped.add("input.prompt_cache_breakpoint", part.prompt_cache_breakpoint)
        if text := part.text or part.refusal:
            seen.append(TextPart(text))
        elif part.type == "input_image" and part.image_url:
            seen.append(_image(part.image_url, part.detail or ""))
        elif part.type == "input_file" and (part.file_data or part.file_url):
            dropped.add("input_file.detail", part.detail not in (None, "auto"))
            seen.append(_document(part))
        elif part.type in ("input_image", "input_file"):
            dropped.add(f"{part.type}.file_id")
        else:
            dropped.add(part.type, part.type not in ("input_text", "output_text", "refusal"))
    return seen


def text_of(content: Content, dropped: Dropped) -> list[str]:
    """The texts of `content`, of which a system's message has nothing else."""
    texts = []
    for part in parts(content, dropped):
        if isinstance(part, TextPart):
            texts.append(part.text)
        else:
            dropped.add(f"input.system.{type(part).__struct_config__.tag}")
    return texts


def _image(url: str, detail: str) -> ImagePart:
    data = inline(url)
    if data is None:
        return ImagePart(url=url, detail=detail)
    return ImagePart(media_type=data[0], data=data[1], detail=detail)


def _document(part: ContentPart) -> DocumentPart:
    title = part.filename or ""
    if not part.file_data:
        return DocumentPart(url=part.file_url or "", title=title)
    media_type, data = inline(part.file_data) or ("application/pdf", part.file_data)
    return DocumentPart(media_type=media_type, data=data, title=title)
