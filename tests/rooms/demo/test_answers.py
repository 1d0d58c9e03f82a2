"""The demo model answers what it is asked for, the same every time, in every wire format."""

import base64
import json
import struct
from typing import Any

import pytest
from tests.rooms.demo.asking import ANTHROPIC, OPENAI, RESPONSES, answer, ask, calls_of, stop_of, text_of, usage_of

from headgate.pool.providers.demo.transport import DemoTransport

PATHS = pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
ALL_PATHS = pytest.mark.parametrize("path", [OPENAI, ANTHROPIC, RESPONSES])
STREAMED = pytest.mark.parametrize("stream", [False, True])
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 3}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
FILLED = {"city": "demo", "days": 3}


@pytest.fixture
def demo() -> DemoTransport:
    return DemoTransport()


def tools_for(path: str, *names: str) -> dict[str, Any]:
    if path == OPENAI:
        return {"tools": [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in names]}
    return {"tools": [{"name": name, "input_schema": SCHEMA} for name in names]}


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + b"\x08\x02\0\0\0"


def jpeg(width: int, height: int) -> bytes:
    comment = b"\xff\xfe" + struct.pack(">H", 12) + b"0123456789"
    return b"\xff\xd8" + comment + b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\0"


def image_part(path: str, media_type: str, data: bytes) -> dict[str, Any]:
    encoded = base64.b64encode(data).decode()
    if path == OPENAI:
        return {"type": "image_url", "image_url": {"url": f"data:{media_type};base64,{encoded}"}}
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": encoded}}


@ALL_PATHS
@STREAMED
async def test_it_says_that_it_is_no_real_model_and_quotes_the_message(
    demo: DemoTransport, path: str, stream: bool
) -> None:
    events = await answer(demo, "What is  love?", path, stream=stream)
    assert text_of(events) == 'This is Headgate\'s demo model, not a real one. You said: "What is love?".'
    assert stop_of(events) == "stop"


@ALL_PATHS
@pytest.mark.parametrize("said", ["hi", "!think a b\n!echo c d", '!tool f {"a": [1, 2]}\n!echo x', "Grüße 🌍 日本語"])
async def test_whole_and_streamed_answers_hold_and_cost_the_same(demo: DemoTransport, path: str, said: str) -> None:
    whole = await answer(demo, said, path)
    streamed = await answer(demo, said, path, stream=True, stream_options={"include_usage": True})
    for read in (text_of, usage_of, stop_of, calls_of):
        assert read(whole) == read(streamed)


@PATHS
@STREAMED
async def test_a_tool_is_called_when_the_caller_insists(demo: DemoTransport, path: str, stream: bool) -> None:
    insist: Any = "required" if path == OPENAI else {"type": "any"}
    events = await answer(demo, "hi", path, stream=stream, tool_choice=insist, **tools_for(path, "one", "two"))
    assert calls_of(events) == [("one", FILLED)]
    assert stop_of(events) == "tool_calls"


@PATHS
async def test_the_tool_that_the_caller_names_is_called(demo: DemoTransport, path: str) -> None:
    choice: Any = {"type": "tool", "name": "two"}
    if path == OPENAI:
        choice = {"type": "function", "function": {"name": "two"}}
    events = await answer(demo, "hi", path, tool_choice=choice, **tools_for(path, "one", "two"))
    assert calls_of(events) == [("two", FILLED)]


@pytest.mark.parametrize(
    ("said", "called"),
    [
        ("please run get_weather now", ["get_weather"]),
        ("What is the weather?", ["get_weather"]),
        ("How do whether and weathers differ?", []),
        ("The weather is fine", []),
        ("get_weather_report is another name", []),
        ("Read this poem", []),
        ("call Read on it", ["Read"]),
        ("try `Read`", ["Read"]),
    ],
)
async def test_left_to_itself_it_calls_only_the_tool_that_the_message_names(
    demo: DemoTransport, said: str, called: list[str]
) -> None:
    events = await answer(demo, said, **tools_for(OPENAI, "Read", "get_weather"))
    assert [name for name, _ in calls_of(events)] == called


async def test_what_a_message_mentions_is_what_its_tool_is_called_with(demo: DemoTransport) -> None:
    properties = {
        "city": {"type": "string", "description": "Where"},
        "unit": {"type": "string", "enum": ["celsius", "kelvin"]},
        "days": {"type": "integer", "minimum": 2},
        "risk": {"type": "number"},
        "note": {"type": "string", "maxLength": 4},
    }
    schema = {"type": "object", "properties": properties, "required": [*properties]}
    tools = [{"type": "function", "function": {"name": "Plan", "parameters": schema}}]
    said = "Don't call `Plan` for 'Zürich 8001' with 0.5 or v2, 1 to 3 days, and 'too long'"
    events = await answer(demo, said, tools=tools)
    expected = {"city": "Zürich 8001", "unit": "celsius", "days": 3, "risk": 0.5, "note": "demo"}
    assert calls_of(events) == [("Plan", expected)]


