"""The bill: what a caller is shown is what is billed, to the token, however an answer ends."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rooms.demo.asking import ANTHROPIC, OPENAI, RESPONSES, answer, ask, body_of, get, usage_of

from headgate.domain.prompt import Message, Prompt, TextPart
from headgate.pool.providers.demo.billing import MAX_SUMS, Bill, Billing
from headgate.pool.providers.demo.pieces import pieces, tokens
from headgate.pool.providers.demo.script import input_tokens, write_script
from headgate.pool.providers.demo.transport import DemoTransport
from headgate.pool.transport import TransportFailed, Upstream


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC, RESPONSES])
@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_billed_is_what_the_caller_is_shown(path: str, stream: bool) -> None:
    demo = DemoTransport()
    shown = [0, 0]
    for said in ("hi", "!tokens 9\n!think a b c", '!tool f {"a": 1}', "!echo"):
        events = await answer(demo, said, path, stream=stream, stream_options={"include_usage": True})
        shown = [sum(pair) for pair in zip(shown, usage_of(events), strict=True)]
    bill = await get(demo, "/billing")
    [owed] = bill["sums"]
    assert owed == {
        "key": "k", "model": "demo", "calls": 4, "completed": 4, "input_tokens": shown[0], "output_tokens": shown[1]
    }  # fmt: skip
    assert [one["request_id"] for one in bill["answers"]] == ["r-1"] * 4
    assert sum(one["output_tokens"] for one in bill["answers"]) == shown[1]


async def test_an_answer_left_early_is_billed_for_what_was_made() -> None:
    demo = DemoTransport()
    raw = msgspec.json.encode(body_of("!tokens 100", {"stream": True}))
    async with demo.send(Upstream("POST", OPENAI, (), raw, 10_000)) as reply:
        chunks = reply.chunks()
        for _ in range(1 + 3):  # the role, then a token each
            await anext(chunks)
    [bill] = (await get(demo, "/billing"))["answers"]
    assert (bill["output_tokens"], bill["completed"], bill["open"]) == (3, False, False)
    assert bill["input_tokens"] == tokens("!tokens 100")


@pytest.mark.parametrize(("stream", "after"), [(False, 0), (True, 0), (False, 2), (True, 2)])
async def test_a_dropped_answer_is_billed_for_what_was_made(stream: bool, after: int) -> None:
    demo = DemoTransport()
    with contextlib.suppress(TransportFailed):
        await ask(demo, f"!tokens 5\n!drop {after}", stream=stream)
    [bill] = (await get(demo, "/billing"))["answers"]
    assert (bill["output_tokens"], bill["completed"]) == (after, False)


async def test_errors_and_counts_cost_nothing() -> None:
    demo = DemoTransport()
    await ask(demo, "!fail 500")
    await ask(demo, "!tokens x")
    status, body = await ask(demo, "one two", ANTHROPIC + "/count_tokens")
    assert (status, msgspec.json.decode(body)) == (200, {"input_tokens": 2})
    assert await get(demo, "/billing") == {"sums": [], "answers": []}


def test_sums_are_bounded() -> None:
    billing = Billing()
    for number in range(MAX_SUMS + 10):
        bill = Bill("a", "r", "k", f"model-{number}", 1)
        billing.begin(bill)
        billing.end(bill, completed=True)
        billing.end(bill, completed=True)
    sums = billing.shown()["sums"]
    assert len(sums) == MAX_SUMS + 1
    assert sums[-1].calls == sums[-1].completed == 10


@given(st.text(max_size=200))
def test_pieces_joined_are_the_text_and_never_more_than_its_bytes(text: str) -> None:
    assert "".join(pieces(text)) == text
    assert tokens(text) <= len(text.encode("utf-8", "surrogatepass"))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=100), st.integers(0, 30))
def test_a_script_says_what_its_events_hold(text: str, limit: int) -> None:
    prompt = Prompt((Message("user", (TextPart(text),)),), system=("be brief",))
    if text.lstrip().startswith("!"):
        return
    script = write_script(prompt, limit, 1)
    made = list(script.events(whole=False))
    assert sum(count for count, _ in made) == script.usage.output_tokens <= limit
    assert sum(count for count, _ in script.events(whole=True)) == script.usage.output_tokens
    assert script.usage.input_tokens == input_tokens(prompt) == tokens(text) + 2
