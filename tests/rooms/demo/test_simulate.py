"""`headgate simulate`: the demo provider as a process of its own."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HEADGATE = str(Path(sys.executable).with_name("headgate"))


@contextmanager
def simulated(*options: str) -> Iterator[str]:
    """The base URL that a simulator prints; it is told to stop at the end, and must."""
    command = [HEADGATE, "simulate", "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.communicate(timeout=20)


def call(url: str, path: str, body: Any = None, key: str = "k") -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json", "x-api-key": key}
    with urllib.request.urlopen(urllib.request.Request(url + path, data, headers), timeout=20) as reply:
        return json.load(reply)


def test_it_serves_both_formats_where_it_says_and_keeps_the_bill() -> None:
    asked = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "!echo one two"}]}
    with simulated("--latency", "1ms", "--pace", "1ms") as url:
        assert url.startswith("http://127.0.0.1:")
        chat = call(url, "/v1/chat/completions", asked)
        message = call(url, "/v1/messages", asked)
        bill = call(url, "/billing")
    assert chat["choices"][0]["message"]["content"] == message["content"][0]["text"] == "one two"
    assert [(owed["key"], owed["calls"], owed["output_tokens"]) for owed in bill["sums"]] == [("k", 2, 4)]


def test_it_accepts_only_the_keys_that_it_was_given() -> None:
    asked = {"messages": [{"role": "user", "content": "hi"}]}
    with simulated("--key", "a", "--key", "b") as url:
        assert call(url, "/v1/chat/completions", asked, key="b")["object"] == "chat.completion"
        try:
            call(url, "/v1/chat/completions", asked, key="c")
        except urllib.error.HTTPError as error:
            refused = error.code
            error.close()
    assert refused == 401


def test_a_duration_without_a_unit_is_wrong_use() -> None:
    done = subprocess.run([HEADGATE, "simulate", "--latency", "5"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert "not a duration" in done.stderr


def test_a_port_in_use_is_said_with_what_to_do() -> None:
    with simulated() as url:
        port = url.rpartition(":")[2]
        done = subprocess.run([HEADGATE, "simulate", "--port", port], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert "choose another --port" in done.stderr
