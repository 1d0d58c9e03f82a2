"""Reading the streams of formats that only providers speak: any chunking, every ending, usage in full."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rooms.wire.aws_messages import chunk, event, named
from tests.rooms.wire.golden_files import UNTIMED
from tests.rooms.wire.provider_files import PROVIDERS, codec_of, names, read, stream

from headgate.domain.event import BLOCKS_PER_CHOICE, Event, EventKind, StopReason
from headgate.domain.usage import Usage
from headgate.wire.bedrock_converse import BEDROCK_CONVERSE
from headgate.wire.gemini import GEMINI

STREAMS = names("answers", ".sse", ".events")
BROKEN = ("error", "malformed", "throttled")


def gemini(*responses: Any) -> list[Event]:
    frames = "".join(f"data: {json.dumps(response)}\n\n" for response in responses)
    return GEMINI.stream_reader(hide_usage=False).feed(frames.encode())


def converse(*messages: tuple[str, Any]) -> list[Event]:
    reader = BEDROCK_CONVERSE.stream_reader(hide_usage=False)
    return reader.feed(b"".join(event(name, payload) for name, payload in messages))


def kinds(events: list[Event]) -> list[str]:
    return [one.kind.value for one in events]


@UNTIMED
@given(cuts=st.lists(st.integers(0, 4_000), max_size=40), name=st.sampled_from(STREAMS))
def test_any_chunking_gives_the_same_events(cuts: list[int], name: str) -> None:
    sent, codec = stream(name), codec_of(name)
    reader, events = codec.stream_reader(hide_usage=False), []
    ends = sorted({cut for cut in cuts if cut < len(sent)})
    for start, end in pairwise([0, *ends, len(sent)]):
        events += reader.feed(sent[start:end])
    assert events == codec.stream_reader(hide_usage=False).feed(sent)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_cut_into_single_bytes_reads_the_same(name: str) -> None:
    sent, codec = stream(name), codec_of(name)
    reader = codec.stream_reader(hide_usage=False)
    events = [one for at in range(len(sent)) for one in reader.feed(sent[at : at + 1])]
    assert events == codec.stream_reader(hide_usage=False).feed(sent)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_ends_once_well_or_badly(name: str) -> None:
    reader = codec_of(name).stream_reader(hide_usage=False)
    ends = [one for one in reader.feed(stream(name)) if one.kind in (EventKind.FINISHED, EventKind.FAILED)]
    failed = any(mark in name for mark in BROKEN)
    assert [one.kind for one in ends] == [EventKind.FAILED if failed else EventKind.FINISHED]
    assert ends[0].name == ("provider_error" if failed else "")
    assert reader.complete is ((not name.startswith("gemini") and not failed) or name == "converse_malformed.events")


@UNTIMED
@given(name=st.sampled_from([name for name in STREAMS if not any(mark in name for mark in BROKEN)]), data=st.data())
def test_a_stream_that_breaks_off_never_says_that_it_finished(name: str, data: st.DataObject) -> None:
    sent, codec = stream(name), codec_of(name)
    whole = codec.stream_reader(hide_usage=False).feed(sent)
    reader = codec.stream_reader(hide_usage=False)
    events = reader.feed(sent[: data.draw(st.integers(0, len(sent) - 1))])
    finished = [one.kind for one in events].count(EventKind.FINISHED)
    assert events == whole[: len(events)]
    assert finished == 0 or whole.index(next(one for one in whole if one.kind is EventKind.FINISHED)) < len(events)
    assert not reader.complete or EventKind.FINISHED in [one.kind for one in events]


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("STOP", StopReason.STOP),
        ("MAX_TOKENS", StopReason.LENGTH),
        ("SAFETY", StopReason.CONTENT_FILTER),
        ("RECITATION", StopReason.CONTENT_FILTER),
        ("PROHIBITED_CONTENT", StopReason.CONTENT_FILTER),
        ("SPII", StopReason.CONTENT_FILTER),
        ("BLOCKLIST", StopReason.CONTENT_FILTER),
        ("OTHER", None),
        ("MALFORMED_FUNCTION_CALL", None),
        ("UNEXPECTED_TOOL_CALL", None),
        ("A_REASON_TO_COME", None),
    ],
)
def test_gemini_says_why_it_ends(reason: str, stop: StopReason | None) -> None:
    response = {"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": reason}]}
    last = gemini(response)[-1]
    assert (last.kind, last.stop) == (EventKind.FINISHED if stop else EventKind.FAILED, stop)
    if stop is None:
        assert reason in last.text
        with pytest.raises(ValueError, match=reason):
            GEMINI.read_whole(json.dumps(response).encode())
    else:
        assert GEMINI.read_whole(json.dumps(response).encode())[-1].stop is stop


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", StopReason.STOP),
        ("stop_sequence", StopReason.STOP_SEQUENCE),
        ("max_tokens", StopReason.LENGTH),
        ("model_context_window_exceeded", StopReason.LENGTH),
        ("tool_use", StopReason.TOOL_CALLS),
        ("guardrail_intervened", StopReason.CONTENT_FILTER),
        ("content_filtered", StopReason.CONTENT_FILTER),
        ("malformed_model_output", None),
        ("a_reason_to_come", None),
        ("", None),
    ],
)
def test_converse_says_why_it_ends(reason: str, stop: StopReason | None) -> None:
    last = converse(("messageStop", {"stopReason": reason}))[-1]
    assert (last.kind, last.stop) == (EventKind.FINISHED if stop else EventKind.FAILED, stop)
    body = json.dumps({"output": {"message": {"role": "assistant", "content": []}}, "stopReason": reason}).encode()
    if stop is None:
        with pytest.raises(ValueError, match="the model stopped"):
            BEDROCK_CONVERSE.read_whole(body)
    else:
        assert BEDROCK_CONVERSE.read_whole(body)[-1].stop is stop


def test_gemini_usage_adds_thoughts_to_output_and_tool_results_to_input() -> None:
    events = codec_of("gemini").stream_reader(hide_usage=False).feed(stream("gemini_tools.sse"))
    assert [one.usage for one in events if one.usage][-1] == Usage(43, 42, reasoning_tokens=30)
    assert kinds(events)[-2:] == ["usage", "finished"]
    assert events[-1].stop is StopReason.TOOL_CALLS


def test_gemini_usage_may_follow_the_reason_to_finish() -> None:
    events = codec_of("gemini").stream_reader(hide_usage=False).feed(stream("gemini_reasoning.sse"))
    assert kinds(events)[-2:] == ["finished", "usage"]


def test_converse_input_adds_up_fresh_written_and_cached_tokens() -> None:
    events = codec_of("converse").stream_reader(hide_usage=False).feed(stream("converse_text.events"))
    assert events[-1].usage == Usage(20, 4, 6, 4)


@UNTIMED
@given(figures=st.lists(st.integers(-9, 2**62), min_size=5, max_size=5))
def test_figures_that_cannot_be_true_never_reach_the_books(figures: list[int]) -> None:
    google = ("promptTokenCount", "cachedContentTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    amazon = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
    told = gemini({"usageMetadata": dict(zip(google, figures, strict=False))})
    told += converse(("metadata", {"usage": dict(zip(amazon, figures, strict=False))}))
    reported = [one.usage for one in told if one.usage]
    assert len(reported) == 2
    for usage in reported:
        assert min(usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.cache_write_tokens) >= 0
        assert usage.cached_tokens + usage.cache_write_tokens <= usage.input_tokens < 2**33
        assert 0 <= usage.reasoning_tokens <= usage.output_tokens < 2**33


def test_gemini_candidates_have_blocks_of_their_own() -> None:
    events = gemini(
        {
            "candidates": [
                {"content": {"parts": [{"text": "a"}]}},
                {"index": 1, "content": {"parts": [{"functionCall": {"name": "f"}}]}, "finishReason": "STOP"},
            ]
        },
        {"candidates": [{"finishReason": "STOP"}, {"index": 1, "finishReason": "STOP"}]},
    )
    ends = [(one.index, one.stop) for one in events if one.stop]
    assert ends == [(BLOCKS_PER_CHOICE, StopReason.TOOL_CALLS), (0, StopReason.STOP)]


def test_calls_without_an_id_get_one_that_no_other_has() -> None:
    calls = {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f"}}] * 2}}]}
    ids = [one.id for _ in range(2) for one in gemini(calls) if one.kind is EventKind.TOOL_START]
    assert len(set(ids)) == 4
    assert all(one.startswith("call_") for one in ids)


@pytest.mark.parametrize("data", ["not json", '{"candidates":7}', '"x"', '{"candidates":[{"index":"a"}]}'])
def test_a_piece_that_cannot_be_read_ends_a_stream_with_a_failure(data: str) -> None:
    events = GEMINI.stream_reader(hide_usage=False).feed(f": ping\n\ndata: {data}\n\n".encode())
    assert kinds(events) == ["failed"]
    amazon = named(data.encode(), event_type="contentBlockDelta", message_type="event")
    assert kinds(BEDROCK_CONVERSE.stream_reader(hide_usage=False).feed(amazon)) == ["failed"]


@pytest.mark.parametrize("name", ["converse", "invoke"])
def test_bytes_that_are_no_event_stream_are_a_failure_behind_what_was_sound(name: str) -> None:
    sound = event("messageStart", {"role": "assistant"}) + chunk({"type": "message_start", "message": {}})
    events = PROVIDERS[name].stream_reader(hide_usage=False).feed(sound + b"<html>not today</html>")
    assert [one.kind for one in events if one.kind is not EventKind.OPAQUE] == [EventKind.STARTED, EventKind.FAILED]
    assert "checksum" in events[-1].text


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (event("serviceUnavailableException", {"message": "away"}), "serviceUnavailableException: away"),
        (event("internalServerException", {}), "internalServerException"),
        (named(b"plain", message_type="exception", exception_type="modelStreamErrorException"), "plain"),
        (named(b"", message_type="error", error_code="500", error_message="oops"), "500: oops"),
        (named(b"", message_type="error"), "error"),
    ],
)
@pytest.mark.parametrize("name", ["converse", "invoke"])
def test_an_exception_of_awss_is_a_failure(name: str, broken: bytes, sentence: str) -> None:
    failed = PROVIDERS[name].stream_reader(hide_usage=False).feed(broken)[-1]
    assert (failed.kind, failed.name) == (EventKind.FAILED, "provider_error")
    assert sentence in failed.text


def test_what_bedrock_runs_itself_and_what_is_redacted_is_nothing_for_the_caller() -> None:
    tool = {"toolUseId": "t", "name": "search", "type": "server_tool_use"}
    events = converse(
        ("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": tool}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": "{}"}}}),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"reasoningContent": {"redactedContent": "eHl6"}}}),
        ("contentBlockStart", {"contentBlockIndex": 2, "start": {"image": {"format": "png"}}}),
        ("anEventToCome", {"a": 1}),
    )
    assert events == []


@pytest.mark.parametrize("codec", [GEMINI, BEDROCK_CONVERSE], ids=["gemini", "converse"])
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"candidates":[]}', b'{"error":{"message":"x"}}'])
def test_a_body_that_is_no_answer_is_a_value_error(codec: Any, body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        codec.read_whole(body)


@pytest.mark.parametrize("name", names("answers", ".json"))
def test_a_whole_answers_bytes_are_on_its_last_event_alone(name: str) -> None:
    body = read(f"answers/{name}")
    events = codec_of(name).read_whole(body)
    assert [one.raw for one in events if one.raw] == [body]
    assert events[-1].kind is EventKind.FINISHED
    assert events[-1].raw == body
