"""The official clients read the simulator's answers over real HTTP, whole and streamed."""

import asyncio
import base64
import struct
from collections.abc import AsyncIterator
from typing import Any, Literal

import anthropic
import openai
import pydantic
import pytest

from headgate.pool.providers.demo.engine import Engine
from headgate.pool.providers.demo.server import serving

TICK_S = 0.005
PATIENCE_S = 5
PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 64, 48) + b"\x08\x02\0\0\0"
PICTURE = base64.b64encode(PNG).decode()
GREETING = 'This is Headgate\'s demo model, not a real one. You said: "hi".'
ARGUMENTS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


class Trip(pydantic.BaseModel):
    city: str
    days: int
    mood: Literal["good", "bad"]
    stops: list[str]


class Peer:
    """A simulator and the clients of both formats."""

    def __init__(self, url: str, engine: Engine) -> None:
        self.engine = engine
        self.openai = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-demo", max_retries=0)
        self.anthropic = anthropic.AsyncAnthropic(base_url=url, api_key="sk-demo", max_retries=0)

    def billed(self) -> tuple[int, int]:
        """Input and output tokens of the newest answer."""
        bill = self.engine.billing.shown()["answers"][-1]
        return bill.input_tokens, bill.output_tokens


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    engine = Engine()
    async with serving(engine) as url:
        made = Peer(url, engine)
        yield made
        await made.openai.close()
        await made.anthropic.close()


def user(said: Any) -> list[Any]:
    return [{"role": "user", "content": said}]


async def test_openai_reads_a_whole_answer(peer: Peer) -> None:
    answer = await peer.openai.chat.completions.create(model="m", messages=user("hi"))
    assert answer.choices[0].message.content == GREETING
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == peer.billed()
    assert answer._request_id == "demo-1"


async def test_openai_reads_a_stream(peer: Peer) -> None:
    async with peer.openai.chat.completions.stream(
        model="m", messages=user("hi"), stream_options={"include_usage": True}
    ) as stream:
        answer = await stream.get_final_completion()
    assert answer.choices[0].message.content == GREETING
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == peer.billed()


@pytest.mark.parametrize("streamed", [False, True])
async def test_openai_reads_tool_calls(peer: Peer, streamed: bool) -> None:
    tools: Any = [{"type": "function", "function": {"name": "f", "parameters": ARGUMENTS, "strict": True}}]
    asked: Any = {"model": "m", "messages": user("hi"), "tools": tools, "tool_choice": "required"}
    if streamed:
        async with peer.openai.chat.completions.stream(**asked) as stream:
            choice = (await stream.get_final_completion()).choices[0]
    else:
        choice = (await peer.openai.chat.completions.create(**asked)).choices[0]
    assert choice.finish_reason == "tool_calls"
    [call] = choice.message.tool_calls
    assert (call.function.name, call.function.arguments) == ("f", '{"city":"demo"}')
    result = [*user("hi"), choice.message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    after = await peer.openai.chat.completions.create(model="m", messages=result, tools=tools)
    assert 'The tool f returned: "sunny"' in (after.choices[0].message.content or "")


async def test_openai_parses_structured_output(peer: Peer) -> None:
    answer = await peer.openai.chat.completions.parse(model="m", messages=user("hi"), response_format=Trip)
    assert answer.choices[0].message.parsed == Trip(city="demo", days=1, mood="good", stops=["demo"])


async def test_openai_sends_images(peer: Peer) -> None:
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}
    answer = await peer.openai.chat.completions.create(model="m", messages=user([part]))
    assert f"image/png, {len(PNG)} bytes, 64 x 48 pixels" in (answer.choices[0].message.content or "")


async def test_openai_lists_models(peer: Peer) -> None:
    assert [model.id async for model in peer.openai.models.list()] == ["demo"]
    assert (await peer.openai.models.retrieve("any")).id == "any"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, openai.BadRequestError), (401, openai.AuthenticationError), (429, openai.RateLimitError)],
)
async def test_openai_raises_what_the_status_means(peer: Peer, status: int, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="as the message directs"):
        await peer.openai.chat.completions.create(model="m", messages=user(f"!fail {status}"))


