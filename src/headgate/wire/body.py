"""Reading a caller's JSON body: what is wrong with it in plain words, and how much media it carries inline."""

import re
from typing import Any, Final, TypeVar

import msgspec

from headgate.domain.refusal import Refusal

T = TypeVar("T")

FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
"""Top-level fields with their values' bytes. Of a name that stands twice only the last value is kept, which is the one
that every reader here acts on: what was not counted is not sent."""

ABSENT: Final = msgspec.Raw()
"""The bytes of a field that is not there."""

_ANY: Final = msgspec.json.Decoder()
_MISMATCH: Final = re.compile(r"Expected `(.+?)`, got `(.+?)`(?: - at `\$\.?(.*)`)?\Z")
_MISSING: Final = re.compile(r"Object missing required field `(.+?)`(?: - at `\$\.?(.*)`)?\Z")
_TYPES: Final = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
# A type's name can hide from a search of the bytes only by writing one of its letters as \u006x or \u007x.
_MEDIA_MARKS: Final = (b'"image', b'"document', b'"file', b"audio", b'"video', b"_upload", b"\\u006", b"\\u007")
_IMAGES: Final = frozenset({"image", "image_url", "input_image"})
_DOCUMENTS: Final = frozenset(
    {"document", "file", "input_file", "input_audio", "audio_url", "video_url", "container_upload"}
)


class Media(msgspec.Struct):
    """How many images and documents a body carries, and the bytes of those that it carries inline."""

    images: int = 0
    documents: int = 0
    inline_bytes: int = 0


def decode(decoder: "msgspec.json.Decoder[T]", raw: bytes) -> T:
    """`raw` read by `decoder`.

    Raises:
        Refusal: `invalid_request`, naming the field at fault.
    """
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refusal(error) from None


def wrong(param: str, sentence: str) -> Refusal:
    """The refusal of a body whose field `param` is wrong."""
    return Refusal("invalid_request", sentence, param=param)


def needs_list(value: msgspec.Raw, name: str) -> None:
    """Check that `value` is a JSON array, without reading it.

    Raises:
        Refusal: `invalid_request`.
    """
    if bytes(memoryview(value)[:1]) != b"[":
        raise wrong(name, f"The field '{name}' must be an array; send it as [...]")


def holds_list(value: msgspec.Raw) -> bool:
    """Whether `value` is a JSON array that is not written as `[]`, without reading it."""
    view = memoryview(value)
    return len(view) > 2 and bytes(view[:1]) == b"["


def media(raw: bytes, messages: msgspec.Raw) -> Media | None:
    """The images and documents in `messages` of the body `raw`; None where there are none.

    Raises:
        Refusal: `invalid_request`, `messages` is not JSON.
    """
    # Media stand in arrays of content blocks: a body whose only array is its messages has none.
    if raw.find(b"[", raw.find(b"[") + 1) == -1:
        return None
    for mark in _MEDIA_MARKS:
        if mark in raw:
            break
    else:
        return None
    found = Media()
    for message in decode(_ANY, bytes(messages)):
        if isinstance(message, dict):
            _count(message.get("content"), found)
    return found


def _count(blocks: Any, found: Media) -> None:
    """Add the media among content `blocks` to `found`.

    Only what a provider takes for media is taken out of the text: the same keys in a tool call's arguments are text.
    A block without a type is what its key says, as vLLM reads it.
    """
    for block in blocks if isinstance(blocks, list) else ():
        if not isinstance(block, dict):
            continue
        kind, source = block.get("type"), block.get("source")
        if not isinstance(kind, str | None):
            continue
        if kind == "tool_result":
            _count(block.get("content"), found)
        elif kind == "document" and isinstance(source, dict) and source.get("type") in ("text", "content"):
            _count(source.get("content"), found)
        elif kind in _IMAGES or (kind is None and not _IMAGES.isdisjoint(block)):
            found.images += 1
            found.inline_bytes += _inline_bytes(block)
        elif kind in _DOCUMENTS or (kind is None and not _DOCUMENTS.isdisjoint(block)):
            found.documents += 1
            found.inline_bytes += _inline_bytes(block)


def _inline_bytes(block: dict[str, Any]) -> int:
    source, image, file, audio = (block.get(name) for name in ("source", "image_url", "file", "input_audio"))
    inline: Any = None
    if isinstance(source, dict) and source.get("type") == "base64":
        inline = source.get("data")
    elif isinstance(image, dict):
        inline = image.get("url")
    elif isinstance(image, str):
        inline = image
    elif isinstance(file, dict):
        inline = file.get("file_data")
    elif isinstance(audio, dict):
        inline = audio.get("data")
    return len(inline) if isinstance(inline, str) and inline.isascii() else 0


def _refusal(error: Exception) -> Refusal:
    text = str(error)
    if mismatch := _MISMATCH.match(text):
        expected = " or ".join(_TYPES.get(name, name) for name in mismatch[1].split(" | ") if name != "null")
        got = _TYPES.get(mismatch[2], mismatch[2])
        if not mismatch[3]:
            return Refusal("invalid_request", f"The body must be {expected}, not {got}")
        return wrong(mismatch[3], f"The field '{mismatch[3]}' must be {expected}, not {got}")
    if missing := _MISSING.match(text):
        name = f"{missing[2]}.{missing[1]}" if missing[2] else missing[1]
        return wrong(name, f"The field '{name}' is missing; it is required")
    if isinstance(error, msgspec.ValidationError):
        return Refusal("invalid_request", f"The body could not be understood: {text}")
    return Refusal("invalid_request", f"The body is not valid JSON: {text}")
