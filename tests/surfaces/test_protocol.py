"""HTTP/1.1 as callers speak it: framing, keep-alive, and what is no request."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.surfaces.lines import GET, PATIENCE_S, TICK_S, Line, ask, echo, pieces
from tests.surfaces.serving import served

from headgate.api.protocol import MAX_HEAD_BYTES


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


async def test_a_status_that_is_not_registered_is_sent_as_it_is() -> None:
    async def overloaded(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 529, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    assert (await ask(overloaded, GET))[0] == 529


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
