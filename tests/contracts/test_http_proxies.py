"""The HTTP client through the proxies that the environment names, and the URLs that it calls."""

import asyncio
import base64
import contextlib
from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme
from tests.contracts.scripted import OK, Line, Script, ask, asking, opened, scripted
from tests.contracts.test_http_tls import server_side

from headgate.pool.http.target import target
from headgate.pool.http.transport import HttpTransport
from headgate.pool.transport import ConnectFailed, TransportTimedOut

ORIGIN = "api.example.org"
"""No such host: only a proxy reaches it."""
CREDENTIALS = "Basic " + base64.b64encode(b"us er:p:w").decode()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return made


def connecting_to(port: int, said: list[tuple[str, dict[str, str]]]) -> Script:
    """A CONNECT proxy that takes every host to `port` of loopback."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def script(line: Line) -> None:
        said.append(await line.head())
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await line.send(b"HTTP/1.1 200 Connection ", b"established\r\nvia: a proxy\r\n\r\n")
        await asyncio.gather(copy(line.reader, writer), copy(reader, line.writer))

    return script


async def answering(line: Line) -> None:
    while True:
        await line.answer(OK)


@pytest.mark.parametrize(("user", "authorization"), [("", None), ("us%20er:p%3Aw@", CREDENTIALS)])
async def test_https_goes_through_a_tunnel_that_is_kept(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, user: str, authorization: str | None
) -> None:
    said: list[tuple[str, dict[str, str]]] = []
    async with scripted(answering, server_side(authority, ORIGIN)) as server:
        async with scripted(connecting_to(server.port, said)) as proxy:
            monkeypatch.setenv("https_proxy", f"http://{user}127.0.0.1:{proxy.port}")
            async with opened(HttpTransport()) as transport:
                for _ in range(3):
                    assert await ask(transport, asking(f"https://{ORIGIN}/v1")) == b"hi"
    assert [line for line, _ in said] == [f"CONNECT {ORIGIN}:443 HTTP/1.1"]
    assert said[0][1]["host"] == f"{ORIGIN}:443"
    assert said[0][1].get("proxy-authorization") == authorization


async def test_the_certificate_is_the_origins_and_not_the_proxys(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scripted(answering, server_side(authority, "127.0.0.1")) as server:
        async with scripted(connecting_to(server.port, [])) as proxy:
            monkeypatch.setenv("https_proxy", proxy.url)
            async with opened(HttpTransport()) as transport:
                with pytest.raises(ConnectFailed, match=f"certificate is not valid for '{ORIGIN}'"):
                    await ask(transport, asking(f"https://{ORIGIN}/v1"))


REFUSALS = {
    "407": (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407 Proxy Authentication Required"),
    "502": (b"HTTP/1.0 502 Bad Gateway\r\ncontent-length: 2\r\n\r\nno", "502 Bad Gateway"),
    "nothing": (b"", "the proxy closed the connection"),
    "no HTTP": (b"200 200 OK\r\n\r\n", "does not connect"),
    "half a head": (b"HTTP/1.1 200 OK\r\n", "the proxy closed the connection"),
    "a head without end": (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000, "the proxy's reply has a head of more than"),
    "no TLS behind it": (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\n", f"no connection to {ORIGIN}"),
}


@pytest.mark.parametrize("kind", REFUSALS)
async def test_a_proxy_that_gives_no_tunnel_is_a_failure_before_sending(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    reply, sentence = REFUSALS[kind]

    async def script(line: Line) -> None:
        await line.head()
        await line.send(reply)

    async with scripted(script) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        async with opened(HttpTransport()) as transport:
            with pytest.raises(ConnectFailed, match=sentence):
                await ask(transport, asking(f"https://{ORIGIN}/v1"))
        await proxy.until_finished(1)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
async def test_a_proxy_that_hangs_is_left_in_time(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    async def script(line: Line) -> None:
        await line.head()
        await line.send(said)
        await line.ended()

    async with scripted(script) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        async with opened(HttpTransport()) as transport:
            with pytest.raises(ConnectFailed, match=f"no connection to {ORIGIN} in time"):
                await ask(transport, asking(f"https://{ORIGIN}/v1", timeout_ms=100))
        await proxy.until_finished(1)


async def test_the_time_allowed_begins_with_the_connection(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tunnel that takes four fifths of it leaves one fifth for the answer."""

    async def mute(line: Line) -> None:
        await line.ended()

    async def slow(line: Line) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.4)
        await connecting_to(server.port, [])(line)

    loop = asyncio.get_running_loop()
    async with scripted(mute, server_side(authority, ORIGIN)) as server, scripted(slow) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        async with opened(HttpTransport()) as transport:
            began_s = loop.time()
            with pytest.raises(TransportTimedOut, match="no whole answer in time"):
                await ask(transport, asking(f"https://{ORIGIN}/v1", timeout_ms=500))
            assert loop.time() - began_s < 0.85


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n\r\n"])
async def test_cancelling_while_a_tunnel_opens_closes_it(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    async def script(line: Line) -> None:
        await line.head()
        await line.send(said)
        await line.ended()

    async with scripted(script) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        async with opened(HttpTransport()) as transport:
            for turns in range(20):
                task = asyncio.ensure_future(ask(transport, asking(f"https://{ORIGIN}/v1")))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            await proxy.until_finished(proxy.accepted)


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy"])
async def test_http_is_asked_of_the_proxy_by_the_whole_url(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    said: list[tuple[str, dict[str, str]]] = []

    async def script(line: Line) -> None:
        while True:
            asked = await line.request()
            said.append((asked.line, asked.headers))
            await line.send(OK)

    async with scripted(script) as proxy:
        monkeypatch.setenv(variable, f"us%20er:p%3Aw@127.0.0.1:{proxy.port}")
        async with opened(HttpTransport()) as transport:
            for _ in range(2):
                assert await ask(transport, asking(f"http://{ORIGIN}:8080/v1?x=1")) == b"hi"
        assert proxy.accepted == 1
    line, headers = said[0]
    assert line == f"POST http://{ORIGIN}:8080/v1?x=1 HTTP/1.1"
    assert (headers["host"], headers["proxy-authorization"]) == (f"{ORIGIN}:8080", CREDENTIALS)


async def test_no_proxy_names_who_is_called_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    async with scripted(answering) as server, opened(HttpTransport()) as transport:
        assert await ask(transport, asking(server.url)) == b"hi"


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("", "http://a.org", False),
        ("*", "http://a.org", True),
        ("b.org, a.org", "http://a.org", True),
        ("a.org", "http://x.a.org", True),
        (".a.org", "http://x.a.org", True),
        ("*.a.org", "http://x.a.org", True),
        ("a.org", "http://ba.org", False),
        ("A.org", "http://a.ORG", True),
        ("a.org:8080", "http://a.org:8080", True),
        ("a.org:8080", "http://a.org", False),
        ("10.0.0.0/8", "http://10.1.2.3", True),
        ("10.0.0.0/8", "http://11.1.2.3", False),
        ("10.0.0.0/8", "http://ten.org", False),
        ("::1", "http://[::1]:8080", True),
        ("[::1]:8080", "http://[::1]:8080", True),
        ("[::1]:8080", "http://[::1]", False),
        ("fd00::/8", "http://[fd12::1]", True),
    ],
)
def test_no_proxy_is_domains_networks_and_ports(no_proxy: str, url: str, direct: bool) -> None:
    assert (target({"http": "http://proxy", "no": no_proxy}, url).proxy is None) is direct


