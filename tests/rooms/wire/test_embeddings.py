"""Embedding requests and answers: what is counted, what is refused, and that every byte but the model's id stays."""

import base64
import json
import struct
from typing import Any

import msgspec
import openai.types
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rooms.wire.golden_files import HEAD, UNTIMED

from headgate.catalog.bounds import TEMPLATE_TOKENS, bound
from headgate.domain.event import EventKind
from headgate.domain.money import Price
from headgate.domain.policy import Deployment
from headgate.domain.prompt import Message, Prompt, TextPart
from headgate.domain.refusal import Refusal
from headgate.domain.usage import Usage
from headgate.pool.providers.demo.pieces import tokens
from headgate.wire.codec import Edits
from headgate.wire.openai_embeddings import OPENAI_EMBEDDINGS
from headgate.wire.openai_embeddings.answer import write_embeddings
from headgate.wire.openai_embeddings.request import inputs, read_body

WHOLE = (
    b'{"object": "list", "data": [{"object":"embedding","index":0,"embedding":[0.25, -1e-3],"x":1}],\n'
    b' "model": "up-1", "usage": {"prompt_tokens": 7, "total_tokens": 7}}'
)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
token_lists = st.lists(st.integers(0, 200_000), min_size=1, max_size=20)
some_input = (
    texts | st.lists(texts, min_size=1, max_size=5) | token_lists | st.lists(token_lists, min_size=1, max_size=3)
)


def body(**fields: Any) -> bytes:
    return json.dumps({"input": "hello", **fields}).encode()


def test_a_request_tells_what_limits_and_money_need() -> None:
    raw = body(model="embed", dimensions=256, encoding_format="base64", user="ann", x_unknown=[1])
    request = OPENAI_EMBEDDINGS.read_request(raw, {})
    assert (request.wire, request.model, request.stream, request.choices) == ("openai-embeddings", "embed", False, 1)
    assert (request.max_output_tokens, request.text_bytes, request.images) == (0, len(raw), 0)
    assert request.raw is raw


def test_the_bound_is_the_input_alone() -> None:
    raw = body(input=["one", "two"])
    deployment = Deployment("p/m", "p", "m", "eu", Price(1_000_000, 5_000_000_000))
    counted = TEMPLATE_TOKENS + len(raw)
    assert bound(OPENAI_EMBEDDINGS.read_request(raw, {}), deployment) == (counted, counted * 1_000)


@UNTIMED
@given(some_input)
def test_the_bytes_of_a_body_are_at_least_its_tokens_and_two_marks_an_input(given_input: Any) -> None:
    raw = json.dumps({"input": given_input}, ensure_ascii=False, separators=(",", ":")).encode()
    request = OPENAI_EMBEDDINGS.read_request(raw, {})
    found = inputs(read_body(raw))
    counted = sum(tokens(one) if isinstance(one, str) else len(one) for one in found)
    assert counted + 2 * len(found) <= request.text_bytes


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ("one", ["one"]),
        (["one", "two"], ["one", "two"]),
        ([5, 6], [[5, 6]]),
        ([[5], [6, 7]], [[5], [6, 7]]),
    ],
)
def test_an_input_is_a_text_texts_tokens_or_lists_of_tokens(sent: Any, found: Any) -> None:
    assert inputs(read_body(body(input=sent))) == found


@pytest.mark.parametrize(
    ("raw", "param", "said"),
    [
        (b"{}", "input", "The field 'input' is missing; it is required"),
        (body(input=7), "input", "must be a string or an array, not a whole number"),
        (body(input={"text": "x"}), "input", "must be a string or an array, not an object"),
        (body(input=[{"image": "x"}]), "input[0]", "must be a whole number or a string or an array"),
        (body(input=[True]), "input[0]", "not true or false"),
        (body(input=[1.5]), "input[0]", "not a number"),
        (body(input=""), "input", "holds nothing to embed"),
        (body(input=[]), "input", "holds nothing to embed"),
        (body(input=["x", ""]), "input", "holds nothing to embed"),
        (body(input=[[1], []]), "input", "holds nothing to embed"),
        (body(input=["x", 1]), "input", "texts or tokens, not both"),
        (body(input=["x", [1]]), "input", "texts or tokens, not both"),
        (body(input=[1, [1]]), "input", "texts or tokens, not both"),
        (body(input=[-1]), "input", "negative token"),
        (body(model=7), "model", "must be a string"),
        (body(dimensions=0), "dimensions", "must be at least 1, not 0"),
        (body(dimensions="256"), "dimensions", "must be a whole number"),
        (body(encoding_format="int8"), "encoding_format", "must be one of float, base64"),
        (body(user=1), "user", "must be a string"),
        (body(stream=True), "stream", "Embeddings are not streamed"),
        (body(stream_options={"include_usage": True}), "stream_options", "Embeddings are not streamed"),
    ],
    ids=str,
)
def test_a_wrong_field_is_named_with_what_would_be_right(raw: bytes, param: str, said: str) -> None:
    with pytest.raises(Refusal) as refused:
        OPENAI_EMBEDDINGS.read_request(raw, {})
    assert (refused.value.code, refused.value.status, refused.value.param) == ("invalid_request", 400, param)
    assert said in refused.value.sentence


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b"\xff", b'{"input":' + b"[" * 100_000])
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        OPENAI_EMBEDDINGS.read_request(raw, {})
    assert refused.value.status == 400


