"""HTTP/1.1 as slow callers speak it: who is waited for, and who is hung up on."""

import asyncio
from typing import Any

import pytest
from tests.surfaces.lines import GET, PATIENCE_S, TICK_S, Hasty, Line, pieces
from tests.surfaces.serving import served

from headgate.api.cycle import LEFT


async def test_a_body_that_nobody_takes_is_not_taken_from_the_caller() -> None:
    go, last = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def patient(scope: Any, receive: Any, send: Any) -> None:
        await go.wait()
        while (message := await receive())["type"] == "http.request":
            pass
        last.set_result(message)

    async with served(patient) as port:
        line = await Line.open(port)
        line.writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n\r\n" + bytes(50_000_000))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await line.writer.drain()
        line.writer.transport.abort()
        go.set()
        async with asyncio.timeout(PATIENCE_S):
            assert await last == {"type": "http.disconnect"}


async def test_a_caller_of_a_large_body_who_leaves_is_noticed() -> None:
    taken, gone = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        scope["extensions"][LEFT](gone.set)
        while (await receive())["more_body"]:
            pass
        taken.set()
        await gone.wait()

    async with served(slow) as port:
        line = await Line.open(port)
        line.writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n" + bytes(1_000_000))
        async with asyncio.timeout(PATIENCE_S):
            await taken.wait()
            line.writer.transport.abort()
            await gone.wait()


async def test_a_writer_waits_for_a_caller_who_does_not_read_and_learns_that_it_left() -> None:
    written, left = 0, asyncio.Event()

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        nonlocal written
        scope["extensions"][LEFT](left.set)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not left.is_set():
            await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})
            written += 1
            await asyncio.sleep(0)

    async with served(endless) as port:
        line = await Line.open(port)
        line.writer.write(GET)
        before = -1
        while before != written:
            before = written
            await asyncio.sleep(TICK_S)
        line.writer.transport.abort()
        async with asyncio.timeout(PATIENCE_S):
            await left.wait()


async def test_stopping_lets_the_request_under_way_finish_and_closes_idle_connections() -> None:
    go, begun = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await go.wait()
        await pieces(scope, receive, send)

    async with served(slow) as port:
        idle, line = await Line.open(port), await Line.open(port)
        line.writer.write(GET)
        await begun.wait()
        asyncio.get_running_loop().call_later(0.3, go.set)
    assert await idle.closed()
    status, headers, body = await line.response()
    assert (status, headers["connection"], body) == (200, "close", b"one two")
    assert await line.closed()


@pytest.mark.parametrize("data", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf"])
async def test_a_caller_who_stops_in_the_middle_of_a_request_is_hung_up_on(data: bytes) -> None:
    seen = []

    async def reading(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] == "http.request":
            seen.append(message["body"])
        seen.append(message["type"])

    async with served(reading, Hasty, timeout_keep_alive=0) as port:
        line = await Line.open(port)
        line.writer.write(data)
        assert await line.closed()
    assert seen == ([b"half", "http.disconnect"] if data.startswith(b"POST") else [])


async def test_a_caller_who_takes_nothing_of_its_answer_is_hung_up_on() -> None:
    left = asyncio.Event()

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        scope["extensions"][LEFT](left.set)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not left.is_set():
            await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})

    async with served(endless, Hasty) as port:
        line = await Line.open(port)
        line.writer.write(GET)
        async with asyncio.timeout(PATIENCE_S):
            await left.wait()
        line.writer.close()


async def test_a_caller_who_waits_for_its_answer_is_waited_for() -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.wait([asyncio.ensure_future(asyncio.Event().wait())], timeout=0.3)
        await pieces(scope, receive, send)

    async with served(slow, Hasty) as port:
        line = await Line.open(port)
        line.writer.write(GET)
        assert (await line.response())[2] == b"one two"
        line.writer.close()


async def test_an_empty_line_behind_a_body_does_not_cut_the_answer() -> None:
    """Old clients send one (RFC 9112, 2.2)."""

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.wait([asyncio.ensure_future(asyncio.Event().wait())], timeout=0.3)
        await pieces(scope, receive, send)

    async with served(slow, Hasty) as port:
        line = await Line.open(port)
        line.writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nok")
        await line.writer.drain()
        await asyncio.sleep(TICK_S)
        line.writer.write(b"\r\n")
        assert (await line.response())[2] == b"one two"
        line.writer.close()