@pytest.mark.parametrize(
    ("proxies", "sentence"),
    [
        ({"https": "socks5://proxy:1080"}, "the proxy for a.org must be an http:// URL, not socks5://"),
        ({"all": "https://proxy"}, "the proxy for a.org must be an http:// URL, not https://"),
        ({"https": "http://proxy:port"}, "the proxy for a.org is no URL"),
        ({"https": "http://"}, "the proxy for a.org must be an http:// URL"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_a_failure_that_says_so(proxies: Mapping[str, str], sentence: str) -> None:
    with pytest.raises(ConnectFailed, match=sentence):
        target(proxies, "https://a.org/v1")


async def test_an_ipv6_literal_with_port_and_query_is_called() -> None:
    asked = []

    async def script(line: Line) -> None:
        asked.append(await line.request())
        await line.send(OK)

    async with scripted(script, host="::1") as server, opened(HttpTransport()) as transport:
        assert await ask(transport, asking(f"{server.url}/v1/a%20b?x=1&y=/?#part")) == b"hi"
    assert asked[0].line == "POST /v1/a%20b?x=1&y=/? HTTP/1.1"
    assert asked[0].headers["host"] == f"[::1]:{server.port}"


@pytest.mark.parametrize(
    ("url", "host", "port", "line"),
    [
        ("http://a.org", "a.org", 80, "/"),
        ("https://A.org?x=1", "a.org", 443, "/?x=1"),
        ("HTTPS://a.org:8443/v1/", "a.org", 8443, "/v1/"),
        ("https://[2001:db8::1]/v1", "2001:db8::1", 443, "/v1"),
    ],
)
def test_a_url_is_taken_apart(url: str, host: str, port: int, line: str) -> None:
    where = target({}, url)
    assert (where.host, where.port, where.request_target) == (host, port, line)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.org",
        "ftp://a.org",
        "http://",
        "http://a.org:port",
        "http://a.org:99999",
        "http://a .org",
        "http://[::1",
        "http://a.org/\r\nx: y",
        "http://b\u00fccher.org",
        "http://user:word@a.org/",
        "http://@a.org",
    ],
)
def test_what_is_no_url_is_a_failure_before_sending(url: str) -> None:
    with pytest.raises(ConnectFailed) as failure:
        target({}, url)
    assert "word" not in str(failure.value)
