"""HTTP/1.1 as callers speak it: framing, keep-alive, back-pressure, and what is no request."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.surfaces.serving import served

from headgate.api.cycle import LEFT
from headgate.api.protocol import MAX_HEAD_BYTES, CallerProtocol

PATIENCE_S = 5
TICK_S = 0.05
GET = b"GET /one HTTP/1.1\r\nhost: x\r\n\r\n"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the method, the path and the body, of a declared length."""
    body = b"%b %b " % (scope["method"].encode(), scope["path"].encode())
    while True:
        message = await receive()
        body += message["body"]
        if not message["more_body"]:
            break
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


class Line:
    """A caller with a plain socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> "Line":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def response(self, *, bodiless: bool = False) -> tuple[int, dict[str, str], bytes]:
        """The next response: status, headers, body."""
        async with asyncio.timeout(PATIENCE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            if bodiless:
                body = b""
            elif headers.get("transfer-encoding") == "chunked":
                body = b""
                while size := int(await self.reader.readuntil(b"\r\n"), 16):
                    body += (await self.reader.readexactly(size + 2))[:-2]
                await self.reader.readexactly(2)
            elif "content-length" in headers:
                body = await self.reader.readexactly(int(headers["content-length"]))
            else:
                body = await self.reader.read()
            return int(head[0].split()[1]), headers, body

    async def closed(self) -> bool:
        """Whether the server hung up, with nothing more to say."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                return await self.reader.read() == b""
            except ConnectionResetError:
                return True


async def ask(app: Any, data: bytes, *, bodiless: bool = False) -> tuple[int, dict[str, str], bytes, bool]:
    """The response to `data`, and whether the server hangs up behind it when the caller says no more."""
    async with served(app) as port:
        line = await Line.open(port)
        line.writer.write(data)
        status, headers, body = await line.response(bodiless=bodiless)
        hung_up = headers.get("connection") == "close" and await line.closed()
        line.writer.close()
        return status, headers, body, hung_up


async def test_bodies_come_by_length_and_in_chunks() -> None:
    by_length = b"POST /a%20b HTTP/1.1\r\nhost: x\r\nContent-Length: 5\r\n\r\nhello"
    assert (await ask(echo, by_length))[::2] == (200, b"POST /a b hello")
    chunked = b"POST /a HTTP/1.1\r\nhost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
    assert (await ask(echo, chunked))[::2] == (200, b"POST /a hello")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 400), max_size=12))
async def test_requests_sent_ahead_are_answered_in_order_however_they_are_cut(cuts: list[int]) -> None:
    data = b"".join(
        b"POST /%d HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (n, n * 9, b"x" * (n * 9)) for n in range(5)
    )
    async with served(echo) as port:
        line = await Line.open(port)
        start = 0
        for cut in [*cuts, len(data)]:
            line.writer.write(data[start : start + cut])
            await line.writer.drain()
            await asyncio.sleep(0)
            start += cut
        for n in range(5):
            assert (await line.response())[2] == b"POST /%d %b" % (n, b"x" * (n * 9))
        line.writer.close()


async def test_a_connection_serves_on_unless_either_side_ends_it() -> None:
    async with served(echo) as port:
        line = await Line.open(port)
        for _ in range(3):
            line.writer.write(GET)
            assert (await line.response())[:2][0] == 200
        line.writer.write(GET.replace(b"host: x", b"host: x\r\nconnection: close"))
        status, headers, _ = await line.response()
        assert (status, headers["connection"]) == (200, "close")
        assert await line.closed()
    assert (await ask(echo, b"GET / HTTP/1.0\r\n\r\n"))[3]


