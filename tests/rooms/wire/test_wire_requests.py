"""Reading a request shallowly, and splicing it: what is counted is what is sent."""

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rooms.wire.golden_files import CHATS, UNTIMED

from headgate.domain.refusal import Refusal
from headgate.wire.anthropic_messages import ANTHROPIC_MESSAGES
from headgate.wire.codec import Codec, Edits
from headgate.wire.openai_chat import OPENAI_CHAT

BOTH = pytest.mark.parametrize("codec", CHATS.values(), ids=CHATS)
HELLO = [{"role": "user", "content": "hello"}]
PDF = base64.b64encode(b"%PDF" + bytes(9_000)).decode()

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def body(**fields: Any) -> bytes:
    return json.dumps({"messages": HELLO, **fields}).encode()


@pytest.mark.parametrize("url", ["data:text/plain;base64,", "data:TEXT/csv;base64,"])
def test_a_text_file_counts_as_the_text_that_it_is(url: str) -> None:
    data = url + base64.b64encode(b"word " * 10_000).decode()
    asked = asking({"type": "file", "file": {"filename": "a.txt", "file_data": data}})
    assert OPENAI_CHAT.read_request(asked, {}).text_bytes == len(asked)


@pytest.mark.parametrize(
    ("tools", "found"),
    [
        ([{"type": "web_search_20250305", "name": "web_search", "max_uses": 8}], (8, "")),
        ([{"type": "web_search_20250305", "name": "web_search"}], (0, "web_search")),
        ([{"type": "web_fetch_20250910", "name": "web_fetch", "max_uses": 2}, {"name": "web_search_"}], (2, "")),
        ([{"type": "bash_20250124", "name": "bash"}, {"name": "f", "input_schema": {}}], (0, "")),
    ],
)
def test_tools_that_anthropic_runs_itself_are_counted(tools: list[Any], found: tuple[int, str]) -> None:
    request = ANTHROPIC_MESSAGES.read_request(body(max_tokens=5, tools=tools), {})
    assert (request.tool_requests, request.unbounded_tool) == found


def asking(*content: dict[str, Any]) -> bytes:
    return body(messages=[{"role": "user", "content": list(content)}])


def test_openai_requests_tell_what_limits_and_money_need() -> None:
    raw = body(
        model="smart", stream=True, n=3, max_completion_tokens=70, stream_options={"include_usage": True}, tools=[{}]
    )
    request = OPENAI_CHAT.read_request(raw, {"openai-beta": "x=1", "authorization": "Bearer k"})
    assert (request.model, request.stream, request.choices, request.max_output_tokens) == ("smart", True, 3, 70)
    assert request.usage_asked
    assert request.has_tools
    assert request.raw is raw
    assert request.text_bytes == len(raw)
    assert request.forward_headers == (("openai-beta", "x=1"),)


def test_of_two_output_limits_the_larger_bounds_the_call() -> None:
    assert OPENAI_CHAT.read_request(body(max_tokens=9, max_completion_tokens=5), {}).max_output_tokens == 9


def test_anthropic_requests_tell_what_limits_and_money_need() -> None:
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "b", "x-api-key": "k"}
    request = ANTHROPIC_MESSAGES.read_request(body(model="smart", stream=True, max_tokens=0, tools=[]), headers)
    assert (request.model, request.stream, request.choices, request.max_output_tokens) == ("smart", True, 1, 0)
    assert request.forward_headers == (("anthropic-version", "2023-06-01"), ("anthropic-beta", "b"))


@BOTH
@pytest.mark.parametrize(
    ("raw", "param", "sentence"),
    [
        (b"[1]", None, "The body must be an object, not an array"),
        (b"{", None, "The body is not valid JSON: Input data was truncated"),
        (b"\xff", None, "The body is not valid JSON: JSON is malformed: invalid character (byte 0)"),
        (b"{}", "messages", "The field 'messages' is missing; it is required"),
        (b'{"messages":{}}', "messages", "The field 'messages' must be an array; send it as [...]"),
        (b'{"messages":[],"stream":"yes"}', "stream", "The field 'stream' must be true or false, not a string"),
        (b'{"messages":[],"model":7}', "model", "The field 'model' must be a string, not a whole number"),
        (
            b'{"messages":[],"max_tokens":"9"}',
            "max_tokens",
            "The field 'max_tokens' must be a whole number, not a string",
        ),
    ],
)
def test_a_body_that_cannot_be_understood_is_refused_by_field(
    codec: Codec, raw: bytes, param: str | None, sentence: str
) -> None:
    with pytest.raises(Refusal) as refused:
        codec.read_request(raw, {})
    assert (refused.value.code, refused.value.param, refused.value.sentence) == ("invalid_request", param, sentence)


@pytest.mark.parametrize("fields", [{"max_tokens": -1}, {"max_tokens": 0}, {"max_completion_tokens": -5}, {"n": 0}])
def test_openai_figures_that_would_shrink_a_hold_are_refused(fields: dict[str, int]) -> None:
    with pytest.raises(Refusal, match="must be at least 1"):
        OPENAI_CHAT.read_request(body(**fields), {})


def test_a_negative_anthropic_limit_is_refused() -> None:
    with pytest.raises(Refusal, match="must not be negative"):
        ANTHROPIC_MESSAGES.read_request(body(max_tokens=-1), {})