async def test_openai_retries_a_failure_that_passes(peer: Peer) -> None:
    patient = peer.openai.with_options(max_retries=1)
    answer = await patient.chat.completions.create(model="m", messages=user("!fail 503 1\n!echo at last"))
    assert answer.choices[0].message.content == "at last"


async def test_openai_says_that_a_connection_dropped(peer: Peer) -> None:
    with pytest.raises(openai.APIConnectionError):
        await peer.openai.chat.completions.create(model="m", messages=user("!drop"))


async def test_anthropic_reads_a_whole_answer(peer: Peer) -> None:
    answer = await peer.anthropic.messages.create(model="m", max_tokens=99, messages=user("hi"))
    assert [block.text for block in answer.content if block.type == "text"] == [GREETING]
    assert answer.stop_reason == "end_turn"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == peer.billed()


async def test_anthropic_reads_a_stream(peer: Peer) -> None:
    async with peer.anthropic.messages.stream(model="m", max_tokens=99, messages=user("hi")) as stream:
        answer = await stream.get_final_message()
    assert [block.text for block in answer.content if block.type == "text"] == [GREETING]
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == peer.billed()


@pytest.mark.parametrize("streamed", [False, True])
async def test_anthropic_reads_thinking_and_tool_calls(peer: Peer, streamed: bool) -> None:
    tools: Any = [{"name": "f", "input_schema": ARGUMENTS}]
    asked: Any = {"model": "m", "max_tokens": 2000, "messages": user("please use f"), "tools": tools}
    asked["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    if streamed:
        async with peer.anthropic.messages.stream(**asked) as stream:
            answer = await stream.get_final_message()
    else:
        answer = await peer.anthropic.messages.create(**asked)
    thought, call = answer.content
    assert (thought.type, thought.thinking) == ("thinking", "The demo model thinks about its answer.")
    assert thought.signature
    assert (call.type, call.name, call.input) == ("tool_use", "f", {"city": "demo"})
    assert answer.stop_reason == "tool_use"
    result = [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny", "is_error": True}]
    turns = [*user("please use f"), {"role": "assistant", "content": answer.content}, *user(result)]
    after = await peer.anthropic.messages.create(model="m", max_tokens=99, messages=turns, tools=tools)
    assert 'The tool f failed: "sunny"' in after.content[0].text


async def test_anthropic_parses_structured_output(peer: Peer) -> None:
    answer = await peer.anthropic.messages.parse(model="m", max_tokens=99, messages=user("hi"), output_format=Trip)
    assert answer.parsed_output == Trip(city="demo", days=1, mood="good", stops=["demo"])


async def test_anthropic_sends_images(peer: Peer) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
    asked = user([{"type": "image", "source": source}])
    answer = await peer.anthropic.messages.create(model="m", max_tokens=99, messages=asked)
    assert "64 x 48 pixels" in answer.content[0].text


async def test_anthropic_counts_the_tokens_that_it_is_billed(peer: Peer) -> None:
    counted = await peer.anthropic.messages.count_tokens(model="m", messages=user("how many are these?"))
    await peer.anthropic.messages.create(model="m", max_tokens=9, messages=user("how many are these?"))
    assert counted.input_tokens == peer.billed()[0]


async def test_anthropic_lists_models(peer: Peer) -> None:
    assert [model.id async for model in peer.anthropic.models.list()] == ["demo"]


@pytest.mark.parametrize(
    ("status", "kind"), [(404, anthropic.NotFoundError), (529, anthropic.APIStatusError), (500, anthropic.APIError)]
)
async def test_anthropic_raises_what_the_status_means(peer: Peer, status: int, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="as the message directs"):
        await peer.anthropic.messages.create(model="m", max_tokens=9, messages=user(f"!fail {status}"))


async def test_a_client_who_hangs_up_ends_the_generation(peer: Peer) -> None:
    stream = await peer.openai.chat.completions.create(model="m", messages=user("!tokens 5000\n!pace 5ms"), stream=True)
    await anext(aiter(stream))
    await stream.close()
    bill = peer.engine.billing.shown()["answers"][0]
    async with asyncio.timeout(PATIENCE_S):
        for _ in iter(lambda: bill.open, False):
            await asyncio.sleep(TICK_S)
    assert not bill.completed
    assert bill.output_tokens < 5000
