"""Kept connections to providers: used again where that is sound, left alone where it is not, and closed in time."""

import asyncio
import socket
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contracts.scripted import OK, PATIENCE_S, Line, ask, asking, is_kept, opened, scripted

from headgate.pool.http.transport import MAX_IDLE_PER_ORIGIN, HttpTransport
from headgate.pool.transport import ConnectFailed, TransportFailed, TransportTimedOut

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
HINTED = b"HTTP/1.1 200 OK\r\nkeep-alive: max=9, timeout=%d\r\ncontent-length: 2\r\n\r\nhi"


async def until(fact: Callable[[], bool]) -> None:
    """Wait until it is so; the connection does not tell of its own accord."""
    async with asyncio.timeout(PATIENCE_S):
        for _ in iter(fact, True):
            await asyncio.sleep(0)


async def answering(line: Line) -> None:
    while True:
        await line.answer(OK)


async def test_one_connection_serves_one_exchange_after_another() -> None:
    async with scripted(answering) as server, opened(HttpTransport()) as transport:
        for _ in range(100):
            assert await ask(transport, asking(server.url)) == b"hi"
        assert server.accepted == 1


async def test_each_of_many_at_once_has_a_connection_which_serves_again() -> None:
    async def echo(line: Line) -> None:
        while True:
            body = (await line.request()).body
            await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body), body)

    async with scripted(echo) as server, opened(HttpTransport()) as transport:
        for _ in range(5):
            bodies = [b"%d" % number * 50 for number in range(100)]
            replies = await asyncio.gather(*(ask(transport, asking(server.url, body)) for body in bodies))
            assert replies == bodies
        assert server.accepted == 100


async def test_a_connection_that_the_server_closed_between_calls_is_not_used() -> None:
    async def once(line: Line) -> None:
        await line.answer(OK)

    async with scripted(once) as server, opened(HttpTransport()) as transport:
        for count in range(1, 20):
            assert await ask(transport, asking(server.url)) == b"hi"
            await server.until_finished(count)
        assert server.accepted == 19


async def test_an_end_that_only_the_socket_knows_of_is_seen() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    loop = asyncio.get_running_loop()

    async with opened(HttpTransport()) as transport:
        for _ in range(3):
            asking_task = asyncio.ensure_future(ask(transport, asking(url)))
            wire, _ = await asyncio.wait_for(loop.sock_accept(listener), PATIENCE_S)
            await loop.sock_recv(wire, 65_536)
            await loop.sock_sendall(wire, OK)
            assert await asking_task == b"hi"
            wire.close()  # and the next request begins in the same turn of the loop
    listener.close()


async def test_a_connection_closed_exactly_when_a_request_is_sent_fails_after_sending() -> None:
    """The provider may have begun: whether to send again is for whoever pays."""

    async def read_and_leave(line: Line) -> None:
        await line.answer(OK)
        await line.request()

    async with scripted(read_and_leave) as server, opened(HttpTransport()) as transport:
        assert await ask(transport, asking(server.url)) == b"hi"
        with pytest.raises(TransportFailed) as failure:
            await ask(transport, asking(server.url))
        assert not isinstance(failure.value, ConnectFailed)
        assert not isinstance(failure.value, TransportTimedOut)
        assert server.accepted == 1
        assert await ask(transport, asking(server.url)) == b"hi"


SURPLUS = {
    "a reply": OK.replace(b"hi", b"no"),
    "a reply's beginning": OK[:9],
    "one byte": b"H",
    "no HTTP": b"surplus",
    "an interim reply": b"HTTP/1.1 103 Early Hints\r\n\r\n",
}


@pytest.mark.parametrize("kind", SURPLUS)
@pytest.mark.parametrize("at_once", [True, False])
async def test_what_comes_after_a_reply_never_reaches_the_next_exchange(kind: str, at_once: bool) -> None:
    said: asyncio.Queue[None] = asyncio.Queue()

    async def script(line: Line) -> None:
        await line.answer(*([OK + SURPLUS[kind]] if at_once else [OK, SURPLUS[kind]]))
        said.put_nowait(None)
        await line.ended()

    async with scripted(script) as server, opened(HttpTransport()) as transport:
        for _ in range(3):
            async with transport.send(asking(server.url)) as reply:
                assert await reply.body() == b"hi"
                assert (reply.status, dict(reply.headers)) == (200, {"content-length": "2"})
                await said.get()
        assert server.accepted == 3
        await server.until_finished(3)


@st.composite
def scripts(draw: st.DrawFn) -> list[list[list[bytes]]]:
    """For each connection, for each of its requests: the pieces of a reply, and of what is said after it."""
    surplus = st.sampled_from([b"", b"", b"\r\n", *SURPLUS.values()])
    connections = []
    for _ in range(6):
        answers = []
        for _ in range(draw(st.integers(1, 3))):
            whole = draw(st.sampled_from([b"L", b"C"])) + draw(surplus)
            cuts = sorted(draw(st.sets(st.integers(1, 60), max_size=4)))
            answers.append([whole, *(b"%d" % cut for cut in cuts)])
        connections.append(answers)
    return connections


@given(script=scripts())
@settings(max_examples=100, deadline=None)
def test_no_exchange_sees_anything_of_another(
    event_loop_policy: asyncio.AbstractEventLoopPolicy, script: list[list[list[bytes]]]
) -> None:
    """Whatever is said after replies, however it is cut: each caller gets its own reply."""
    with asyncio.Runner(loop_factory=event_loop_policy.new_event_loop) as runner:
        runner.run(exchanges_of(script))


