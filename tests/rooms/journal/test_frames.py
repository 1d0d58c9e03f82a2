"""Framing: what was written is read, what was cut off is cut, what was damaged is said."""

import random
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rooms.journal.samples import NOW_MS, closed, request

from headgate.journal.frames import (
    MAX_FRAME_BYTES,
    Frame,
    FrameTooLong,
    Gap,
    UnreadableFrame,
    decode,
    encode,
    survey,
    whole_frames,
)
from headgate.journal.records import Body, Close, Step

TORN_TAILS = 300
OF_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**63), 2**63 - 1),
    int | None: st.none() | st.integers(0, 2**31),
    str: st.text(max_size=40),
    bytes: st.binary(max_size=16),
    tuple[int, ...]: st.lists(st.integers(0, 2**63 - 1), max_size=4).map(tuple),
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a record's field, or any record."""
    if kind == tuple[Step, ...]:
        return st.lists(values(Step), max_size=3).map(tuple)
    if kind in OF_TYPE:
        return OF_TYPE[kind]
    if type(None) in get_args(kind):
        return st.none() | values(get_args(kind)[0])
    return st.builds(kind, *(values(field.type) for field in msgspec.structs.fields(kind)))


bodies = st.one_of([values(kind) for kind in get_args(Body)])


def read(data: bytes) -> list[Body]:
    return [decode(frame) for frame in whole_frames(data)]


def many(requests: int) -> list[bytes]:
    return [encode(body) for _ in range(requests) for body in request()]


@given(st.lists(bodies, max_size=8))
def test_what_was_encoded_is_decoded(records: list[Body]) -> None:
    assert read(b"".join(map(encode, records))) == records


def test_a_torn_tail_is_cut_and_nothing_before_it_is_lost_or_misread() -> None:
    chance = random.Random(1)
    frames = many(20)
    data, ends = b"".join(frames), [sum(map(len, frames[: n + 1])) for n in range(len(frames))]
    for _ in range(TORN_TAILS):
        cut = chance.randrange(len(data))
        left = bytes(data[:cut]) + bytes(chance.choice((0, 0, 700)))
        whole = sum(end <= cut for end in ends)
        items = list(survey(left))
        assert [decode(item) for item in items if isinstance(item, Frame)] == read(b"".join(frames[:whole]))
        if len(left) == cut:
            assert all(item.torn for item in items if isinstance(item, Gap))


def test_a_flipped_bit_before_the_tail_costs_one_frame_and_is_reported() -> None:
    chance = random.Random(2)
    frames = many(10)
    data, last = b"".join(frames), len(frames[-1])
    for _ in range(500):
        damaged = bytearray(data)
        at = chance.randrange(len(data) - last)
        damaged[at] ^= 1 << chance.randrange(8)
        items = list(survey(bytes(damaged)))
        gaps = [item for item in items if isinstance(item, Gap)]
        assert len(gaps) == 1
        assert not gaps[0].torn
        assert gaps[0].start <= at < gaps[0].end
        assert sum(isinstance(item, Frame) for item in items) == len(frames) - 1


def test_a_flipped_bit_in_the_last_frame_is_never_read() -> None:
    data = encode(closed("01a3185c-5000-724d-bc61-43f6fed1e322"))
    for at in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[at // 8] ^= 1 << at % 8
        (gap,) = survey(bytes(damaged))
        assert isinstance(gap, Gap)
        assert gap.end == len(data)


@given(st.binary(max_size=400))
def test_any_bytes_are_surveyed_to_their_end(data: bytes) -> None:
    at = 0
    for item in survey(data):
        assert item.end > at
        at = item.end
    assert at == len(data)


def test_a_frame_of_a_version_from_the_future_is_refused_and_not_skipped() -> None:
    (frame,) = whole_frames(encode(closed("")))
    with pytest.raises(UnreadableFrame, match="version 9"):
        decode(frame._replace(checked=b"\x03\x09" + frame.checked[2:]))
    with pytest.raises(UnreadableFrame, match="kind 77"):
        decode(frame._replace(checked=b"\x4d\x01" + frame.checked[2:]))


def test_a_later_field_at_the_end_of_a_body_does_not_hinder_this_reader() -> None:
    body = closed("01a3185c-5000-724d-bc61-43f6fed1e322")
    (frame,) = whole_frames(encode(body))
    longer = msgspec.msgpack.encode([*msgspec.msgpack.decode(frame.checked[2:]), "a field of tomorrow"])
    assert decode(frame._replace(checked=frame.checked[:2] + longer)) == body


def test_a_body_no_reader_would_take_is_refused() -> None:
    with pytest.raises(FrameTooLong):
        encode(closed(str(NOW_MS), sentence="x" * MAX_FRAME_BYTES))


def test_a_usage_written_before_it_had_more_parts_is_read() -> None:
    fields = msgspec.msgpack.decode(msgspec.msgpack.encode(closed("r")))
    place = Close.__struct_fields__.index("usage")
    fields[place] = fields[place][:5]
    old = msgspec.convert(fields, Close)
    assert old.usage == closed("r").usage
