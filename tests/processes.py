"""Real processes for tests: `headgate serve` on a given database, and `headgate simulate` as its provider."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

HEADGATE = str(Path(sys.executable).with_name("headgate"))
ADMIN_KEY = "the-admin-key-of-the-tests"
START_TIMEOUT_S = 30.0
POLL_S = 0.02

CONFIGURATION = """
version: 1
providers:
  chat: {{kind: openai-like, base_url: "{simulator}/v1"}}
  messages: {{kind: anthropic, base_url: "{simulator}", key: "${{env:SIMULATOR_KEY}}"}}
models:
  demo: {{deployments: [{{provider: chat, id: demo, region: local, price: {{in: 1, out: 2}}}}]}}
  claude: {{deployments: [{{provider: messages, id: claude, region: local, price: {{in: 3, out: 15}}}}]}}
"""


class Served:
    """A running `headgate serve`."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.log = log

    def call(self, method: str, path: str, body: Any = None, key: str = ADMIN_KEY) -> tuple[int, Any]:
        """One JSON exchange: its status and its body."""
        request = urllib.request.Request(
            self.url + path,
            data=None if body is None else msgspec.json.encode(body),
            method=method,
            headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, raw = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, raw = error.code, error.read()
        return status, msgspec.json.decode(raw) if raw else None

    def key(self, team: str, **settings: Any) -> str:
        """A fresh virtual key of `team`, which is made if it is not there."""
        self.call("POST", "/admin/v1/teams", {"id": team, **settings})
        status, made = self.call("POST", "/admin/v1/keys", {"team": team})
        assert status == 201, made
        key: str = made["key"]
        return key

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)


def wait_for(fact: Callable[[], bool], what: str, timeout_s: float = START_TIMEOUT_S) -> None:
    """Ask until `fact` holds.

    Raises:
        TimeoutError: it did not within `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while not fact():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s} s for: {what}")
        select.select([], [], [], POLL_S)  # another process is waited for; it tells us nothing


def answers(url: str) -> bool:
    """Whether a GET of `url` answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def free_port() -> int:
    """A port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def serve(directory: Path, environment: dict[str, str], *arguments: str) -> Served:
    """Start `headgate serve` in `directory` and wait until it is ready; the caller stops or kills it."""
    port = free_port()
    log = directory / "log.jsonl"
    command = [HEADGATE, "serve", "--port", str(port), "--data-dir", str(directory / "data"), *arguments]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "HEADGATE_ADMIN_KEY": ADMIN_KEY, **environment},
        )
    served = Served(process, port, log)
    try:
        wait_for(
            lambda: process.poll() is not None or answers(f"{served.url}/health/ready"), f"headgate on port {port}"
        )
        assert process.poll() is None, log.read_text()[-3000:]
    except BaseException:
        process.kill()
        process.wait()
        raise
    return served


@contextmanager
def simulator(*arguments: str) -> Iterator[str]:
    """`headgate simulate` on a free port; its base URL."""
    process = subprocess.Popen(
        [HEADGATE, "simulate", "--port", "0", *arguments], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().decode().strip()
        wait_for(lambda: answers(f"{url}/billing"), "headgate simulate")
        yield url
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


@contextmanager
def platform(directory: Path, database_url: str, provider: str, *, more: str = "") -> Iterator[Served]:
    """A Headgate whose models `demo` and `claude` are served by the simulator at `provider`."""
    (directory / "headgate.yaml").write_text(CONFIGURATION.format(simulator=provider) + more)
    environment = {"HEADGATE_DATABASE_URL": database_url, "SIMULATOR_KEY": "sim"}
    served = serve(directory, environment)
    try:
        yield served
    finally:
        if served.process.poll() is None:
            served.stop()
