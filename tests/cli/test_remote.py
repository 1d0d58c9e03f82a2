"""What the commands say where no platform answers, or something else does."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.cli.running import headgate

from headgate.cli.remote import Remote

KEY = "a-key-of-the-tests"
Told = tuple[int, dict[str, str], str]


class Elsewhere(ThreadingHTTPServer):
    """An HTTP server that answers as it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.answers: list[Told] = []
        self.asked: list[tuple[str, str | None]] = []


class _Answering(BaseHTTPRequestHandler):
    server: Elsewhere

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["authorization"]))
        status, headers, body = self.server.answers.pop(0)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def sentence(url: str, key: str = KEY) -> tuple[int, str]:
    """The exit status and the words of a command that asks at `url`."""
    shown = headgate("models", "list", HEADGATE_URL=url, HEADGATE_ADMIN_KEY=key)
    assert shown.stdout == ""
    return shown.exit_code, shown.stderr


def test_a_platform_that_does_not_run_is_a_failure_with_the_way_to_start_it() -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    assert sentence(url) == (
        1,
        f"No platform answers at {url} (Connection refused). "
        "Start one with `headgate serve`, or set HEADGATE_URL to where it runs.\n",
    )


def test_a_missing_key_is_wrong_configuration_with_the_way_to_one() -> None:
    assert sentence("http://127.0.0.1:1", key="") == (
        2,
        "Set HEADGATE_ADMIN_KEY to a platform-admin's or team-admin's key; "
        "the first start of `headgate serve` on a terminal shows one.\n",
    )


@pytest.mark.parametrize("key", ["kéy", "a\nb", "a\x1bb"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(key: str) -> None:
    assert sentence("http://127.0.0.1:1", key) == (
        2,
        "HEADGATE_ADMIN_KEY holds characters that no key can have; copy it anew.\n",
    )


@pytest.mark.parametrize(
    "url",
    [
        "localhost:4100",
        "ftp://127.0.0.1",
        "http://",
        "http://user:secret@127.0.0.1",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:port",
        "http://127.0.0.1/?a=b",
        "http://127.0.0.1/ x",
        "http://[::1",
    ],
)
def test_an_address_that_is_none_is_wrong_configuration(url: str) -> None:
    assert sentence(url) == (
        2,
        "HEADGATE_URL is not the address of a platform; write it as http://127.0.0.1:4100, or unset it.\n",
    )


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, "<html>"),
        (404, {}, "<html>"),
        (404, {}, '{"detail": "Not Found"}'),
        (500, {}, ""),
    ],
)
def test_a_server_that_is_not_headgate_is_told_from_one_that_refuses(elsewhere: Elsewhere, answer: Told) -> None:
    elsewhere.answers = [answer]
    assert sentence(elsewhere.url) == (
        2,
        f"What answers at {elsewhere.url} with status {answer[0]} is not Headgate; correct HEADGATE_URL.\n",
    )


def test_another_versions_answer_says_what_is_strange_about_it(elsewhere: Elsewhere) -> None:
    elsewhere.answers = [(200, {}, '{"models": [{"id": "smart"}], "fallback_chain": []}')]
    status, words = sentence(elsewhere.url)
    assert status == 1
    assert "missing required field `tier`" in words


def test_a_key_follows_no_redirection(elsewhere: Elsewhere) -> None:
    elsewhere.answers = [(302, {"location": "/elsewhere"}, "")]
    assert sentence(elsewhere.url)[0] == 2
    assert elsewhere.asked == [("/v1/models", f"Bearer {KEY}")]


def test_a_platform_that_hangs_up_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: server.accept()[0].close())
        thread.start()
        status, words = sentence(f"http://127.0.0.1:{server.getsockname()[1]}")
        thread.join()
    assert status == 1
    assert words.startswith("No platform answers at ")


def test_a_mistake_of_the_platform_is_told_with_the_request_to_look_for(elsewhere: Elsewhere) -> None:
    refusal = {"error": {"message": "Headgate made a mistake."}, "headgate": {"request_id": "r-1"}}
    elsewhere.answers = [(500, {}, json.dumps(refusal))]
    assert sentence(elsewhere.url) == (1, "Headgate made a mistake. (request r-1)\n")


def test_nothing_that_is_printed_steers_a_terminal(elsewhere: Elsewhere) -> None:
    models = [{"id": "smart\x1b[2J", "tier": "\x9b1m", "status": "available\n"}]
    elsewhere.answers = [(200, {}, json.dumps({"models": models, "fallback_chain": []}))]
    shown = headgate("models", "list", HEADGATE_URL=elsewhere.url, HEADGATE_ADMIN_KEY=KEY).stdout
    assert "".join(shown.split("\n")).isprintable()
    assert len(shown.splitlines()) == 2


def test_this_machine_is_asked_without_a_proxy(elsewhere: Elsewhere) -> None:
    elsewhere.answers = [(200, {}, '{"models": [], "fallback_chain": []}')]
    proxy = f"http://127.0.0.1:{closed_port()}"
    shown = headgate(
        "models", "list", HEADGATE_URL=elsewhere.url, HEADGATE_ADMIN_KEY=KEY, http_proxy=proxy, no_proxy=""
    )
    assert (shown.exit_code, shown.stdout) == (0, "MODEL  TIER  STATUS  TRIED\n")


def test_a_long_list_is_read_page_by_page(elsewhere: Elsewhere) -> None:
    pages = [{"data": [*range(1000)], "next": "a b"}, {"data": [*range(1000, 1500)], "next": None}]
    elsewhere.answers = [(200, {}, json.dumps(page)) for page in pages]
    assert Remote(elsewhere.url, KEY).listed("/list", 1700, team="x") == [*range(1500)]
    assert [path for path, _ in elsewhere.asked] == ["/list?team=x&limit=1000", "/list?team=x&limit=700&cursor=a+b"]
