"""OpenAI's responses where they differ: what is counted, what is refused, whose thoughts pass, how streams may vary."""

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rooms.wire.golden_files import HEAD, UNTIMED, read

from headgate.domain.event import Event, EventKind, StopReason
from headgate.domain.prompt import ReasoningPart
from headgate.domain.refusal import Refusal
from headgate.wire.anthropic_messages import ANTHROPIC_MESSAGES
from headgate.wire.codec import Edits
from headgate.wire.openai_responses import OPENAI_RESPONSES

PDF = base64.b64encode(b"%PDF" + bytes(9_000)).decode()
PNG = f"data:image/png;base64,{PDF}"
OWN = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
SAID: dict[str, Any] = {"role": "user", "content": "hi"}


def body(**fields: Any) -> bytes:
    return json.dumps({"input": "hello", **fields}).encode()


def sent(raw: bytes, **edits: Any) -> bytes:
    return OPENAI_RESPONSES.splice(OPENAI_RESPONSES.read_request(raw, {}), Edits("gpt", **edits))


def frames(*events: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def told(stream: bytes) -> list[tuple[str, str, str]]:
    events = OPENAI_RESPONSES.stream_reader(hide_usage=False).feed(stream)
    return [(event.kind.value, event.text, event.id) for event in events if event.kind is not EventKind.OPAQUE]


def test_requests_tell_what_limits_and_money_need() -> None:
    raw = body(model="smart", stream=True, max_output_tokens=70, tools=[{}], background=False, conversation=None)
    request = OPENAI_RESPONSES.read_request(raw, {"openai-beta": "x=1", "authorization": "Bearer k"})
    assert (request.model, request.stream, request.choices, request.max_output_tokens) == ("smart", True, 1, 70)
    assert (request.has_tools, request.text_bytes, request.images) == (True, len(raw), 0)
    assert request.raw is raw
    assert request.forward_headers == (("openai-beta", "x=1"),)


@pytest.mark.parametrize(
    ("raw", "param", "sentence"),
    [
        (b"[1]", None, "The body must be an object, not an array"),
        (b"{}", "input", "The field 'input' is missing; it is required"),
        (b'{"input":{}}', "input", "The field 'input' must be a string or an array; send the conversation in it"),
        (b'{"input":[7]}', "input[0]", "The field 'input[0]' must be an object, not a whole number"),
        (
            b'{"input":"x","max_output_tokens":0}',
            "max_output_tokens",
            "The field 'max_output_tokens' must be at least 1, not 0; leave it out for the model's own",
        ),
    ],
)
def test_a_body_that_cannot_be_understood_is_refused_by_field(raw: bytes, param: str | None, sentence: str) -> None:
    with pytest.raises(Refusal) as refused:
        OPENAI_RESPONSES.read_request(raw, {})
    assert (refused.value.code, refused.value.param, refused.value.sentence) == ("invalid_request", param, sentence)


@pytest.mark.parametrize(
    ("fields", "param", "advice"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id", "send the earlier turns in `input`"),
        ({"conversation": {"id": "conv_1"}}, "conversation", "conversations are not kept by this version"),
        ({"background": True}, "background", "conversations are not kept by this version"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt", "send its text in `instructions` and `input`"),
        ({"input": [SAID, {"type": "item_reference", "id": "msg_1"}]}, "input", "send the earlier turns in `input`"),
        ({"input": [{"id": "msg_1"}]}, "input", "send the earlier turns in `input`"),
    ],
)
def test_what_rests_on_another_call_is_refused(fields: dict[str, Any], param: str, advice: str) -> None:
    with pytest.raises(Refusal) as refused:
        OPENAI_RESPONSES.read_request(body(**fields), {})
    refusal = refused.value
    assert (refusal.code, refusal.status, refusal.has_own_status, refusal.param) == (
        "invalid_parameter",
        422,
        True,
        param,
    )
    assert advice in refusal.sentence


@pytest.mark.parametrize(
    ("item", "images", "documents"),
    [
        ({"role": "user", "content": [{"type": "input_image", "image_url": PNG}]}, 1, 0),
        (
            {"role": "user", "content": [{"type": "input_image", "file_id": "f"}, {"type": "input_text", "text": ""}]},
            1,
            0,
        ),
        ({"role": "user", "content": [{"type": "input_file", "filename": "a", "file_data": PDF}]}, 0, 1),
        ({"role": "user", "content": [{"type": "input_file", "file_url": "https://example.com/a.pdf"}]}, 0, 1),
        ({"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": PDF, "format": "wav"}}]}, 0, 1),
        (
            {
                "type": "function_call_output",
                "call_id": "c",
                "output": [{"type": "input_image", "image_url": PNG}, {"type": "input_file", "file_data": "aGk="}],
            },
            1,
            1,
        ),
        (
            {
                "type": "computer_call_output",
                "call_id": "c",
                "output": {"type": "computer_screenshot", "image_url": PNG},
            },
            1,
            0,
        ),
        ({"type": "image_generation_call", "id": "ig", "status": "completed", "result": PDF}, 1, 0),
    ],
)
def test_media_are_counted_and_their_inline_bytes_are_no_text(item: Any, images: int, documents: int) -> None:
    request = OPENAI_RESPONSES.read_request(body(input=[SAID, item]), {})
    assert (request.images, request.documents) == (images, documents)
    assert request.text_bytes < 500