async def exchanges_of(script: list[list[list[bytes]]]) -> None:
    written = asyncio.Event()

    async def serve(line: Line) -> None:
        for shape, *cuts in script[line.number % len(script)]:
            body = (await line.request()).body
            framed = (
                b"content-length: 4\r\n\r\n%s"
                if shape[:1] == b"L"
                else (b"transfer-encoding: chunked\r\n\r\n4\r\n%s\r\n0\r\n\r\n")
            )
            whole = b"HTTP/1.1 200 OK\r\n" + framed % body + shape[1:]
            places = [0, *(int(cut) for cut in cuts), len(whole)]
            try:
                await line.send(*(whole[start:end] for start, end in pairwise(places)))
            finally:  # a caller who noticed what is too much has left
                written.set()

    async with scripted(serve) as server, opened(HttpTransport()) as transport:
        for number in range(12):
            written.clear()
            assert await ask(transport, asking(server.url, b"%04d" % number)) == b"%04d" % number
            await asyncio.wait_for(written.wait(), PATIENCE_S)


async def test_a_stream_left_at_its_last_event_keeps_its_connection() -> None:
    """Its last chunk, which is empty, comes a moment later."""

    async def script(line: Line) -> None:
        while True:
            await line.answer(CHUNKED + b"6\r\n[DONE]\r\n", b"0\r\n\r\n")

    async with scripted(script) as server, opened(HttpTransport()) as transport:
        for _ in range(5):
            async with transport.send(asking(server.url)) as reply:
                assert await anext(reply.chunks()) == b"[DONE]"
            await until(lambda: is_kept(transport, server.url))
        assert server.accepted == 1


@pytest.mark.parametrize("after", [b"", b"2\r\nhi\r\n", b"2", b"\r\n", b"2\r\nhi\r\n0\r\n\r\n"])
async def test_a_stream_left_in_its_middle_is_closed(after: bytes) -> None:
    go_on = asyncio.Event()

    async def script(line: Line) -> None:
        await line.answer(CHUNKED + b"2\r\nhi\r\n")
        await go_on.wait()
        await line.send(after)
        await line.ended()

    async with scripted(script) as server, opened(HttpTransport()) as transport:
        async with transport.send(asking(server.url)) as reply:
            assert await anext(reply.chunks()) == b"hi"
        go_on.set()
        await server.until_finished(1)
        assert not is_kept(transport, server.url)


async def test_an_idle_connection_is_closed_after_its_time_and_not_used_past_it() -> None:
    async with scripted(answering) as server, opened(HttpTransport(idle_s=0.05)) as transport:
        assert await ask(transport, asking(server.url)) == b"hi"
        await server.until_finished(1)
        assert await ask(transport, asking(server.url)) == b"hi"
        assert server.accepted == 2


async def test_an_idle_connection_is_not_used_past_its_time_where_the_sweep_is_late() -> None:
    async with scripted(answering) as server, opened(HttpTransport()) as transport:
        assert await ask(transport, asking(server.url)) == b"hi"
        connection = transport.reuse(where := transport.target(server.url))
        assert connection is not None
        transport.keep(where.origin, connection)
        connection.idle_until_s = asyncio.get_running_loop().time() - 0.001
        assert await ask(transport, asking(server.url)) == b"hi"
        await server.until_finished(1)
        assert server.accepted == 2


@pytest.mark.parametrize(("seconds", "connections"), [(0, 3), (1, 3), (60, 1)])
async def test_a_provider_that_says_how_long_it_keeps_connections_is_believed(seconds: int, connections: int) -> None:
    async def script(line: Line) -> None:
        while True:
            await line.answer(HINTED % seconds)

    async with scripted(script) as server, opened(HttpTransport()) as transport:
        for _ in range(3):
            assert await ask(transport, asking(server.url)) == b"hi"
        assert server.accepted == connections


async def test_closing_the_transport_closes_what_is_idle_and_what_becomes_so() -> None:
    async with scripted(answering) as server, opened(HttpTransport()) as transport:
        assert await ask(transport, asking(server.url)) == b"hi"
        async with transport.send(asking(server.url)) as under_way, transport.send(asking(server.url)) as other:
            assert await other.body() == b"hi"
            await transport.close()
            assert await under_way.body() == b"hi"
        await server.until_finished(2)
        assert server.accepted == 2


async def test_no_more_idle_connections_are_kept_than_the_bound() -> None:
    over = 4
    count = MAX_IDLE_PER_ORIGIN + over
    waiting = asyncio.Barrier(count)

    async def script(line: Line) -> None:
        await line.request()
        await waiting.wait()
        await line.send(OK)
        await line.ended()

    async with scripted(script) as server, opened(HttpTransport()) as transport:
        await asyncio.gather(*(ask(transport, asking(server.url)) for _ in range(count)))
        await server.until_finished(over)
        where, kept = transport.target(server.url), []
        while (connection := transport.reuse(where)) is not None:
            kept.append(connection)
        assert len(kept) == MAX_IDLE_PER_ORIGIN
        for connection in kept:
            connection.close()


async def test_origins_do_not_share_connections() -> None:
    async with scripted(answering) as one, scripted(answering) as other, opened(HttpTransport()) as transport:
        for server in (one, other, one, other):
            assert await ask(transport, asking(server.url)) == b"hi"
        assert (one.accepted, other.accepted) == (1, 1)


async def test_a_connection_that_closed_before_the_request_is_a_failure_before_sending() -> None:
    async def leave(line: Line) -> None:
        pass

    async with scripted(leave) as server, opened(HttpTransport()) as transport:
        connection = await transport.connect(transport.target(server.url), 10)
        await until(lambda: connection.closed)
        with pytest.raises(ConnectFailed):
            connection.begin([b"x"], 10)
