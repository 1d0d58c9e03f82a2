"""Directives: what a message may tell the demo model to do."""

import asyncio
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rooms.demo.asking import ANTHROPIC, OPENAI, RESPONSES, answer, ask, calls_of, stop_of, text_of, usage_of

from headgate.domain.refusal import Refusal
from headgate.pool.providers.demo.directives import Called, Failing, read_directives
from headgate.pool.providers.demo.engine import Engine, Settings
from headgate.pool.providers.demo.transport import DemoTransport
from headgate.pool.transport import TransportFailed


@pytest.fixture
def demo() -> DemoTransport:
    return DemoTransport()


def test_each_directive_is_read() -> None:
    found = read_directives(
        "!echo a b\n!tokens 7\n!delay 300ms\n!pace 20ms\n!fail 503 2\n!drop 4\n"
        '!tool f {"x": 1}\n!tool g\n!json [1]\n!think hm\n!usage in=5 out=6\nand then text\n!echo not this'
    )
    assert (found.echo, found.tokens, found.delay_ms, found.pace_ms) == ("a b", 7, 300, 20)
    assert found.fail == Failing(503, 2)
    assert found.drop_after == 4
    assert found.tools == [Called("f", '{"x": 1}'), Called("g", "{}")]
    assert (found.json, found.think, found.usage) == ("[1]", "hm", {"input_tokens": 5, "output_tokens": 6})


@pytest.mark.parametrize(
    "line",
    [
        "!tokens many",
        "!tokens 999999999",
        "!delay 3",
        "!delay 9h",
        "!fail",
        "!fail 200",
        "!fail 500 1 1",
        "!drop x",
        "!tool",
        "!tool f [1]",
        "!json {",
        "!usage on=3",
        "!tool f " + '{"a":' * 5000 + "1" + "}" * 5000,
    ],
)
def test_a_directive_that_is_wrong_is_refused_with_how_to_write_it(line: str) -> None:
    with pytest.raises(Refusal, match=f"; write {line.split()[0]}"):
        read_directives(line)


def test_a_name_that_is_no_directive_is_plain_text() -> None:
    assert read_directives("!important\n!echo x").echo is None


@given(st.text(alphabet="!echotknsdlay 09=.{}\n", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(Refusal):
        read_directives(text)


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC, RESPONSES])
async def test_several_directives_combine(demo: DemoTransport, path: str) -> None:
    said = '!think why not\n!echo one two\n!tool f {"x": 1}\n!tool g {}'
    events = await answer(demo, said, path)
    assert "".join(event.text for event in events if event.kind == "reasoning") == "why not"
    assert text_of(events) == "one two"
    assert calls_of(events) == [("f", {"x": 1}), ("g", {})]
    assert stop_of(events) == "tool_calls"


async def test_json_is_answered_as_it_was_written(demo: DemoTransport) -> None:
    assert text_of(await answer(demo, '!json {"a" : 1}')) == '{"a" : 1}'


@pytest.mark.parametrize("count", [1, 2, 500])
async def test_as_many_tokens_come_as_were_directed(demo: DemoTransport, count: int) -> None:
    events = await answer(demo, f"!tokens {count}", stream=True, stream_options={"include_usage": True})
    assert len([event for event in events if event.kind == "text"]) == count
    assert usage_of(events)[1] == count


async def test_directives_may_stand_in_any_text_part_of_the_last_message(demo: DemoTransport) -> None:
    parts = [{"type": "text", "text": "<reminder>be brief</reminder>"}, {"type": "text", "text": "!echo here"}]
    assert text_of(await answer(demo, parts)) == "here"


async def test_directives_of_earlier_messages_are_over(demo: DemoTransport) -> None:
    turns = [("user", "!echo early"), ("assistant", "early"), ("user", "now")]
    events = await answer(demo, [{"role": role, "content": text} for role, text in turns])
    assert 'You said: "now"' in text_of(events)


async def test_a_message_fails_as_often_as_it_directs_and_then_succeeds(demo: DemoTransport) -> None:
    statuses = [(await ask(demo, "!fail 503 2\n!echo ok", model=model))[0] for model in ("a", "b", "a", "b")]
    assert statuses == [503, 503, 200, 200]
    assert (await ask(demo, "!fail 503 2\n!echo another"))[0] == 503


async def test_a_message_without_times_always_fails(demo: DemoTransport) -> None:
    assert [(await ask(demo, "!fail 529", ANTHROPIC))[0] for _ in range(3)] == [529, 529, 529]


async def test_usage_lies_where_directed_and_is_billed_as_told(demo: DemoTransport) -> None:
    assert usage_of(await answer(demo, "!usage in=7 out=1000000\n!echo x")) == (7, 1_000_000)
    assert usage_of(await answer(demo, "!usage out=0\n!echo x"))[1] == 0
    [owed] = demo.engine.billing.shown()["sums"]
    assert owed.output_tokens == 1_000_000


async def test_a_drop_before_the_reply_gives_none(demo: DemoTransport) -> None:
    with pytest.raises(TransportFailed):
        await ask(demo, "!drop")
    with pytest.raises(TransportFailed):
        await ask(demo, "!drop 2\n!tokens 5")


async def test_delay_and_pace_take_their_time(demo: DemoTransport) -> None:
    loop = asyncio.get_running_loop()
    for said, least_s in (("!delay 60ms", 0.06), ("!tokens 4\n!pace 20ms", 0.06), ("!delay 30ms\n!fail 500", 0.03)):
        begun = loop.time()
        await ask(demo, said)
        assert loop.time() - begun >= least_s


async def test_a_share_of_calls_fails_the_same_ones_for_the_same_seed() -> None:
    async def statuses(seed: int) -> list[int]:
        transport = DemoTransport(Engine(Settings(fail_rate=0.5, seed=seed)))
        return [(await ask(transport, "hi"))[0] for _ in range(40)]

    first = await statuses(1)
    assert set(first) == {200, 429, 500, 503}
    assert first == await statuses(1) != await statuses(2)


async def test_a_caller_with_another_key_is_turned_away() -> None:
    status, body = await ask(DemoTransport(Engine(Settings(keys=("other",)))), "hi")
    assert status == 401
    assert json.loads(body)["error"]["code"] == "invalid_key"
    assert (await ask(DemoTransport(Engine(Settings(keys=("k", "other")))), "hi"))[0] == 200
