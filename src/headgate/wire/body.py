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
_IMAGES: Final = frozenset({"image", "image_url", "input_image"})
_DOCUMENTS: Final = frozenset(
    {"document", "file", "input_file", "input_audio", "audio_url", "video_url", "container_upload"}
)


class Media(msgspec.Struct):
    """How many images and documents a body carries, and the bytes of those that it carries inline."""

    images: int = 0
    documents: int = 0
    inline_bytes: int = 0


class _Block(msgspec.Struct):
    """A content block, as far as media go; the values are read only where the type asks for it."""

    type: str | None = None
    content: msgspec.Raw = ABSENT
    source: msgspec.Raw = ABSENT
    image: msgspec.Raw = ABSENT
    image_url: msgspec.Raw = ABSENT
    file: msgspec.Raw = ABSENT
    input_audio: msgspec.Raw = ABSENT
    audio_url: msgspec.Raw = ABSENT
    video_url: msgspec.Raw = ABSENT

    def kind(self) -> str | None:
        """The type; a block without one is what its key says, as vLLM reads it."""
        if self.type is None:
            return next((name for name in _KEYS if len(memoryview(getattr(self, name)))), None)
        return self.type


class _Message(msgspec.Struct):
    content: list[_Block | str] | str | None = None


_MESSAGES: Final = msgspec.json.Decoder(list[_Message])
_BLOCKS: Final = msgspec.json.Decoder(list[_Block | str] | str | None)
_VALUE: Final = msgspec.json.Decoder()
_KEYS: Final = ("image", "image_url", "file", "input_audio", "audio_url", "video_url")


def decode(decoder: "msgspec.json.Decoder[T]", raw: bytes | msgspec.Raw, param: str = "") -> T:
    """`raw`, the body or the value of its field `param`, read by `decoder`.

    Raises:
        Refusal: `invalid_request`, naming the field at fault.
    """
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refusal(error, param) from None


def wrong(param: str, sentence: str) -> Refusal:
    """The refusal of a body whose field `param` is wrong."""
    return Refusal("invalid_request", sentence, param=param)


def refuse_unpriced_tier(tier: msgspec.Raw) -> None:
    """Refuse a service tier that costs more than the price of its model, which is all that is known here.

    Raises:
        Refusal: `invalid_request`.
    """
    if bytes(tier) == b'"priority"':
        raise wrong(
            "service_tier",
            "The service tier 'priority' costs more than the model's price says, so what it costs is unknown; "
            "leave service_tier out, or ask for 'flex' or 'default'.",
        )


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
        Refusal: `invalid_request`, the content cannot be read, so what it may cost is unknown.
    """
    # Media stand in arrays of content blocks: a body whose only array is its messages has none.
    if raw.find(b"[", raw.find(b"[") + 1) == -1:
        return None
    found = Media()
    for message in decode(_MESSAGES, messages, "messages"):
        content = message.content
        if isinstance(content, list):
            _count(content, found)
    return found if found.images or found.documents else None


def _count(blocks: list[_Block | str], found: Media) -> None:
    """Add the media among content `blocks` to `found`.

    Only what a provider takes for media is taken out of the text: the same keys in a tool call's arguments are text.
    """
    for block in blocks:
        if isinstance(block, str) or block.type == "text":
            continue
        kind = block.kind()
        if kind == "tool_result":
            _count_nested(block.content, found)
        elif kind in _IMAGES:
            found.images += 1
            found.inline_bytes += _inline_bytes(block)
        elif kind in _DOCUMENTS:
            source = _value(block.source)
            if isinstance(source, dict) and source.get("type") == "content":
                _count_nested(msgspec.Raw(msgspec.json.encode(source.get("content"))), found)
            elif not isinstance(source, dict) or source.get("type") != "text":
                found.documents += 1
                found.inline_bytes += _inline_bytes(block)


def _count_nested(content: msgspec.Raw, found: Media) -> None:
    if holds_list(content):
        blocks = decode(_BLOCKS, content, "messages")
        _count(blocks if isinstance(blocks, list) else [], found)


def _inline_bytes(block: _Block) -> int:
    """The length of the block's base64 data; 0 where it is elsewhere, or is text."""
    source, image, file, audio = map(_value, (block.source, block.image_url, block.file, block.input_audio))
    inline: Any = image
    if isinstance(source, dict) and source.get("type") == "base64":
        inline = "" if _is_text(str(source.get("media_type"))) else source.get("data")
    elif isinstance(image, dict):
        inline = image.get("url")
    elif isinstance(file, dict):
        inline = file.get("file_data")
    elif isinstance(audio, dict):
        inline = audio.get("data")
    return inline_bytes(inline)


def inline_bytes(data: Any) -> int:
    """The length of base64 data; none of a data URL of text, which a provider may be sent, and count, as what it is."""
    if not isinstance(data, str) or not data.isascii() or _is_text(data[:16].lower().removeprefix("data:")):
        return 0
    return len(data)


def _is_text(media_type: str) -> bool:
    return media_type.lower().startswith("text/")


def _value(value: msgspec.Raw) -> Any:
    return decode(_VALUE, value, "messages") if len(memoryview(value)) else None


def _refusal(error: Exception, param: str) -> Refusal:
    text = str(error)
    if mismatch := _MISMATCH.match(text):
        expected = " or ".join(_TYPES.get(name, name) for name in mismatch[1].split(" | ") if name != "null")
        got = _TYPES.get(mismatch[2], mismatch[2])
        if place := _place(param, mismatch[3]):
            return wrong(place, f"The field '{place}' must be {expected}, not {got}")
        return Refusal("invalid_request", f"The body must be {expected}, not {got}")
    if missing := _MISSING.match(text):
        place = ".".join(filter(None, (_place(param, missing[2]), missing[1])))
        return wrong(place, f"The field '{place}' is missing; it is required")
    if isinstance(error, msgspec.ValidationError):
        return Refusal("invalid_request", f"The body could not be understood: {text}")
    return Refusal("invalid_request", f"The body is not valid JSON: {text}")


def _place(param: str, path: str | None) -> str:
    """Where in the body `path` stands, which was found in the value of `param`."""
    if not path or not param:
        return param or path or ""
    return f"{param}{path}" if path.startswith("[") else f"{param}.{path}"