def test_a_stream_that_is_declined_is_nothing_to_refuse() -> None:
    assert not OPENAI_EMBEDDINGS.read_request(body(stream=False), {}).stream


@UNTIMED
@given(some_input, st.dictionaries(st.sampled_from(["dimensions", "x", "y"]), st.integers(1, 2**60), max_size=3))
def test_splicing_changes_the_model_and_no_other_byte(given_input: Any, more: dict[str, int]) -> None:
    raw = json.dumps({"a": 1.50, "input": given_input, "model": "asked", **more}, separators=(",", ":")).encode()
    spliced = OPENAI_EMBEDDINGS.splice(OPENAI_EMBEDDINGS.read_request(raw, {}), Edits("up-1"))
    assert spliced == raw.replace(b'"model":"asked"', b'"model":"up-1"')


def test_a_whole_answer_is_its_usage_and_its_bytes() -> None:
    started, usage, finished = OPENAI_EMBEDDINGS.read_whole(WHOLE)
    assert (started.kind, started.name) == (EventKind.STARTED, "up-1")
    assert usage.usage == Usage(input_tokens=7)
    assert (finished.kind, finished.raw) == (EventKind.FINISHED, WHOLE)
    assert OPENAI_EMBEDDINGS.write_whole(HEAD, [started, usage, finished]) == WHOLE


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        (b'{"total_tokens": 9}', 9),
        (b'{"prompt_tokens": 3, "total_tokens": 9}', 3),
        (b'{"prompt_tokens": -3}', 0),
        (b"{}", 0),
        (b"null", None),
    ],
)
def test_usage_is_read_as_servers_report_it(usage: bytes, counted: int | None) -> None:
    events = OPENAI_EMBEDDINGS.read_whole(b'{"data": [{}], "usage": %s}' % usage)
    found = [event.usage.input_tokens for event in events if event.usage is not None]
    assert found == ([] if counted is None else [counted])


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"data": []}', b'{"data": [1], "error": {"message": "no"}}'])
def test_what_holds_no_embeddings_is_no_answer(raw: bytes) -> None:
    with pytest.raises((ValueError, msgspec.DecodeError)):
        OPENAI_EMBEDDINGS.read_whole(raw)


def test_vectors_are_written_as_openai_writes_them() -> None:
    vectors = [[0.5, -0.25], [1.0, 0.0]]
    plain = write_embeddings("m", vectors, 4, "float")
    answer = openai.types.CreateEmbeddingResponse.model_validate(json.loads(plain), strict=True)
    assert [one.embedding for one in answer.data] == vectors
    assert [one.index for one in answer.data] == [0, 1]
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (4, 4)
    packed = json.loads(write_embeddings("m", vectors, 4, "base64"))["data"]
    assert [list(struct.unpack("<2f", base64.b64decode(one["embedding"]))) for one in packed] == vectors


def test_nothing_crosses_to_or_from_an_embedding_and_none_is_streamed() -> None:
    prompt = Prompt((Message("user", (TextPart("hello"),)),))
    for way, said in (
        (lambda: OPENAI_EMBEDDINGS.read_prompt(body()), "holds no conversation"),
        (lambda: OPENAI_EMBEDDINGS.write_request(prompt, Edits("m")), "'m' only embeds"),
        (lambda: OPENAI_EMBEDDINGS.stream_reader(hide_usage=False), "not streamed"),
        (lambda: OPENAI_EMBEDDINGS.stream_writer(HEAD), "not streamed"),
    ):
        with pytest.raises(Refusal, match=said):
            way()
