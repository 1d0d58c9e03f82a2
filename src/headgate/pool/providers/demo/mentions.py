"""What a message mentions that the demo model can use: texts in quotes, and numbers."""

import operator
import re
from collections.abc import Callable
from typing import Any, Final

MAX_QUOTE: Final = 1_000
"""Characters that a text in quotes may have."""
_QUOTES: Final = re.compile(r"""(?<!\w)(?:'([^'\n]+)'|"([^"\n]+)"|`([^`\n]+)`)(?!\w)""")
_NUMBERS: Final = re.compile(r"(?<![\w.])-?\d{1,15}(?:\.\d{1,15})?(?!\w|\.\d)")
_BOUNDS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "minimum": operator.ge,
    "maximum": operator.le,
    "exclusiveMinimum": operator.gt,
    "exclusiveMaximum": operator.lt,
    "minLength": operator.ge,
    "maxLength": operator.le,
}
_KNOWN: Final = {"type", "title", "description", "default", "examples", *_BOUNDS}


def quotes(text: str) -> list[str]:
    """The texts in quotes within `text`, in their order."""
    found = ("".join(match.groups("")) for match in _QUOTES.finditer(text))
    return [quoted for quoted in found if len(quoted) <= MAX_QUOTE]


def numbers(text: str) -> list[float]:
    """The numbers within `text` that stand outside quotes, in their order."""
    return [float(found) for found in _NUMBERS.findall(_QUOTES.sub(" ", text))]


def mentioned(arguments: dict[str, Any], schema: dict[str, Any], text: str, *, but: str) -> dict[str, Any]:
    """`arguments` with what `text` mentions: quoted texts for the strings, numbers for the numbers, each in order.

    What an argument's part of `schema` does not allow, or asks for in more ways than are known here, is not taken; nor
    is the quoted text `but`.
    """
    declared = schema.get("properties")
    properties = declared if isinstance(declared, dict) else {}
    texts = [quoted for quoted in quotes(text) if quoted != but]
    left: dict[str, list[Any]] = {"string": texts, "number": numbers(text)}
    left["integer"] = left["number"]
    given = dict(arguments)
    for name in arguments:
        part = properties.get(name)
        if not isinstance(part, dict) or not part.keys() <= _KNOWN:
            continue
        offered = left.get(str(part.get("type")), [])
        found = next((value for value in offered if _fits(value, part)), None)
        if found is not None:
            offered.remove(found)
            given[name] = int(found) if part["type"] == "integer" else found
    return given


def _fits(value: str | float, schema: dict[str, Any]) -> bool:
    """Whether `value` is within the bounds of `schema`."""
    if isinstance(value, float) and schema["type"] == "integer" and not value.is_integer():
        return False
    size = len(value) if isinstance(value, str) else value
    for keyword, kept in _BOUNDS.items():
        bound = schema.get(keyword)
        if isinstance(bound, int | float) and not kept(size, bound):
            return False
    return True
