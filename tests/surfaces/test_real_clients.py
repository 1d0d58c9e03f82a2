"""The surfaces behind a real server, called by the official SDKs and by a caller who hangs up."""

import asyncio

import anthropic
import openai
import pytest
from tests.surfaces.house import CHAT_FRAMES, CHAT_STREAM, CHAT_WHOLE, MEMBER, NARROW, House, Script
from tests.surfaces.serving import served

SAY = [{"role": "user", "content": "Say hello"}]


def openai_client(port: int, key: str = MEMBER) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=key, max_retries=0)


def anthropic_client(port: int, key: str = MEMBER) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=f"http://127.0.0.1:{port}", api_key=key, max_retries=0)


async def test_the_openai_sdk_reads_whole_answers_streams_and_models() -> None:
    async with served(House(Script([CHAT_WHOLE])).app) as port, openai_client(port) as client:
        answer = await client.chat.completions.create(model="gpt", messages=SAY)
        assert answer.choices[0].message.content == "Hello there"
        assert [model.id async for model in client.models.list()] == ["gpt", "claude"]
    async with served(House(Script(list(CHAT_STREAM))).app) as port, openai_client(port) as client:
        stream = await client.chat.completions.create(model="gpt", messages=SAY, stream=True)
        texts = [chunk.choices[0].delta.content or "" async for chunk in stream]
        assert "".join(texts) == "Hello there"


async def test_the_anthropic_sdk_reads_whole_answers_streams_and_counts() -> None:
    async with served(House(Script([CHAT_WHOLE])).app) as port, anthropic_client(port) as client:
        answer = await client.messages.create(model="gpt", max_tokens=50, messages=SAY)
        assert answer.content[0].text == "Hello there"
        assert (await client.messages.count_tokens(model="gpt", messages=SAY)).input_tokens > 0
    async with served(House(Script(list(CHAT_STREAM))).app) as port, anthropic_client(port) as client:
        async with client.messages.stream(model="gpt", max_tokens=50, messages=SAY) as stream:
            assert "".join([text async for text in stream.text_stream]) == "Hello there"
            assert (await stream.get_final_message()).usage.output_tokens == 2


async def test_the_sdks_raise_their_own_errors_for_our_refusals() -> None:
    async with served(House(Script([CHAT_WHOLE])).app) as port:
        async with openai_client(port, "hg_unknown") as client:
            with pytest.raises(openai.AuthenticationError, match="unknown"):
                await client.chat.completions.create(model="gpt", messages=SAY)
        async with anthropic_client(port, NARROW) as client:
            await client.messages.create(model="gpt", max_tokens=50, messages=SAY)
            with pytest.raises(anthropic.RateLimitError, match="requests a minute"):
                await client.messages.create(model="gpt", max_tokens=50, messages=SAY)


@pytest.mark.parametrize("stream", [b"true", b"false"])
async def test_a_caller_who_closes_the_connection_ends_the_call_and_the_upstream(stream: bytes) -> None:
    house = House(Script([CHAT_FRAMES[0], asyncio.Event()]))
    async with served(house.app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = b'{"model": "gpt", "stream": %s, "messages": []}' % stream
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hg_member\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        await asyncio.wait_for(house.script.asked.wait(), 5)
        if stream == b"true":
            await asyncio.wait_for(reader.readuntil(b"Hello"), 5)
        writer.close()
        await asyncio.wait_for(house.script.closed.wait(), 5)
    assert [(close.outcome, close.code) for close in house.closes] == [("abandoned", "caller_left")]


async def test_answers_follow_one_another_on_one_connection() -> None:
    house = House(Script([CHAT_WHOLE]))
    async with served(house.app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = b'{"prompt": "Say hello"}'
        for _ in range(20):
            writer.write(
                b"POST /v1/generate HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hg_member\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
            )
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert head.startswith(b"HTTP/1.1 200")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            assert b"Hello there" in await asyncio.wait_for(reader.readexactly(length), 5)
        writer.close()
    assert [close.outcome for close in house.closes] == ["answered"] * 20
