"""Makes a small JSON value that satisfies a JSON Schema (2020-12), the same one every time."""

import math
from typing import Any, Final

from headgate.pool.providers.demo.patterns import example

MAX_VALUES: Final = 2_000
"""How many values one filling makes; what lies beyond is null."""
MAX_DEPTH: Final = 24
MAX_ITEMS: Final = 100
MAX_STRING: Final = 10_000
_EVERY_PROPERTY_DEPTH: Final = 3
"""Where nothing is required, the properties are filled down to this depth."""
_FORMATS: Final = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "demo@example.org",
    "hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_OF_OBJECTS: Final = ("properties", "required", "additionalProperties", "minProperties")
_OF_ARRAYS: Final = ("items", "prefixItems", "minItems")
_OF_NUMBERS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")


def fill(schema: dict[str, Any]) -> Any:
    """A value for `schema`; keywords that contradict each other or need a search (`not`, `if`) are passed over."""
    return _Filling(schema).value(schema, 0)


class _Filling:
    """One filling, which counts the values that it makes."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._left = MAX_VALUES

    def value(self, schema: Any, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH or not isinstance(schema, dict):
            return None
        schema = self._resolved(schema, 0)
        if "const" in schema:
            return schema["const"]
        if _list(schema.get("enum")):
            return schema["enum"][0]
        kind = _kind(schema)
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        if kind == "string":
            return _string(schema)
        if kind in ("integer", "number"):
            return _number(schema, whole=kind == "integer")
        return False if kind == "boolean" else None

    def _resolved(self, schema: dict[str, Any], hops: int) -> dict[str, Any]:
        """`schema` with its reference followed and its parts merged: all of `allOf`, the first of a choice."""
        if hops > MAX_DEPTH:
            return {}
        parts: list[Any] = [self._referred(schema["$ref"])] if isinstance(schema.get("$ref"), str) else []
        parts += _list(schema.get("allOf"))
        for name in ("anyOf", "oneOf"):
            choice = _list(schema.get(name))
            parts += sorted(choice, key=_is_null)[:1]
        if not parts:
            return schema
        merged = {name: value for name, value in schema.items() if name not in ("$ref", "allOf", "anyOf", "oneOf")}
        for part in parts:
            if isinstance(part, dict):
                _merge(merged, self._resolved(part, hops + 1))
        return merged

    def _referred(self, reference: str) -> Any:
        """What a reference within the document points to (RFC 6901); empty for others."""
        found: Any = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and step.isdigit() and int(step) < len(found):
                found = found[int(step)]
            else:
                found = found.get(step) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else {}

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        declared = schema.get("properties")
        properties: dict[str, Any] = declared if isinstance(declared, dict) else {}
        names = [name for name in _list(schema.get("required")) if isinstance(name, str)]
        if not names and depth < _EVERY_PROPERTY_DEPTH:
            names = list(properties)
        further = schema.get("additionalProperties")
        filled = {name: self.value(properties.get(name, further), depth + 1) for name in names}
        least = _whole(schema.get("minProperties"), MAX_ITEMS)
        for name in [*properties, *(f"key{number}" for number in range(least))]:
            if len(filled) >= least:
                break
            filled.setdefault(name, self.value(properties.get(name, further), depth + 1))
        return filled

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        first, rest = _list(schema.get("prefixItems")), schema.get("items")
        length = _whole(schema.get("minItems"), MAX_ITEMS)
        if "minItems" not in schema and schema.get("maxItems") != 0:
            length = 1 if depth < _EVERY_PROPERTY_DEPTH else 0
        found = [self.value(first[at] if at < len(first) else rest, depth + 1) for at in range(length)]
        return [_varied(one, at) for at, one in enumerate(found)] if schema.get("uniqueItems") is True else found


def _kind(schema: dict[str, Any]) -> str:
    """The type to make: the first that is not null, or the one that the keywords are about; else a string."""
    named = schema.get("type")
    kinds = [kind for kind in (named if isinstance(named, list) else [named]) if isinstance(kind, str)]
    if kinds:
        return next((kind for kind in kinds if kind != "null"), "null")
    for kind, keywords in (("object", _OF_OBJECTS), ("array", _OF_ARRAYS), ("number", _OF_NUMBERS)):
        if not schema.keys().isdisjoint(keywords):
            return kind
    return "string"


def _string(schema: dict[str, Any]) -> str:
    least, most = _whole(schema.get("minLength"), MAX_STRING), schema.get("maxLength")
    if isinstance(schema.get("pattern"), str):
        return example(schema["pattern"])
    text = _FORMATS.get(str(schema.get("format")), "demo")
    text += "." * max(0, least - len(text))
    return text[:most] if isinstance(most, int) and most >= 0 else text


def _number(schema: dict[str, Any], *, whole: bool) -> int | float:
    """The number nearest to 1 within the bounds, then the next multiple upwards."""
    step = _bound(schema, "multipleOf") or (1 if whole else 0)
    low, high = _bound(schema, "minimum"), _bound(schema, "maximum")
    above, below = _bound(schema, "exclusiveMinimum"), _bound(schema, "exclusiveMaximum")
    apart = step or 0.5
    if above is not None:
        low = above + apart if low is None or above >= low else low
    if below is not None:
        high = below - apart if high is None or below <= high else high
    wanted: int | float = 1 if low is None else max(1, low)
    if high is not None:
        wanted = min(wanted, high)
    if step:
        wanted = math.ceil(wanted / step) * step
        if high is not None and wanted > high:
            wanted = math.floor(high / step) * step
    return int(wanted) if whole else wanted


def _bound(schema: dict[str, Any], name: str) -> int | float | None:
    value = schema.get(name)
    usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53
    return value if usable else None


def _whole(value: Any, most: int) -> int:
    return max(0, min(value, most)) if isinstance(value, int) else 0


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_null(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "null"


def _merge(into: dict[str, Any], part: dict[str, Any]) -> None:
    for name, value in part.items():
        if name == "properties" and isinstance(into.get(name), dict) and isinstance(value, dict):
            into[name] = {**into[name], **value}
        elif name == "required":
            into[name] = [*_list(into.get(name)), *_list(value)]
        else:
            into[name] = value


def _varied(value: Any, at: int) -> Any:
    """A value unlike those before it, where that is a matter of adding to it."""
    if at and isinstance(value, str):
        return f"{value}{at}"
    return value + at if isinstance(value, int | float) and not isinstance(value, bool) else value