async def test_no_tool_is_called_where_the_caller_forbids_it(demo: DemoTransport) -> None:
    events = await answer(demo, "run get_weather", tool_choice="none", **tools_for(OPENAI, "get_weather"))
    assert calls_of(events) == []


@PATHS
async def test_after_a_tools_result_it_answers_with_text_about_it(demo: DemoTransport, path: str) -> None:
    if path == OPENAI:
        call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
        turns = [{"role": "assistant", "tool_calls": [call]}]
        turns.append({"role": "tool", "tool_call_id": "c1", "content": "22 degrees"})
    else:
        use = {"type": "tool_use", "id": "c1", "name": "get_weather", "input": {}}
        result = {"type": "tool_result", "tool_use_id": "c1", "content": "22 degrees"}
        turns = [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    conversation = [{"role": "user", "content": "!tool get_weather {}"}, *turns]
    events = await answer(demo, conversation, path, **tools_for(path, "get_weather"))
    assert calls_of(events) == []
    assert 'The tool get_weather returned: "22 degrees".' in text_of(events)


async def test_a_json_schema_is_met(demo: DemoTransport) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "trip", "schema": SCHEMA}}
    assert json.loads(text_of(await answer(demo, "hi", response_format=wanted))) == FILLED
    asked = {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert json.loads(text_of(await answer(demo, "hi", ANTHROPIC, output_config=asked))) == FILLED


async def test_a_json_object_has_the_keys_that_the_message_quotes(demo: DemoTransport) -> None:
    said = "Tell a joke as JSON with 'setup' and \"punchline\" keys, and no 'more words'"
    events = await answer(demo, said, response_format={"type": "json_object"})
    assert json.loads(text_of(events)) == {"setup": "demo", "punchline": "demo"}


async def test_a_json_object_is_given_where_any_will_do(demo: DemoTransport) -> None:
    events = await answer(demo, "hi", response_format={"type": "json_object"})
    assert isinstance(json.loads(text_of(events)), dict)


@PATHS
@pytest.mark.parametrize(
    ("media_type", "data", "pixels"),
    [
        ("image/png", png(640, 480), "640 x 480"),
        ("image/jpeg", jpeg(1024, 768), "1024 x 768"),
        ("image/gif", b"GIF89a" + struct.pack("<HH", 20, 10), "20 x 10"),
    ],
)
async def test_an_image_is_described_by_type_bytes_and_pixels(
    demo: DemoTransport, path: str, media_type: str, data: bytes, pixels: str
) -> None:
    said = [{"type": "text", "text": "look"}, image_part(path, media_type, data)]
    told = text_of(await answer(demo, said, path))
    assert f"You sent an image ({media_type}, {len(data)} bytes, {pixels} pixels)." in told


async def test_an_image_that_is_broken_or_elsewhere_is_still_answered(demo: DemoTransport) -> None:
    broken = [image_part(OPENAI, "image/jpeg", b"\xff\xd8\xff"), {"type": "text", "text": "?"}]
    assert "image/jpeg, 3 bytes)" in text_of(await answer(demo, broken))
    elsewhere = [{"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}]
    assert "an image (at https://example.org/cat.png)" in text_of(await answer(demo, elsewhere))


@PATHS
async def test_a_stop_sequence_ends_the_text_before_it(demo: DemoTransport, path: str) -> None:
    name = "stop" if path == OPENAI else "stop_sequences"
    events = await answer(demo, "!echo one two END three", path, **{name: ["three", "END"]})
    assert text_of(events) == "one two "
    assert stop_of(events) == ("stop" if path == OPENAI else "stop_sequence")


@PATHS
async def test_the_callers_limit_ends_the_answer(demo: DemoTransport, path: str) -> None:
    events = await answer(demo, "!tokens 50", path, max_tokens=7)
    assert usage_of(events)[1] == 7
    assert stop_of(events) == "length"


async def test_every_choice_that_was_asked_for_is_given_and_counted(demo: DemoTransport) -> None:
    events = await answer(demo, "!tokens 5", n=3)
    assert len([event for event in events if event.kind == "finished"]) == 3
    assert usage_of(events)[1] == 15
    assert (await ask(demo, "hi", n=1000))[0] == 400


async def test_thinking_gives_a_signed_reasoning_block(demo: DemoTransport) -> None:
    events = await answer(demo, "hi", ANTHROPIC, thinking={"type": "enabled", "budget_tokens": 1024}, stream=True)
    thought = [event for event in events if event.kind == "reasoning"]
    assert "".join(event.text for event in thought) == "The demo model thinks about its answer."
    assert thought[-1].id
    disabled = await answer(demo, "hi", ANTHROPIC, thinking={"type": "disabled"})
    assert not [event for event in disabled if event.kind == "reasoning"]


@PATHS
async def test_a_body_that_is_none_is_refused_in_the_formats_own_shape(demo: DemoTransport, path: str) -> None:
    status, body = await ask(demo, [{"role": "user", "content": 7}], path)
    assert status == 400
    error = json.loads(body)
    assert error["error"]["type"] == "invalid_request_error"
    assert "headgate" not in error