OPENAI_MEDIA = [
    ({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PDF}"}}, 1, 0),
    ({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}, 1, 0),
    ({"image_url": {"url": f"data:image/png;base64,{PDF}"}}, 1, 0),
    ({"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}}, 0, 1),
    ({"type": "input_audio", "input_audio": {"data": PDF, "format": "wav"}}, 0, 1),
]
ANTHROPIC_MEDIA = [
    ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PDF}}, 1, 0),
    ({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}}, 0, 1),
    ({"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}, 0, 1),
    (
        {
            "type": "tool_result",
            "tool_use_id": "t",
            "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PDF}}],
        },
        1,
        0,
    ),
]


@pytest.mark.parametrize(
    ("codec", "part", "images", "documents"),
    [(OPENAI_CHAT, *case) for case in OPENAI_MEDIA] + [(ANTHROPIC_MESSAGES, *case) for case in ANTHROPIC_MEDIA],
)
def test_media_are_counted_and_their_inline_bytes_are_no_text(
    codec: Codec, part: dict[str, Any], images: int, documents: int
) -> None:
    raw = asking({"type": "text", "text": "what is this?"}, part)
    request = codec.read_request(raw, {})
    assert (request.images, request.documents) == (images, documents)
    assert request.text_bytes <= len(raw)
    assert request.text_bytes < 500


@BOTH
def test_a_plain_text_document_is_text(codec: Codec) -> None:
    raw = asking({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x" * 5_000}})
    request = codec.read_request(raw, {})
    assert (request.images, request.documents, request.text_bytes) == (0, 0, len(raw))


def test_images_inside_a_documents_own_content_are_counted() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PDF}}
    raw = asking({"type": "document", "source": {"type": "content", "content": [image, image]}})
    request = ANTHROPIC_MESSAGES.read_request(raw, {})
    assert (request.images, request.documents) == (2, 0)
    assert request.text_bytes < 500


@BOTH
def test_base64_inside_a_tool_calls_arguments_stays_text(codec: Codec) -> None:
    hidden = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PDF}}
    raw = asking({"type": "tool_use", "id": "t", "name": "f", "input": {"content": [hidden]}})
    assert codec.read_request(raw, {}).text_bytes == len(raw)


@BOTH
def test_an_image_cannot_hide_behind_escapes(codec: Codec) -> None:
    raw = rb'{"messages":[{"role":"user","content":[{"type":"im\u0061ge","source":{"type":"url","url":"https://e"}}]}]}'
    assert codec.read_request(raw, {}).images == 1


@UNTIMED
@given(texts=st.lists(st.text(), max_size=5), ascii_only=st.booleans())
def test_text_bytes_bound_the_text(texts: list[str], ascii_only: bool) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": text} for text in texts]}]
    try:
        raw = json.dumps({"messages": messages}, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:
        return
    total = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    for codec in CHATS.values():
        assert codec.read_request(raw, {}).text_bytes >= total


@UNTIMED
@given(
    fields=st.dictionaries(st.text().filter(lambda name: name not in ("messages", "model", "stream")), json_values),
    spaced=st.booleans(),
)
def test_a_splice_keeps_order_and_every_other_values_bytes(fields: dict[str, Any], spaced: bool) -> None:
    fields = {name: value for name, value in fields.items() if name not in ("max_tokens", "max_completion_tokens")}
    fields = {name: value for name, value in fields.items() if name not in ("n", "stream_options", "tools")}
    asked = {**fields, "messages": HELLO, "model": "smart", "last": 1.50}
    raw = json.dumps(asked, indent=1 if spaced else None).encode()
    for codec in CHATS.values():
        sent = codec.splice(codec.read_request(raw, {}), Edits("gpt-5", output_limit=50, stream=True))
        before = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        after = msgspec.json.decode(sent, type=dict[str, msgspec.Raw])
        assert list(after) == [*before, "max_tokens", "stream"]
        assert (bytes(after["model"]), bytes(after["max_tokens"])) == (b'"gpt-5"', b"50")
        assert all(bytes(after[name]) == bytes(before[name]) for name in before if name != "model")


def test_usage_is_asked_for_beside_the_callers_own_stream_options() -> None:
    raw = body(model="m", stream=True, stream_options={"include_obfuscation": False})
    sent = json.loads(OPENAI_CHAT.splice(OPENAI_CHAT.read_request(raw, {}), Edits("m", ask_usage=True)))
    assert sent["stream_options"] == {"include_obfuscation": False, "include_usage": True}


def test_stream_options_do_not_stay_on_an_answer_that_is_no_longer_streamed() -> None:
    raw = body(model="m", stream=True, stream_options={"include_usage": True})
    sent = json.loads(OPENAI_CHAT.splice(OPENAI_CHAT.read_request(raw, {}), Edits("m", stream=False)))
    assert sent["stream"] is False
    assert "stream_options" not in sent


@BOTH
def test_of_a_field_that_stands_twice_only_what_was_counted_is_sent(codec: Codec) -> None:
    raw = b'{"max_tokens":100000,"messages":[],"model":"m","max_tokens":5}'
    request = codec.read_request(raw, {})
    assert request.max_output_tokens == 5
    assert codec.splice(request, Edits("m")).count(b"max_tokens") == 1
    assert json.loads(codec.splice(request, Edits("m")))["max_tokens"] == 5
