"""The HTTP client against providers that answer in every way that RFC 9112 allows, and in many that it does not."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

import pytest
from tests.contracts.scripted import OK, PATIENCE_S, Line, ask, asking, chunks_of, is_kept, opened, scripted

from headgate.pool.http.connection import HIGH_WATER_BYTES, MAX_HEAD_BYTES
from headgate.pool.http.transport import HttpTransport
from headgate.pool.transport import ConnectFailed, TransportFailed, TransportTimedOut

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
LENGTH = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n"
BOTH = b"HTTP/1.1 200 OK\r\n%s\r\n%s\r\n\r\n2\r\nhi\r\n0\r\n\r\n"


def bytewise(data: bytes) -> list[bytes]:
    return [data[place : place + 1] for place in range(len(data))]


REPLIES = {
    "content-length": (OK, b"hi", True),
    "no body": (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b"", True),
    "no reason": (b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nhi", b"hi", True),
    "chunked": (CHUNKED + b"2\r\nhi\r\n3\r\n ho\r\n0\r\n\r\n", b"hi ho", True),
    "chunk extensions": (CHUNKED + b'2;a=b;c="d"\r\nhi\r\n0;last\r\n\r\n', b"hi", True),
    "trailers": (CHUNKED + b"2\r\nhi\r\n0\r\nx-sum: 1\r\nx-cost: 2\r\n\r\n", b"hi", True),
    "until close": (b"HTTP/1.1 200 OK\r\n\r\nhi ho", b"hi ho", False),
    "until close, empty": (b"HTTP/1.1 200 OK\r\n\r\n", b"", False),
    "connection: close": (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi", b"hi", False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi", b"hi", False),
    "HTTP/1.0 until close": (b"HTTP/1.0 200 OK\r\n\r\nhi", b"hi", False),
    "HTTP/1.0 kept": (b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nhi", b"hi", True),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    "304 with a length": (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", b"", True),
    "100 first": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"hi", True),
    "103 twice first": (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" * 2 + OK, b"hi", True),
    "an upgrade offered": (
        OK.replace(b"\r\n\r\n", b"\r\nupgrade: h2\r\nconnection: Upgrade, Keep-Alive\r\n\r\n"),
        b"hi",
        True,
    ),
}


@pytest.mark.parametrize("cut", [lambda data: [data], bytewise], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("kind", REPLIES)
async def test_every_framing_is_read_and_the_connection_kept_where_it_can_be(
    kind: str, cut: Callable[[bytes], list[bytes]]
) -> None:
    raw, body, kept = REPLIES[kind]

    async def script(line: Line) -> None:
        await line.answer(*cut(raw))
        if kept:
            await line.answer(*cut(raw))

    async with scripted(script) as server, opened(HttpTransport()) as transport:
        for _ in range(2):
            async with transport.send(asking(server.url)) as reply:
                assert "link" not in reply.headers
                assert await reply.body() == body
                assert await reply.body() == b""
        assert server.accepted == (1 if kept else 2)


async def test_repeated_headers_are_joined_and_names_lowered() -> None:
    async def script(line: Line) -> None:
        await line.answer(b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: \xe9\r\nX-Empty:\r\ncontent-length: 0\r\n\r\n")

    async with scripted(script) as server, opened(HttpTransport()) as transport:
        async with transport.send(asking(server.url)) as reply:
            assert dict(reply.headers) == {"x-a": "1, \xe9", "x-empty": "", "content-length": "0"}


NO_REPLIES = {
    "no HTTP": b"SSH-2.0-OpenSSH\r\n",
    "HTTP/2": b"HTTP/2 200 OK\r\n\r\n",
    "malformed status": b"HTTP/1.1 2OO OK\r\n\r\n",
    "bare line feeds": b"HTTP/1.1 200 OK\ncontent-length: 2\n\nhi",
    "length and chunks": BOTH % (b"content-length: 2", b"transfer-encoding: chunked"),
    "chunks and length": BOTH % (b"transfer-encoding: chunked", b"content-length: 2"),
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nhi",
    "negative length": b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\nhi",
    "folded header": b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n",
    "space in a name": b"HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\nhi",
    "switching protocols": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    "head too long": b"HTTP/1.1 200 OK\r\nx: " + b"y" * (MAX_HEAD_BYTES + 300_000) + b"\r\ncontent-length: 0\r\n\r\n",
    "header without end": b"HTTP/1.1 200 OK\r\nx: " + b"y" * (2 * MAX_HEAD_BYTES),
    "endless interim replies": b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" * 10_000,
}


@pytest.mark.parametrize("kind", NO_REPLIES)
async def test_what_is_no_reply_fails_after_sending_and_closes_the_connection(kind: str) -> None:
    async def script(line: Line) -> None:
        with contextlib.suppress(ConnectionError):
            await line.answer(NO_REPLIES[kind])
        await line.ended()

    async with scripted(script) as server, opened(HttpTransport()) as transport:
        with pytest.raises(TransportFailed, match="the reply") as failure:
            await ask(transport, asking(server.url))
        assert not isinstance(failure.value, ConnectFailed)
        assert not isinstance(failure.value, TransportTimedOut)
        await server.until_finished(1)


BROKEN_BODIES = {
    "chunk size": b"2\r\nhi\r\nxyz\r\n",
    "chunk overflow": b"2\r\nhi\r\nffffffffffffffffff\r\n",
    "trailer without end": b"2\r\nhi\r\n0\r\nx: " + b"y" * (2 * MAX_HEAD_BYTES),
    "extension without end": b"2\r\nhi\r\n2;x=" + b"y" * (2 * MAX_HEAD_BYTES),
}


@pytest.mark.parametrize("kind", BROKEN_BODIES)
async def test_a_body_that_turns_malformed_fails_after_what_was_sound(kind: str) -> None:
    async def script(line: Line) -> None:
        with contextlib.suppress(ConnectionError):
            await line.answer(CHUNKED, BROKEN_BODIES[kind])
        await line.ended()

    async with scripted(script) as server, opened(HttpTransport()) as transport:
        async with transport.send(asking(server.url)) as reply:
            assert await anext(reply.chunks()) == b"hi"
            with pytest.raises(TransportFailed, match="the reply"):
                await chunks_of(reply)
        await server.until_finished(1)


async def test_much_framing_around_little_body_is_no_failure() -> None:
    """Every byte in a chunk of its own, with an extension: more framing than a head may have, and sound."""
    count = MAX_HEAD_BYTES // 16
    body = (b"1;" + b"x" * 64 + b"\r\ny\r\n") * count + b"0\r\n\r\n"

    async def script(line: Line) -> None:
        await line.answer(CHUNKED, *(body[place : place + 1_009] for place in range(0, len(body), 1_009)))

    async with scripted(script) as server, opened(HttpTransport()) as transport:
        assert await ask(transport, asking(server.url)) == b"y" * count


ENDS = {"nothing": b"", "mid-head": OK[:20], "mid-body": LENGTH + b"hi", "mid-chunk": CHUNKED + b"9\r\nhi"}


@pytest.mark.parametrize("how", ["end", "reset"])
@pytest.mark.parametrize("where", ENDS)
async def test_a_connection_that_breaks_off_is_a_failure_after_sending(where: str, how: str) -> None:
    go_on = asyncio.Event()

    async def script(line: Line) -> None:
        await line.answer(ENDS[where])
        if b"\r\n\r\n" in ENDS[where]:
            await go_on.wait()
        if how == "reset":
            line.reset()

    async def exchange(transport: HttpTransport, url: str) -> None:
        async with transport.send(asking(url)) as reply:
            assert await anext(reply.chunks()) == b"hi"
            go_on.set()
            await chunks_of(reply)

    async with scripted(script) as server, opened(HttpTransport()) as transport:
        with pytest.raises(TransportFailed, match=r"the connection closed (before a|within the) reply") as failure:
            await exchange(transport, server.url)
        assert not isinstance(failure.value, ConnectFailed)


async def test_a_body_until_close_that_is_reset_is_a_failure() -> None:
    go_on = asyncio.Event()

    async def script(line: Line) -> None:
        await line.answer(b"HTTP/1.1 200 OK\r\n\r\nhi")
        await go_on.wait()
        line.reset()

    async with scripted(script) as server, opened(HttpTransport()) as transport:
        async with transport.send(asking(server.url)) as reply:
            assert await anext(reply.chunks()) == b"hi"
            go_on.set()
            with pytest.raises(TransportFailed):
                await anext(reply.chunks())


async def test_a_server_that_closes_at_once_never_hangs_the_caller() -> None:
    async def script(line: Line) -> None:
        pass

    async with scripted(script) as server, opened(HttpTransport()) as transport:
        results = await asyncio.wait_for(
            asyncio.gather(*(ask(transport, asking(server.url)) for _ in range(50)), return_exceptions=True), PATIENCE_S
        )
    assert all(isinstance(result, TransportFailed) for result in results)
    assert not any(isinstance(result, TransportTimedOut) for result in results)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 100 Continue\r\n\r\n", OK[:20], LENGTH, CHUNKED + b"2\r\nhi\r\n"])
async def test_a_peer_slower_than_the_time_allowed_is_a_timeout_and_is_left(said: bytes) -> None:
    async def script(line: Line) -> None:
        await line.answer(said)
        await line.ended()

    async with scripted(script) as server, opened(HttpTransport()) as transport:
        with pytest.raises(TransportTimedOut) as failure:
            await ask(transport, asking(server.url, timeout_ms=50))
        assert not isinstance(failure.value, ConnectFailed)
        await server.until_finished(1)


async def test_a_body_that_drips_past_the_time_allowed_is_a_timeout() -> None:
    async def script(line: Line) -> None:
        await line.answer(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                await line.send(b"x")

    async with scripted(script) as server, opened(HttpTransport()) as transport:
        with pytest.raises(TransportTimedOut):
            await ask(transport, asking(server.url, timeout_ms=100))
        await server.until_finished(1)


async def test_an_early_answer_to_a_large_body_is_read_and_the_connection_not_reused() -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 8\r\n\r\ntoo long"

    async def script(line: Line) -> None:
        await line.head()
        await line.send(refusal if line.number % 2 else refusal.replace(b"connection: close\r\n", b""))
        if line.number < 2:  # the others close with the body unread, which resets the connection
            await line.ended()

    async with scripted(script) as server, opened(HttpTransport()) as transport:
        for _ in range(4):
            async with transport.send(asking(server.url, b"x" * 20_000_000)) as reply:
                assert reply.status == 413
                assert await reply.body() == b"too long"
        assert server.accepted == 4


async def test_a_large_body_arrives_whole() -> None:
    body = bytes(range(256)) * 80_000

    async def script(line: Line) -> None:
        asked = await line.request()
        assert asked.body == body
        await line.send(OK)

    async with scripted(script) as server, opened(HttpTransport()) as transport:
        assert await ask(transport, asking(server.url, body)) == b"hi"


async def test_a_reader_that_does_not_read_holds_the_provider_back() -> None:
    piece, total = b"x" * 65_536, 1_000 * 65_536
    written = 0
    stalled = asyncio.Event()

    async def script(line: Line) -> None:
        nonlocal written
        await line.answer(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % total)
        while written < total:
            writing = asyncio.ensure_future(line.send(piece))
            await asyncio.wait((writing,), timeout=None if stalled.is_set() else 0.5)
            if not writing.done():
                stalled.set()
            await writing
            written += len(piece)

    async with scripted(script) as server, opened(HttpTransport()) as transport:
        async with transport.send(asking(server.url)) as reply:
            await asyncio.wait_for(stalled.wait(), PATIENCE_S)
            assert HIGH_WATER_BYTES <= written < total / 4  # the rest are the kernel's buffers
            taken = 0
            async for chunk in reply.chunks():
                taken += len(chunk)
        assert taken == total
        assert is_kept(transport, server.url)


async def while_connecting(line: Line) -> None:
    await line.ended()


async def while_awaiting_the_head(line: Line) -> None:
    await line.answer(OK[:20])
    await line.ended()


async def while_awaiting_the_body(line: Line) -> None:
    await line.answer(LENGTH + b"hi")
    await line.ended()


@pytest.mark.parametrize("script", [while_connecting, while_awaiting_the_head, while_awaiting_the_body])
async def test_cancelling_at_any_turn_of_the_loop_closes_the_connection(
    script: Callable[[Line], Awaitable[None]],
) -> None:
    """The server sees every connection's end, and none is left in the pool."""
    async with scripted(script) as server, opened(HttpTransport()) as transport:
        for turns in range(40):
            asking_task = asyncio.ensure_future(ask(transport, asking(server.url)))
            for _ in range(turns):
                await asyncio.sleep(0)
            asking_task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking_task
            assert not is_kept(transport, server.url)
        await server.until_finished(server.accepted)
        assert server.accepted > 0


@pytest.mark.parametrize(
    "header", [("x", "a\r\nb: c"), ("x", "a\nb"), ("x", "a\rb"), ("x\r\ny", "a"), ("x", "a\0"), ("x", "snow \u2603")]
)
async def test_a_header_that_cannot_be_sent_is_refused_before_connecting(header: tuple[str, str]) -> None:
    async with scripted(while_connecting) as server, opened(HttpTransport()) as transport:
        with pytest.raises(ConnectFailed, match="a header of the request"):
            await ask(transport, asking(server.url, headers=[header]))
        assert server.accepted == 0


async def test_no_connection_in_time_is_a_failure_before_sending() -> None:
    """A listener that accepts nothing, and whose backlog is full."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    fillers = [socket.socket() for _ in range(4)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
    async with opened(HttpTransport()) as transport:
        with pytest.raises(ConnectFailed, match="in time"):
            await ask(transport, asking(url, timeout_ms=100))
    for each in (*fillers, listener):
        each.close()
