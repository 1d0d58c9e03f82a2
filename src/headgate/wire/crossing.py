"""What every crossing between wire formats needs: data URLs, tool arguments, the names of what stays behind."""

import base64
import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from headgate.wire.body import FIELDS, wrong

LABELS: Final = frozenset({"response_format.json_schema.name"})
"""Names of what changes nothing about an answer where it stays behind."""
_DATA_URL: Final = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),")
_NOTHING: Final = frozenset({b"null", b"false", b"0", b"0.0", b"[]", b"{}", b'""'})


class Dropped:
    """Collects the wire names of what cannot cross, each once, in the order met."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, name: str, there: object = True) -> None:
        """Note `name` unless there was nothing `there`."""
        if there:
            self._names[name] = None

    def unknown(self, raw: bytes, known: frozenset[str]) -> None:
        """Note the top-level fields of the body `raw` that are not `known` and say something."""
        for name, value in FIELDS.decode(raw).items():
            if name not in known and bytes(value) not in _NOTHING:
                self.add(name)

    def names(self) -> tuple[str, ...]:
        """All that was noted."""
        return tuple(self._names)


def inline(url: str) -> tuple[str, str] | None:
    """Media type and base64 data of a data URL (RFC 2397); None for any other URL."""
    match = _DATA_URL.match(url)
    if match is None or not match[2].endswith(";base64"):
        return None
    return match[1], url[match.end() :]


def data_url(media_type: str, data: str) -> str:
    """A data URL of base64 `data` (RFC 2397)."""
    return f"data:{media_type};base64,{data}"


def plain_text(data: str) -> str:
    """The text in base64 `data`; what is not UTF-8 is replaced.

    Raises:
        Refusal: `invalid_request`, the data is not base64.
    """
    try:
        return base64.b64decode(data).decode("utf-8", "replace")
    except ValueError:
        raise wrong("messages", "The data of a text file in 'messages' is not base64; encode it") from None


def arguments_object(arguments: str) -> Any:
    """A tool call's JSON text as a JSON object.

    A model may write arguments that are no object; they are kept as text under `arguments`, so that nothing it said is
    lost.
    """
    if not arguments.strip():
        return {}
    try:
        if isinstance(msgspec.json.decode(arguments), dict):
            return msgspec.Raw(arguments.encode())
    except (msgspec.DecodeError, UnicodeError):
        pass
    return {"arguments": arguments}


def present(fields: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields if value is not None}
