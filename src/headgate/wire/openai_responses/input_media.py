"""How much media a response's input carries (OpenAI API reference, responses, input items)."""

from typing import Any, Final

import msgspec

from headgate.domain.refusal import Refusal
from headgate.wire.body import ABSENT, Media, decode, inline_bytes

_IMAGES: Final = frozenset({"input_image", "computer_screenshot"})
_DOCUMENTS: Final = frozenset({"input_file", "input_audio"})


class _Part(msgspec.Struct):
    """A part of an item's content, as far as media go."""

    type: str | None = None
    image_url: Any = None
    file_data: Any = None
    input_audio: Any = None


class _Item(msgspec.Struct):
    type: str | None = None
    role: str | None = None
    content: list[_Part | str] | str | None = None
    output: msgspec.Raw = ABSENT
    result: Any = None


_ITEMS: Final = msgspec.json.Decoder(list[_Item])
_OUTPUT: Final = msgspec.json.Decoder(list[_Part | str] | _Part | str | None)


def input_media(items: msgspec.Raw) -> Media | None:
    """The images and documents in the array `items`; None where there are none.

    Raises:
        Refusal: `invalid_request`, an item cannot be read, so what it may cost is unknown; `invalid_parameter`, an item
            stands for one that is kept elsewhere.
    """
    found = Media()
    for item in decode(_ITEMS, items, "input"):
        if item.type == "item_reference" or (item.type is None and item.role is None):
            raise Refusal(
                "invalid_parameter",
                "An item of `input` only refers to another: conversations are not kept by this version; "
                "send the earlier turns in `input`.",
                param="input",
                status=422,
            )
        if isinstance(item.content, list):
            _count(item.content, found)
        if len(memoryview(item.output)):
            output = decode(_OUTPUT, item.output, "input")
            _count([output] if isinstance(output, _Part) else output if isinstance(output, list) else [], found)
        if item.type == "image_generation_call" and item.result:
            found.images += 1
            found.inline_bytes += inline_bytes(item.result)
    return found if found.images or found.documents else None


def _count(parts: list[_Part | str], found: Media) -> None:
    for part in parts:
        if isinstance(part, str):
            continue
        if part.type in _IMAGES:
            found.images += 1
            found.inline_bytes += inline_bytes(part.image_url)
        elif part.type in _DOCUMENTS:
            found.documents += 1
            audio = part.input_audio
            found.inline_bytes += inline_bytes(audio.get("data") if isinstance(audio, dict) else part.file_data)