async def test_a_caller_who_waits_for_leave_to_send_its_body_gets_it() -> None:
    async with served(echo) as port:
        line = await Line.open(port)
        line.writer.write(b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        async with asyncio.timeout(PATIENCE_S):
            assert await line.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.writer.write(b"ok")
        assert (await line.response())[2] == b"POST / ok"
        line.writer.close()


async def test_head_and_204_have_no_body() -> None:
    status, headers, _, _ = await ask(echo, b"HEAD /a HTTP/1.1\r\nhost: x\r\n\r\n", bodiless=True)
    assert (status, headers["content-length"]) == (200, "8")

    async def nothing(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    status, headers, _, _ = await ask(nothing, GET, bodiless=True)
    assert status == 204
    assert "transfer-encoding" not in headers


async def pieces(scope: Any, receive: Any, send: Any) -> None:
    """Answers in two pieces without a length."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"one ", "more_body": True})
    await send({"type": "http.response.body", "body": b"two"})


async def test_a_response_without_a_length_is_chunked_or_ends_with_the_connection() -> None:
    status, headers, body, _ = await ask(pieces, GET)
    assert (status, headers["transfer-encoding"], body) == (200, "chunked", b"one two")
    status, headers, body, _ = await ask(pieces, b"GET / HTTP/1.0\r\n\r\n")
    assert (status, headers["connection"], body) == (200, "close", b"one two")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"no request at all\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc", 400),
        (b"GET / HTTP/1.1\r\nhost : x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\na: " + b"b" * (2 * MAX_HEAD_BYTES), 431),
    ],
)
async def test_what_is_no_request_is_refused_and_the_connection_closed(data: bytes, status: int) -> None:
    found, headers, _, hung_up = await ask(echo, data)
    assert (found, headers["connection"], hung_up) == (status, "close", True)


async def test_an_answer_before_the_body_was_read_arrives_and_ends_the_connection() -> None:
    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"no"})

    async with served(refuse) as port:
        line = await Line.open(port)
        line.writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n" + bytes(200_000))
        status, headers, body = await line.response()
        assert (status, headers["connection"], body) == (413, "close", b"no")
        line.writer.write(bytes(800_000))
        assert await line.closed()


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\0b"])
async def test_a_header_with_a_line_break_never_leaves(value: bytes) -> None:
    async def careless(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-said", value)]})
        await send({"type": "http.response.body", "body": b""})

    status, headers, _, _ = await ask(careless, GET)
    assert status == 500
    assert "x-said" not in headers


async def test_a_response_that_breaks_off_never_looks_whole() -> None:
    async def half(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("lost")

    async with served(half) as port:
        line = await Line.open(port)
        line.writer.write(GET)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await line.response()


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


class Hasty(CallerProtocol):
    """Waits for nobody."""

    receiving_timeout_s = 0.05


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


async def test_a_caller_who_waits_for_its_answer_is_waited_for() -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.wait([asyncio.ensure_future(asyncio.Event().wait())], timeout=0.3)
        await pieces(scope, receive, send)

    async with served(slow, Hasty) as port:
        line = await Line.open(port)
        line.writer.write(GET)
        assert (await line.response())[2] == b"one two"
        line.writer.close()


async def test_a_status_that_is_not_registered_is_sent_as_it_is() -> None:
    async def overloaded(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 529, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    assert (await ask(overloaded, GET))[0] == 529


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


async def test_trailers_are_no_headers_and_have_a_bound() -> None:
    async def told(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        names = b" ".join(sorted(name for name, _ in scope["headers"]))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(names))]})
        await send({"type": "http.response.body", "body": names})

    chunked = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
    assert (await ask(told, chunked + b"authorization: evil\r\n\r\n"))[2] == b"host transfer-encoding"
    async with served(echo) as port:
        line = await Line.open(port)
        line.writer.write(chunked + b"a: b\r\n" * MAX_HEAD_BYTES)
        assert await line.closed()


async def test_who_sends_very_many_requests_ahead_is_hung_up_on() -> None:
    async def never(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async with served(never) as port:
        line = await Line.open(port)
        line.writer.write(GET * 1_000)
        assert await line.closed()


async def test_an_offer_to_switch_protocols_is_ignored_and_the_request_answered() -> None:
    offer = b"GET /one HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\n\r\n"
    status, _, body, hung_up = await ask(echo, offer)
    assert (status, body, hung_up) == (200, b"GET /one ", True)


async def test_leave_to_send_a_body_is_given_once() -> None:
    async with served(echo) as port:
        line = await Line.open(port)
        line.writer.write(b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n")
        async with asyncio.timeout(PATIENCE_S):
            assert await line.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        for piece in (b"a", b"b", b"c"):
            line.writer.write(piece)
            await line.writer.drain()
            await asyncio.sleep(TICK_S)
        assert (await line.response())[2] == b"POST / abc"
        line.writer.close()
