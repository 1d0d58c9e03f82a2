"""A small, deterministic value for a JSON Schema, and what can be said of an image's bytes."""

import base64
import binascii
from typing import Any, Final

from headgate.domain.prompt import ImagePart

MAX_DEPTH: Final = 12
MAX_ITEMS: Final = 16


def sample(schema: Any, definitions: dict[str, Any] | None = None, depth: int = 0) -> Any:
    """A value that meets `schema` (JSON Schema 2020-12, its common keywords); `{}` gives an empty object."""
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return None
    known = definitions if definitions is not None else {**schema.get("definitions", {}), **schema.get("$defs", {})}
    if "$ref" in schema:
        return sample(known.get(str(schema["$ref"]).rpartition("/")[2], {}), known, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for keyword in ("anyOf", "oneOf", "allOf"):
        if schema.get(keyword):
            return sample(schema[keyword][0], known, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema or not schema else "string")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "object":
        named = schema.get("properties", {})
        required = schema.get("required", list(named))
        return {name: sample(named.get(name, {"type": "string"}), known, depth + 1) for name in required}
    if kind == "array":
        count = min(max(int(schema.get("minItems", 1)), 0), MAX_ITEMS)
        return [sample(schema.get("items", {"type": "string"}), known, depth + 1) for _ in range(count)]
    return _scalar(str(kind), schema)


def _scalar(kind: str, schema: dict[str, Any]) -> Any:
    if kind in ("integer", "number"):
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        step = 1 if "exclusiveMinimum" in schema and "minimum" not in schema else 0
        value = low + step
        most = schema.get("maximum", value)
        value = min(max(value, 1) if "minimum" not in schema and step == 0 else value, most)
        return int(value) if kind == "integer" else float(value)
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    formats = {"date": "2026-01-01", "date-time": "2026-01-01T00:00:00Z", "email": "demo@example.org"}
    formats |= {"uri": "https://example.org/", "uuid": "00000000-0000-4000-8000-000000000000", "time": "00:00:00Z"}
    text = formats.get(str(schema.get("format")), "demo")
    text = text.ljust(int(schema.get("minLength", 0)), "o")
    return text[: int(schema["maxLength"])] if "maxLength" in schema else text


def describe(image: ImagePart) -> str:
    """Media type, size in bytes and, for PNG, GIF and JPEG, in pixels."""
    if image.url:
        return f"an image at {image.url[:100]}"
    try:
        data = base64.b64decode(image.data)
    except (binascii.Error, ValueError):
        return "an image that is not base64"
    pixels = _pixels(data)
    size = f", {pixels[0]}x{pixels[1]} pixels" if pixels else ""
    return f"an image ({image.media_type or 'unknown type'}, {len(data)} bytes{size})"


def _pixels(data: bytes) -> tuple[int, int] | None:
    """Width and height (PNG: W3C, 11.2.2; GIF: 89a, 18; JPEG: ITU-T T.81, B.2.2)."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if data.startswith((b"GIF87a", b"GIF89a")) and len(data) >= 10:
        return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    place = 2
    while data.startswith(b"\xff\xd8") and place + 9 <= len(data) and data[place] == 0xFF:
        if 0xC0 <= data[place + 1] <= 0xCF and data[place + 1] not in (0xC4, 0xC8, 0xCC):
            height, width = data[place + 5 : place + 7], data[place + 7 : place + 9]
            return int.from_bytes(width, "big"), int.from_bytes(height, "big")
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return None
