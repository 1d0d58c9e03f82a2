"""Framing of the journal: length, CRC32C, kind, version, msgpack; what is torn and what is damaged is told apart.

A frame is `length` (u32, little-endian: the bytes after the checksum), `checksum` (u32, little-endian: CRC32C of those
bytes), `kind` (u8), `version` (u8) and the body, an array in msgpack. A later version may append fields to a body, so
that a reader of the version before still reads it.
"""

import re
import struct
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import msgspec
from crc32c import crc32c

from headgate.journal.records import VERSION, Admin, AttemptClose, AttemptOpen, Body, Close, Kind, Unauthenticated

MAX_FRAME_BYTES: Final = 1 << 20
READABLE: Final = frozenset({VERSION})
"""The versions this reader knows: its own and the one before, once there is one."""

_TYPES: Final[dict[Kind, type[Body]]] = {
    Kind.ATTEMPT_OPEN: AttemptOpen,
    Kind.ATTEMPT_CLOSE: AttemptClose,
    Kind.CLOSE: Close,
    Kind.ADMIN: Admin,
    Kind.UNAUTHENTICATED: Unauthenticated,
}
_MARKS: Final = {type_: bytes((kind, VERSION)) for kind, type_ in _TYPES.items()}
_READERS: Final[dict[bytes, Callable[[bytes], Body]]] = {
    bytes((kind, version)): msgspec.msgpack.Decoder(type_).decode
    for kind, type_ in _TYPES.items()
    for version in READABLE
}
"""By kind and version, as a frame begins."""
_HEADER: Final = struct.Struct("<II")
_MARK_BYTES: Final = 2
_FRAME_START: Final = re.compile(
    b"(?s)(?=.{8}[%s][%s])" % (bytes(_TYPES), b"".join(re.escape(bytes((v,))) for v in sorted(READABLE)))
)
_encode_body = msgspec.msgpack.Encoder().encode


class UnreadableFrame(Exception):
    """A whole frame of a kind or version that this reader does not know: a newer Headgate wrote it."""


class FrameTooLong(Exception):
    """A body of more than `MAX_FRAME_BYTES`, which no reader would take for a frame."""


class Frame(NamedTuple):
    """A whole frame whose checksum is right."""

    checked: bytes
    """What the checksum covers: kind, version and body."""
    end: int
    """The offset in the buffer at which the next frame begins."""


class Gap(NamedTuple):
    """Bytes that are no frame."""

    start: int
    end: int
    torn: bool
    """Whether an append that was cut off explains them; otherwise they are damage."""


def encode(body: Body) -> bytes:
    """The frame of `body`.

    Raises:
        FrameTooLong: it would have more than `MAX_FRAME_BYTES`.
    """
    checked = _MARKS[type(body)] + _encode_body(body)
    if len(checked) > MAX_FRAME_BYTES:
        raise FrameTooLong(f"a {type(body).__name__} of {len(checked):,} bytes")
    return _HEADER.pack(len(checked), crc32c(checked)) + checked


def decode(frame: Frame) -> Body:
    """What `frame` says.

    Raises:
        UnreadableFrame: its kind, version or body is unknown.
    """
    checked = frame[0]
    try:
        return _READERS[checked[:_MARK_BYTES]](checked[_MARK_BYTES:])
    except (KeyError, msgspec.MsgspecError) as error:
        raise UnreadableFrame(f"kind {checked[0]}, version {checked[1]}: {error}") from error


def whole_frames(buffer: bytes, offset: int = 0) -> Iterator[Frame]:
    """The frames from `offset` on, up to the first bytes that are none."""
    last = len(buffer) - _HEADER.size - _MARK_BYTES
    while offset <= last:
        length, checksum = _HEADER.unpack_from(buffer, offset)
        start = offset + _HEADER.size
        offset = start + length
        if not _MARK_BYTES <= length <= MAX_FRAME_BYTES or offset > len(buffer):
            return
        checked = buffer[start:offset]
        if crc32c(checked) != checksum:
            return
        yield Frame(checked, offset)


def read(buffer: bytes) -> tuple[list[Body], int]:
    """What the whole frames from the start of `buffer` say, up to the first bytes that are none, and where they end.

    Raises:
        UnreadableFrame: the kind, version or body of one is unknown.
    """
    bodies: list[Body] = []
    end = 0
    for frame in whole_frames(buffer):
        bodies.append(decode(frame))
        end = frame.end
    return bodies, end


def survey(buffer: bytes) -> Iterator[Frame | Gap]:
    """Everything in `buffer`, which holds a segment to its end: each byte is part of one frame or of one gap."""
    offset = 0
    while True:
        for frame in whole_frames(buffer, offset):
            yield frame
            offset = frame.end
        if offset == len(buffer):
            return
        found = _next_frame(buffer, offset)
        end = len(buffer) if found is None else found
        yield Gap(offset, end, torn=found is None and _is_torn(buffer[offset:]))
        offset = end


def _next_frame(buffer: bytes, offset: int) -> int | None:
    """Where the next whole frame begins after bytes that are none."""
    for match in _FRAME_START.finditer(buffer, offset + 1):
        if next(whole_frames(buffer, match.start()), None) is not None:
            return match.start()
    return None


def _is_torn(rest: bytes) -> bool:
    """Whether an append that was cut off leaves such bytes: less than a frame, or space that was never written."""
    if not rest.strip(b"\0"):
        return True
    if len(rest) < _HEADER.size:
        return True
    length, _ = _HEADER.unpack_from(rest)
    return bool(_MARK_BYTES <= length <= MAX_FRAME_BYTES and _HEADER.size + length > len(rest))