def test_base64_in_a_calls_arguments_or_output_stays_text() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": json.dumps({"image_url": PNG})}
    raw = body(input=[call, {"type": "function_call_output", "call_id": "c", "output": PNG}])
    request = OPENAI_RESPONSES.read_request(raw, {})
    assert (request.images, request.text_bytes) == (0, len(raw))


def test_an_image_cannot_hide_behind_escapes() -> None:
    raw = rb'{"input":[{"role":"user","content":[{"type":"input_im\u0061ge","image_url":"https://e"}]}]}'
    assert OPENAI_RESPONSES.read_request(raw, {}).images == 1


@UNTIMED
@given(
    fields=st.dictionaries(
        st.sampled_from(["instructions", "metadata", "user", "x_new"]),
        st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)),
    ),
    spaced=st.booleans(),
)
def test_a_splice_keeps_order_and_every_other_values_bytes(fields: dict[str, Any], spaced: bool) -> None:
    raw = json.dumps(
        {**fields, "input": [SAID, OWN], "model": "m", "last": 1.50}, indent=1 if spaced else None
    ).encode()
    edits = {"output_limit": 50, "output_limit_field": "max_completion_tokens", "stream": True, "ask_usage": True}
    before = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    after = msgspec.json.decode(sent(raw, **edits), type=dict[str, msgspec.Raw])
    assert list(after) == [*before, "max_output_tokens", "stream"]
    assert (bytes(after["model"]), bytes(after["max_output_tokens"])) == (b'"gpt"', b"50")
    assert all(bytes(after[name]) == bytes(before[name]) for name in before if name != "model")


def test_stream_options_do_not_stay_on_an_answer_that_is_no_longer_streamed() -> None:
    raw = body(stream=True, stream_options={"include_obfuscation": False})
    assert json.loads(sent(raw, stream=False)) == {"input": "hello", "stream": False, "model": "gpt"}


@pytest.mark.parametrize("content", ["anthropic:c2ln", "gemini:QQ==", "unsigned:"])
def test_thoughts_that_openai_did_not_have_are_taken_out_and_nothing_else(content: str) -> None:
    foreign = {**OWN, "encrypted_content": content}
    spliced = sent(body(input=[SAID, foreign, OWN, {"type": "function_call", "arguments": json.dumps(foreign)}]))
    assert [item.get("type") for item in json.loads(spliced)["input"]] == [None, "reasoning", "function_call"]


def test_a_thought_of_claudes_comes_back_to_claude_alone() -> None:
    """It is shown as a response shows it, and sent back as it was shown."""
    thought = [Event(EventKind.REASONING, 0, "Hm.", "c2ln"), Event(EventKind.FINISHED, stop=StopReason.STOP)]
    shown = json.loads(OPENAI_RESPONSES.write_whole(HEAD, thought))["output"]
    asked = body(input=[SAID, *shown, SAID])
    prompt = OPENAI_RESPONSES.read_prompt(asked)
    assert prompt.messages[1].parts == (ReasoningPart("Hm.", "c2ln"),)
    to_claude = json.loads(ANTHROPIC_MESSAGES.write_request(prompt, Edits("claude"))[0])["messages"][1]["content"]
    assert to_claude == [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}]
    assert b"Hm." not in sent(asked)


def test_a_thought_of_openais_comes_back_to_openai_alone() -> None:
    """It is shown as a message shows it, and sent back as it was shown."""
    events = OPENAI_RESPONSES.read_whole(read("answers/responses_reasoning.json"))
    shown = json.loads(ANTHROPIC_MESSAGES.write_whole(HEAD, events))["content"]
    raw = json.dumps({"max_tokens": 9, "messages": [SAID, {"role": "assistant", "content": shown}, SAID]}).encode()
    prompt = ANTHROPIC_MESSAGES.read_prompt(raw)
    written = json.loads(OPENAI_RESPONSES.write_request(prompt, Edits("gpt"))[0])["input"][1]
    assert (written["type"], written["encrypted_content"]) == ("reasoning", "gAAA-enc")
    spliced = ANTHROPIC_MESSAGES.splice(ANTHROPIC_MESSAGES.read_request(raw, {}), Edits("claude"))
    assert b"thinking" not in spliced


