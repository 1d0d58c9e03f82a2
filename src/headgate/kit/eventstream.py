"""AWS event streams (application/vnd.amazon.eventstream): cut bytes into checked messages and read their headers."""

import struct
from binascii import crc32
from collections.abc import Iterator
from typing import Final, NamedTuple

Value = bool | int | bytes | str

_PRELUDE: Final = struct.Struct("!III")
"""Length of the message, length of its headers, checksum of both."""
_CRC: Final = struct.Struct("!I")
_OVERHEAD: Final = _PRELUDE.size + _CRC.size
_INTEGERS: Final = {2: struct.Struct("!b"), 3: struct.Struct("!h"), 4: struct.Struct("!i"), 5: struct.Struct("!q")}
_TIMESTAMP: Final = 8
_UUID: Final = 9
_UUID_BYTES: Final = 16
_LENGTH: Final = struct.Struct("!H")


class BrokenStream(ValueError):
    """The bytes are no event stream: a checksum or a length is wrong, or a message is longer than the bound."""


class Message(NamedTuple):
    """One message; its headers by name, such as `:message-type` and `:event-type`."""

    headers: dict[str, Value]
    payload: bytes

    def text(self, name: str) -> str:
        """The header `name`; empty where it is missing or no string."""
        value = self.headers.get(name)
        return value if isinstance(value, str) else ""


class MessageCutter:
    """Cuts chunks of any size into whole messages, both checksums of each compared (Amazon Lex V2 Developer Guide,
    "Event stream encoding").

    `max_message_bytes` bounds what is held back; AWS sends payloads of at most 24 MiB.
    """

    def __init__(self, max_message_bytes: int = 25 * 1024 * 1024) -> None:
        self._rest = bytearray()
        self._max_message_bytes = max_message_bytes

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """The messages completed by `chunk`, in order; take all of them before the next chunk.

        Raises:
            BrokenStream: after the messages that are sound; nothing behind it can be read.
        """
        rest = self._rest
        rest += chunk
        while len(rest) >= _PRELUDE.size:
            length, headers_length = self._prelude(rest)
            if len(rest) < length:
                return
            message = bytes(rest[:length])
            del rest[:length]
            yield _message(message, headers_length)

    def _prelude(self, data: bytearray) -> tuple[int, int]:
        """The lengths of the message and of its headers, believed only once their checksum agrees."""
        length, headers_length, checksum = _PRELUDE.unpack_from(data)
        if crc32(data[: _PRELUDE.size - _CRC.size]) != checksum:
            raise BrokenStream("the prelude of an event-stream message does not match its checksum")
        if length > self._max_message_bytes:
            raise BrokenStream(f"an event-stream message is longer than {self._max_message_bytes} bytes")
        if headers_length > length - _OVERHEAD:
            raise BrokenStream("the headers of an event-stream message are longer than the message")
        return length, headers_length


def _message(data: bytes, headers_length: int) -> Message:
    end = len(data) - _CRC.size
    if crc32(memoryview(data)[:end]) != _CRC.unpack_from(data, end)[0]:
        raise BrokenStream("an event-stream message does not match its checksum")
    payload = _PRELUDE.size + headers_length
    try:
        return Message(_headers(data[_PRELUDE.size : payload]), data[payload:end])
    except (struct.error, IndexError, UnicodeDecodeError):
        raise BrokenStream("the headers of an event-stream message cannot be read") from None


def _headers(data: bytes) -> dict[str, Value]:
    headers: dict[str, Value] = {}
    at = 0
    while at < len(data):
        end = at + 1 + data[at]
        name, kind = data[at + 1 : end].decode(), data[end]
        headers[name], at = _value(kind, data, end + 1)
    return headers


def _value(kind: int, data: bytes, at: int) -> tuple[Value, int]:
    """The value of type `kind` at `at`, and where the next header begins; times are milliseconds since 1970."""
    if kind in (0, 1):
        return kind == 0, at
    if kind == _UUID:
        return _slice(data, at, at + _UUID_BYTES)
    if kind in (6, 7):
        start = at + _LENGTH.size
        value, end = _slice(data, start, start + _LENGTH.unpack_from(data, at)[0])
        return (value.decode() if kind == 7 else value), end
    number = _INTEGERS.get(5 if kind == _TIMESTAMP else kind)
    if number is None:
        raise IndexError(f"header type {kind}")
    return number.unpack_from(data, at)[0], at + number.size


def _slice(data: bytes, start: int, end: int) -> tuple[bytes, int]:
    if end > len(data):
        raise IndexError(end)
    return data[start:end], end
