"""What can be said of an image without looking at it: its media type, its bytes, its pixels."""

import base64
import struct
from typing import Final

from headgate.domain.prompt import ImagePart

HEADER_BYTES: Final = 256 * 1024
"""How much of an image is decoded in search of its size; a JPEG's may stand behind a long preview."""
PIXELS_PER_TOKEN: Final = 750
MAX_IMAGE_TOKENS: Final = 1_600
_JPEG_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


def describe(image: ImagePart) -> str:
    """A few words such as `image/png, 68 bytes, 1 x 1 pixels`; an image by URL is not fetched."""
    if not image.data:
        return f"at {image.url[:120]}"
    said = f"{image.media_type or 'unknown type'}, {_size_bytes(image.data)} bytes"
    pixels = _pixels(image.data)
    return said if pixels is None else f"{said}, {pixels[0]} x {pixels[1]} pixels"


def image_tokens(image: ImagePart) -> int:
    """What an image counts for: a token for 750 pixels, from 1 to 1,600; of unknown size, 1,600."""
    pixels = _pixels(image.data) if image.data else None
    if pixels is None:
        return MAX_IMAGE_TOKENS
    return max(1, min(MAX_IMAGE_TOKENS, pixels[0] * pixels[1] // PIXELS_PER_TOKEN))


def _size_bytes(data: str) -> int:
    return len(data) * 3 // 4 - data[-2:].count("=")


def _pixels(data: str) -> tuple[int, int] | None:
    """Width and height from the header of a PNG, GIF or JPEG; None for others and for what is broken."""
    try:
        head = base64.b64decode(data[: HEADER_BYTES // 3 * 4])
        if head.startswith(b"\x89PNG\r\n\x1a\n"):
            width, height = struct.unpack_from(">II", head, 16)
        elif head[:6] in (b"GIF87a", b"GIF89a"):
            width, height = struct.unpack_from("<HH", head, 6)
        elif head.startswith(b"\xff\xd8"):
            return _jpeg_pixels(head)
        else:
            return None
    except (ValueError, struct.error):
        return None
    return width, height


def _jpeg_pixels(head: bytes) -> tuple[int, int] | None:
    """The size in the first frame header (ITU T.81, B.2.2)."""
    at = 2
    while True:
        marker, length = struct.unpack_from(">HH", head, at)
        if marker >> 8 != 0xFF or length < 2:
            return None
        if marker & 0xFF in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", head, at + 5)
            return width, height
        at += 2 + length
