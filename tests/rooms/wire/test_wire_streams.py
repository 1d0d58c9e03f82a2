"""Reading streams: any chunking, exact bytes, sound figures, and every ending."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rooms.wire.golden_files import CODECS, UNTIMED, names, read

from headgate.domain.event import BLOCKS_PER_CHOICE, Event, EventKind, StopReason
from headgate.domain.usage import Usage
from headgate.wire.codec import Codec
from headgate.wire.openai_chat import OPENAI_CHAT

STREAMS = names("answers", ".sse")
ODD = b': keep-alive\n\ndata: {"choices":7}\n\ndata: not json\n\nevent: vendor_thing\ndata: {"type":"vendor_thing"}\n\n'


def events_of(codec: Codec, stream: bytes, *, hide_usage: bool = False) -> list[Event]:
    return codec.stream_reader(hide_usage=hide_usage).feed(stream)


def joined(events: list[Event]) -> bytes:
    return b"".join(event.raw for event in events)


def chunk(*choices: dict[str, Any], **fields: Any) -> bytes:
    return b"data: " + json.dumps({"id": "c", "model": "m", "choices": list(choices), **fields}).encode() + b"\n\n"


@UNTIMED
@given(cuts=st.lists(st.integers(0, 4_000), max_size=40), name=st.sampled_from(STREAMS), crlf=st.booleans())
def test_any_chunking_gives_the_same_events_and_exactly_the_bytes_that_came(
    cuts: list[int], name: str, crlf: bool
) -> None:
    stream = ODD + read(f"answers/{name}.sse")
    if crlf:
        stream = stream.replace(b"\n", b"\r\n")
    codec = CODECS[name.split("_")[0]]
    reader, events = codec.stream_reader(hide_usage=False), []
    ends = sorted({cut for cut in cuts if cut < len(stream)})
    for start, end in pairwise([0, *ends, len(stream)]):
        events += reader.feed(stream[start:end])
    assert events == events_of(codec, stream)
    assert joined(events) == stream
    assert reader.complete is ("error" not in name)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_cut_into_single_bytes_reads_the_same(name: str) -> None:
    stream, codec = read(f"answers/{name}.sse"), CODECS[name.split("_")[0]]
    reader = codec.stream_reader(hide_usage=False)
    events = [event for at in range(len(stream)) for event in reader.feed(stream[at : at + 1])]
    assert events == events_of(codec, stream)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_without_its_terminal_marker_is_not_complete(name: str) -> None:
    frames = read(f"answers/{name}.sse").split(b"\n\n")
    reader = CODECS[name.split("_")[0]].stream_reader(hide_usage=False)
    reader.feed(b"\n\n".join(frames[:-2]) + b"\n\n")
    assert not reader.complete


def test_done_without_its_blank_line_completes_a_stream() -> None:
    reader = OPENAI_CHAT.stream_reader(hide_usage=False)
    reader.feed(b"data: [DONE]\n")
    assert reader.complete


def test_openai_usage_follows_finished_and_includes_its_parts() -> None:
    events = events_of(OPENAI_CHAT, read("answers/openai_tools.sse"))
    assert [event.kind.value for event in events] == [
        "started",
        "tool_start",
        "tool_arguments",
        "tool_arguments",
        "tool_start",
        "tool_arguments",
        "finished",
        "usage",
        "opaque",
    ]
    assert events[-2].usage == Usage(25, 12, cached_tokens=8, reasoning_tokens=3)


def test_anthropic_input_adds_up_fresh_written_and_cached_tokens() -> None:
    events = events_of(CODECS["anthropic"], read("answers/anthropic_text.sse"))
    reports = [event.usage for event in events if event.usage]
    assert reports == [Usage(20, 1, 6, 4), Usage(20, 15, 6, 4)]
    assert events[-2].stop is StopReason.STOP_SEQUENCE
    assert events[-2].text == "END"


def test_a_usage_chunk_nobody_asked_for_is_taken_out_and_nothing_else() -> None:
    stream = read("answers/openai_text.sse")
    events = events_of(OPENAI_CHAT, stream, hide_usage=True)
    lines = [line for line in stream.split(b"\n\n") if b'"choices":[]' not in line]
    assert joined(events) == b"\n\n".join(lines)
    assert any(event.usage for event in events)


def test_usage_beside_choices_is_read_and_its_frame_stays() -> None:
    stream = chunk({"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}, usage={"prompt_tokens": 3})
    events = events_of(OPENAI_CHAT, stream, hide_usage=True)
    assert [event.kind.value for event in events] == ["started", "text", "finished", "usage"]
    assert joined(events) == stream


@UNTIMED
@given(figures=st.lists(st.integers(-9, 9), min_size=5, max_size=5))
def test_figures_that_cannot_be_true_never_reach_the_books(figures: list[int]) -> None:
    report = {
        "prompt_tokens": figures[0],
        "completion_tokens": figures[1],
        "prompt_tokens_details": {"cached_tokens": figures[2], "cache_write_tokens": figures[3]},
        "completion_tokens_details": {"reasoning_tokens": figures[4]},
    }
    usage = next(event.usage for event in events_of(OPENAI_CHAT, chunk(usage=report)) if event.usage)
    assert min(usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.cache_write_tokens) >= 0
    assert usage.cached_tokens + usage.cache_write_tokens <= usage.input_tokens
    assert 0 <= usage.reasoning_tokens <= usage.output_tokens


def test_each_choice_has_blocks_of_its_own_and_finishes_once() -> None:
    call = {"index": 0, "id": "t", "function": {"name": "f", "arguments": "{}"}}
    stream = (
        chunk({"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"tool_calls": [call]}})
        + chunk({"index": 1, "delta": {}, "finish_reason": "stop"})
        + chunk({"index": 1, "delta": {}, "finish_reason": "stop"})
    )
    events = [(event.kind.value, event.index) for event in events_of(OPENAI_CHAT, stream)]
    second = BLOCKS_PER_CHOICE
    assert events == [
        ("started", 0),
        ("text", 0),
        ("tool_start", second + 1),
        ("tool_arguments", second + 1),
        ("finished", second),
        ("opaque", 0),
    ]


def test_calls_without_numbers_are_told_apart_by_their_ids() -> None:
    calls = [{"id": name, "function": {"name": name, "arguments": "{}"}} for name in ("a", "b")]
    events = events_of(OPENAI_CHAT, chunk({"index": 0, "delta": {"tool_calls": calls}}))
    assert [event.id for event in events if event.kind is EventKind.TOOL_START] == ["a", "b"]


@pytest.mark.parametrize("error", ['{"message":"no room"}', '"no room"'])
def test_an_error_inside_an_openai_stream_is_a_failure(error: str) -> None:
    events = events_of(OPENAI_CHAT, f'data: {{"error":{error}}}\n\n'.encode())
    assert [(event.kind, event.name, event.text) for event in events] == [
        (EventKind.FAILED, "provider_error", "no room")
    ]


@pytest.mark.parametrize(
    ("codec", "body"),
    [
        (codec, body)
        for codec in CODECS.values()
        for body in (b"", b"<html>", b"[]", b"{}", b'{"choices":[]}', b'{"error":{"message":"x"}}', b"\xff")
    ],
)
def test_a_body_that_is_no_answer_is_a_value_error(codec: Codec, body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        codec.read_whole(body)


@pytest.mark.parametrize("name", names("answers", ".json"))
def test_a_whole_answers_bytes_are_on_its_last_event_alone(name: str) -> None:
    body = read(f"answers/{name}.json")
    events = CODECS[name.split("_")[0]].read_whole(body)
    assert [event.raw for event in events if event.raw] == [body]
    assert events[-1].kind is EventKind.FINISHED
    assert events[-1].raw == body
