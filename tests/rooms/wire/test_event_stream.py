"""AWS event streams: any chunking, every type of header, and nothing believed that its checksum does not bear out."""

import struct
from binascii import crc32
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rooms.wire.aws_messages import header, message, named, string
from tests.rooms.wire.golden_files import UNTIMED

from headgate.kit.eventstream import BrokenStream, Message, MessageCutter

payloads = st.lists(st.tuples(st.text(max_size=9), st.binary(max_size=60)), max_size=5)


def cut(*chunks: bytes, **bounds: int) -> list[Message]:
    cutter = MessageCutter(**bounds)
    return [found for chunk in chunks for found in cutter.feed(chunk)]


def test_published_bytes_are_read() -> None:
    """Two messages as another implementation publishes them (event_stream for Elixir, 0.1.0, documentation)."""
    bare = bytes([0, 0, 0, 30, 0, 0, 0, 0, 186, 242, 246, 138]) + b'{"foo": "bar"}' + bytes([174, 114, 88, 228])
    typed = (
        bytes([0, 0, 0, 62, 0, 0, 0, 32, 64, 93, 249, 70, 12])
        + b"content-type"
        + bytes([7, 0, 16])
        + b'application/json{"foo": "bar"}'
        + bytes([111, 162, 191, 59])
    )
    assert cut(bare + typed) == [
        Message({}, b'{"foo": "bar"}'),
        Message({"content-type": "application/json"}, b'{"foo": "bar"}'),
    ]


@UNTIMED
@given(sent=payloads, cuts=st.lists(st.integers(0, 600), max_size=30))
def test_any_chunking_gives_the_same_messages(sent: list[tuple[str, bytes]], cuts: list[int]) -> None:
    stream = b"".join(named(payload, event_type=name) for name, payload in sent)
    ends = sorted({end for end in cuts if end < len(stream)})
    chunks = [stream[start:end] for start, end in pairwise([0, *ends, len(stream)])]
    assert cut(*chunks) == [Message({":event-type": name}, payload) for name, payload in sent]


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        (0, b"", True),
        (1, b"", False),
        (2, struct.pack("!b", -5), -5),
        (3, struct.pack("!h", -500), -500),
        (4, struct.pack("!i", -70_000), -70_000),
        (5, struct.pack("!q", -(2**40)), -(2**40)),
        (6, b"\x00\x02\xff\x00", b"\xff\x00"),
        (7, string("Grüß"), "Grüß"),
        (8, struct.pack("!q", 1_700_000_000_000), 1_700_000_000_000),
        (9, bytes(range(16)), bytes(range(16))),
    ],
)
def test_every_type_of_header_is_read(kind: int, written: bytes, value: Any) -> None:
    read = cut(message(header("a", kind, written) + header("b", 7, string("last")), b"x"))
    assert read == [Message({"a": value, "b": "last"}, b"x")]
    assert read[0].text("a") == (value if isinstance(value, str) else "")


@UNTIMED
@given(at=st.integers(0, 200), flip=st.integers(1, 255), payload=st.binary(min_size=1, max_size=40))
def test_a_changed_byte_never_passes(at: int, flip: int, payload: bytes) -> None:
    """It breaks the stream, wherever it stands; what came before it was read."""
    first, second = named(b"sound", event_type="a"), bytearray(named(payload, event_type="b"))
    second[at % len(second)] ^= flip
    found = MessageCutter().feed(first + bytes(second))
    assert next(found).payload == b"sound"
    with pytest.raises(BrokenStream):
        next(found)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (message(b"", b"x" * 200), "longer than 100 bytes"),
        (message(header("a", 12, b""), b""), "cannot be read"),
        (message(header("a", 7, b"\x00\x09ab"), b""), "cannot be read"),
        (message(header("a", 7, string("ab"))[:-2], b""), "cannot be read"),
        (message(header("a", 5, b"\x00"), b""), "cannot be read"),
        (message(header("a", 9, b"\x00"), b""), "cannot be read"),
        (message(header("a", 7, b"\x00\x01\xff"), b""), "cannot be read"),
        (message(b"\xff", b""), "cannot be read"),
    ],
)
def test_a_message_that_cannot_be_says_why(broken: bytes, reason: str) -> None:
    with pytest.raises(BrokenStream, match=reason):
        cut(broken, max_message_bytes=100)


def test_a_message_is_bounded_before_it_is_here() -> None:
    """The prelude alone says how long the message would be."""
    with pytest.raises(BrokenStream, match="longer than 100 bytes"):
        cut(message(b"", b"x" * 200)[:12], max_message_bytes=100)


def test_headers_longer_than_their_message_are_refused() -> None:
    prelude = struct.pack("!II", 20, 5)
    with pytest.raises(BrokenStream, match="longer than the message"):
        cut(prelude + struct.pack("!I", crc32(prelude)))
