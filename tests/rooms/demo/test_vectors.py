"""The demo model's embeddings: the same every time, of length 1, near where texts are alike, and billed."""

import base64
import json
import struct
from math import isclose, sqrt
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.pool.providers.demo.engine import EMBEDDINGS, Engine, Settings
from headgate.pool.providers.demo.transport import DemoTransport
from headgate.pool.providers.demo.vectors import MAX_DIMENSIONS, MAX_INPUTS, vector
from headgate.pool.transport import TransportFailed, TransportTimedOut, Upstream

REFUND = "How do I get a refund for my order?"
ALIKE = ("What is the refund policy for orders?", "Refunds: an order is refunded within 30 days")
UNLIKE = ("The weather in Paris is sunny today", "Employees accrue two days of vacation a month")


async def embed(transport: DemoTransport, given_input: Any, **fields: Any) -> tuple[int, Any]:
    """Status and body of the reply."""
    timeout_ms = fields.pop("timeout_ms", 10_000)
    raw = msgspec.json.encode({"model": "embed", "input": given_input, **fields})
    headers = (("authorization", "Bearer k"), ("x-headgate-attempt", "r-1"))
    async with transport.send(Upstream("POST", EMBEDDINGS, headers, raw, timeout_ms)) as reply:
        return reply.status, json.loads(await reply.body())


def nearness(one: list[float], other: list[float]) -> float:
    """The cosine of the angle between two unit vectors."""
    return sum(left * right for left, right in zip(one, other, strict=True))


@settings(deadline=None)
@given(
    st.text(min_size=1, max_size=100) | st.lists(st.integers(0, 2**31), min_size=1, max_size=50),
    st.integers(1, 300),
)
def test_a_vector_has_length_1_and_is_the_same_every_time(given_input: Any, dimensions: int) -> None:
    made = vector(given_input, dimensions)
    assert len(made) == dimensions
    assert isclose(sqrt(nearness(made, made)), 1.0, abs_tol=1e-6)
    assert vector(given_input, dimensions) == made


def test_texts_that_share_words_are_nearer_than_texts_that_do_not() -> None:
    asked = vector(REFUND, 256)
    near = [nearness(asked, vector(text, 256)) for text in ALIKE]
    far = [nearness(asked, vector(text, 256)) for text in UNLIKE]
    assert min(near) > 0.3 > 0.2 > max(far)
    assert nearness(vector("REFUND", 256), vector("refund", 256)) == pytest.approx(1)
    assert nearness(vector([1, 2, 3, 4], 256), vector([1, 2, 3, 9], 256)) > 0.5


async def test_an_answer_holds_a_vector_for_each_input_in_order_and_bills_its_tokens() -> None:
    transport = DemoTransport()
    status, answer = await embed(transport, ["hello there", "hello"])
    assert status == 200
    assert [one["index"] for one in answer["data"]] == [0, 1]
    assert [len(one["embedding"]) for one in answer["data"]] == [256, 256]
    assert (answer["object"], answer["model"]) == ("list", "embed")
    assert answer["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    [bill] = transport.engine.billing.shown()["answers"]
    assert (bill.request_id, bill.key, bill.model) == ("r-1", "k", "embed")
    assert (bill.input_tokens, bill.output_tokens, bill.completed) == (3, 0, True)
    [owed] = transport.engine.billing.shown()["sums"]
    assert (owed.calls, owed.completed, owed.input_tokens, owed.output_tokens) == (1, 1, 3, 0)


async def test_tokens_count_themselves_and_dimensions_are_as_asked() -> None:
    _, answer = await embed(DemoTransport(), [[1, 2, 3], [4]], dimensions=5)
    assert answer["usage"]["prompt_tokens"] == 4
    assert [len(one["embedding"]) for one in answer["data"]] == [5, 5]


async def test_base64_holds_the_numbers_that_are_written_otherwise() -> None:
    transport = DemoTransport()
    _, plain = await embed(transport, REFUND)
    _, packed = await embed(transport, REFUND, encoding_format="base64")
    numbers = struct.unpack("<256f", base64.b64decode(packed["data"][0]["embedding"]))
    assert list(numbers) == pytest.approx(plain["data"][0]["embedding"], abs=1e-7)


@pytest.mark.parametrize(
    ("given_input", "fields", "said"),
    [
        ("x", {"dimensions": MAX_DIMENSIONS + 1}, "4096"),
        (["x"] * (MAX_INPUTS + 1), {}, "2048 inputs"),
        (["x"] * MAX_INPUTS, {"dimensions": 2_000}, "numbers"),
        ("x " * 8_193, {}, "maximum context length"),
        ([1] * 8_193, {}, "maximum context length"),
        (["x " * 8_000] * 40, {}, "300000 in all"),
        ("!fail 99", {}, "write !fail STATUS"),
        ("x", {"stream": True}, "not streamed"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_what_is_too_much_or_wrong_is_refused_and_not_billed(
    given_input: Any, fields: dict[str, Any], said: str
) -> None:
    transport = DemoTransport()
    status, answer = await embed(transport, given_input, **fields)
    assert status == 400
    assert said in answer["error"]["message"]
    assert transport.engine.billing.shown()["answers"] == []


async def test_the_first_text_directs_failures_that_are_not_billed() -> None:
    transport = DemoTransport()
    status, answer = await embed(transport, ["!fail 503 1", "hello"])
    assert status == 503
    assert "as the message directs" in answer["error"]["message"]
    assert transport.engine.billing.shown()["answers"] == []
    assert (await embed(transport, ["!fail 503 1", "hello"]))[0] == 200


async def test_the_first_text_directs_what_usage_says_and_what_is_billed() -> None:
    transport = DemoTransport()
    _, answer = await embed(transport, "!usage in=77\nhello")
    assert answer["usage"]["prompt_tokens"] == 77
    assert transport.engine.billing.shown()["answers"][0].input_tokens == 77


async def test_a_dropped_and_a_late_answer_are_billed_and_not_completed() -> None:
    transport = DemoTransport()
    with pytest.raises(TransportFailed):
        await embed(transport, "!drop\nhello")
    with pytest.raises(TransportTimedOut):
        await embed(transport, "!delay 5s\nhello", timeout_ms=5)
    bills = transport.engine.billing.shown()["answers"]
    assert [(bill.completed, bill.open, bill.input_tokens > 0) for bill in bills] == [(False, False, True)] * 2


async def test_only_known_keys_are_served_where_some_are_named() -> None:
    status, answer = await embed(DemoTransport(Engine(Settings(keys=("other",)))), "hello")
    assert (status, answer["error"]["code"]) == (401, "invalid_key")
