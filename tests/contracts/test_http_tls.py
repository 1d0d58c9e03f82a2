"""The HTTP client over TLS: whom it trusts, what it refuses, and the same care for connections as without."""

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme
from tests.contracts.scripted import OK, PATIENCE_S, Line, ask, asking, is_kept, opened, scripted

from headgate.pool.http.transport import HttpTransport
from headgate.pool.transport import ConnectFailed, TransportFailed, TransportTimedOut


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """The authority, named by SSL_CERT_FILE as an operator would."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return authority


def server_side(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    return context


async def answering(line: Line) -> None:
    while True:
        await line.answer(OK)


async def test_a_server_whose_authority_is_named_is_called_and_its_connection_kept(trusted: trustme.CA) -> None:
    async with scripted(answering, server_side(trusted, "127.0.0.1")) as server, opened(HttpTransport()) as transport:
        for _ in range(5):
            assert await ask(transport, asking(server.url)) == b"hi"
        assert server.accepted == 1


async def test_a_name_that_the_certificate_has_is_called(trusted: trustme.CA) -> None:
    async with scripted(answering, server_side(trusted, "localhost")) as server, opened(HttpTransport()) as transport:
        assert await ask(transport, asking(f"https://localhost:{server.port}")) == b"hi"


async def test_another_name_than_the_certificates_is_refused_and_said(trusted: trustme.CA) -> None:
    tls = server_side(trusted, "api.example.org")
    async with scripted(answering, tls) as server, opened(HttpTransport()) as transport:
        with pytest.raises(ConnectFailed, match=r"certificate is not valid for 'localhost'"):
            await ask(transport, asking(f"https://localhost:{server.port}"))
        with pytest.raises(ConnectFailed, match=r"certificate is not valid for '127\.0\.0\.1'"):
            await ask(transport, asking(server.url))


async def test_an_unknown_authority_is_refused_and_said(authority: trustme.CA) -> None:
    async with scripted(answering, server_side(authority, "127.0.0.1")) as server, opened(HttpTransport()) as transport:
        with pytest.raises(ConnectFailed, match="certificate verify failed: unable to get local issuer"):
            await ask(transport, asking(server.url))


async def test_a_server_without_tls_is_a_failure_before_sending(trusted: trustme.CA) -> None:
    async def plain(line: Line) -> None:
        await line.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with scripted(plain) as server, opened(HttpTransport()) as transport:
        with pytest.raises(ConnectFailed, match=r"no connection to 127\.0\.0\.1"):
            await ask(transport, asking(server.url.replace("http:", "https:")))


async def test_a_server_that_hangs_in_the_handshake_is_a_failure_before_sending(trusted: trustme.CA) -> None:
    async def mute(line: Line) -> None:
        await line.ended()

    async with scripted(mute) as server, opened(HttpTransport()) as transport:
        with pytest.raises(ConnectFailed, match="in time"):
            await ask(transport, asking(server.url.replace("http:", "https:"), timeout_ms=100))
        await server.until_finished(1)


async def test_a_large_body_and_a_large_reply_pass_whole(trusted: trustme.CA) -> None:
    async def echo(line: Line) -> None:
        body = (await line.request()).body
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body), body)

    body = bytes(range(256)) * 20_000
    async with scripted(echo, server_side(trusted, "127.0.0.1")) as server, opened(HttpTransport()) as transport:
        assert await ask(transport, asking(server.url, body)) == body


@pytest.mark.parametrize("how", ["end", "reset"])
async def test_a_connection_that_breaks_off_in_mid_body_is_a_failure(trusted: trustme.CA, how: str) -> None:
    go_on = asyncio.Event()

    async def script(line: Line) -> None:
        await line.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhi")
        await go_on.wait()
        if how == "reset":
            line.reset()

    async with scripted(script, server_side(trusted, "127.0.0.1")) as server, opened(HttpTransport()) as transport:
        async with transport.send(asking(server.url)) as reply:
            assert await anext(reply.chunks()) == b"hi"
            go_on.set()
            with pytest.raises(TransportFailed, match="within the reply"):
                await anext(reply.chunks())


async def test_leaving_in_mid_body_ends_the_connection_at_the_server(trusted: trustme.CA) -> None:
    async def script(line: Line) -> None:
        await line.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhi")
        await line.ended()

    async with scripted(script, server_side(trusted, "127.0.0.1")) as server, opened(HttpTransport()) as transport:
        async with transport.send(asking(server.url)) as reply:
            assert await anext(reply.chunks()) == b"hi"
        await server.until_finished(1)
        assert not is_kept(transport, server.url)


async def test_a_slow_body_is_a_timeout(trusted: trustme.CA) -> None:
    async def script(line: Line) -> None:
        await line.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhi")
        await line.ended()

    async with scripted(script, server_side(trusted, "127.0.0.1")) as server, opened(HttpTransport()) as transport:
        with pytest.raises(TransportTimedOut):
            await ask(transport, asking(server.url, timeout_ms=200))
        await server.until_finished(1)


async def test_a_connection_that_the_server_closed_between_calls_is_not_used(trusted: trustme.CA) -> None:
    async def once(line: Line) -> None:
        await line.answer(OK)

    async with scripted(once, server_side(trusted, "127.0.0.1")) as server, opened(HttpTransport()) as transport:
        for _ in range(5):
            assert await ask(transport, asking(server.url)) == b"hi"
            async with asyncio.timeout(PATIENCE_S):
                for _ in iter(lambda: is_kept(transport, server.url), False):
                    await asyncio.sleep(0)
        assert server.accepted == 5