def test_texts_that_stand_together_are_one_message_and_thoughts_stay_apart() -> None:
    """Citations count their place in all of the text; each thought has a signature of its own."""
    cited = {"type": "url_citation", "url_citation": {"url": "https://e", "start_index": 4, "end_index": 8}}
    events = [
        Event(EventKind.REASONING, 0, "One.", "c2ln"),
        Event(EventKind.REASONING, 1, "Two.", "c2lo"),
        Event(EventKind.TEXT, 2, "So: "),
        Event(EventKind.TEXT, 3, "this"),
        Event(EventKind.CITATION, 3, json.dumps(cited)),
        Event(EventKind.TOOL_START, 4, id="c", name="f"),
        Event(EventKind.TEXT, 5, "Then."),
    ]
    output = json.loads(OPENAI_RESPONSES.write_whole(HEAD, events))["output"]
    assert [item["type"] for item in output] == ["reasoning", "reasoning", "message", "function_call", "message"]
    assert [item["encrypted_content"] for item in output[:2]] == ["anthropic:c2ln", "anthropic:c2lo"]
    part = output[2]["content"][0]
    start, end = part["annotations"][0]["start_index"], part["annotations"][0]["end_index"]
    assert (part["text"], part["text"][start:end]) == ("So: this", "this")


def test_a_server_that_sends_items_whole_is_read_as_one_that_streams_them() -> None:
    stream = read("answers/responses_tools.sse")
    whole = b"\n\n".join(frame for frame in stream.split(b"\n\n") if b".delta" not in frame)
    assert told(whole)[1:] == [
        ("text", "Let me look.", ""),
        ("tool_start", "", "call_1"),
        ("tool_arguments", '{"city":"Paris"}', ""),
        ("tool_start", "", "call_2"),
        ("tool_arguments", '{"city":"Rome"}', ""),
        ("tool_start", "", "call_3"),
        ("tool_arguments", "{}", ""),
        ("usage", "", ""),
        ("finished", "", ""),
    ]


def test_the_reasoning_of_open_models_is_read_too() -> None:
    delta = {"type": "response.reasoning_text.delta", "output_index": 0}
    stream = frames(
        {**delta, "content_index": 0, "delta": "One"},
        {**delta, "content_index": 0, "delta": "."},
        {**delta, "content_index": 1, "delta": "Two."},
    )
    assert told(stream) == [("reasoning", "One", ""), ("reasoning", ".", ""), ("reasoning", "\n\nTwo.", "")]


def test_arguments_of_a_tool_that_openai_runs_are_nobodys_here() -> None:
    stream = frames(
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "mcp_call", "arguments": {"a": 1}}},
        {"type": "response.mcp_call_arguments.delta", "output_index": 0, "delta": "{}"},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{}"},
        {"type": "response.output_item.done", "output_index": 0, "item": {"type": "mcp_call", "content": 7}},
    )
    assert told(stream) == []


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ({"type": "error", "code": "server_error", "message": "no room", "param": None}, "no room"),
        ({"type": "error", "error": {"type": "invalid_request_error", "message": "too long"}}, "too long"),
        ({"error": {"message": "gone"}}, "gone"),
        (
            {"type": "response.failed", "response": {"error": {"message": "broke"}, "usage": {"input_tokens": 3}}},
            "broke",
        ),
        ({"type": "response.failed"}, "the provider reported an error"),
    ],
)
def test_a_failure_is_the_last_event_and_holds_its_frames_bytes(event: dict[str, Any], sentence: str) -> None:
    events = OPENAI_RESPONSES.stream_reader(hide_usage=False).feed(frames(event))
    last = events[-1]
    assert (last.kind, last.name, last.text, last.raw) == (EventKind.FAILED, "provider_error", sentence, frames(event))
    assert [one.raw for one in events[:-1]] == [b""] * (len(events) - 1)


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "failed", "output": [], "error": {"message": "broke"}},
        {"status": "queued", "output": []},
        {"status": "completed"},
    ],
)
def test_a_response_that_is_not_there_is_no_answer(answer: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"broke|holds no output"):
        OPENAI_RESPONSES.read_whole(json.dumps(answer).encode())
