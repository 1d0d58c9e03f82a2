"""How long do large requests hold everybody else up? The longest wait of a health check while they are served."""

import base64
import os
import socket
import statistics
import threading
import time
import urllib.request
from typing import Any

import msgspec

from benchmarks.overhead import CONFIGURATION
from benchmarks.processes import headgate, part, scratch

REQUESTS = int(os.environ.get("BENCH_LARGE", "8"))
IMAGE_BYTES = 7_400_000
"""As base64 nearly 10 MB."""
PROMPT_TOKENS = 200_000
PING = b"GET /health/live HTTP/1.1\r\nhost: headgate\r\n\r\n"


def image() -> str:
    """A chat request of 10 MB, nearly all of it one picture."""
    data = base64.b64encode(bytes(IMAGE_BYTES)).decode()
    parts = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
    ]
    return _chat(parts)


def prompt() -> str:
    """A chat request of 200,000 tokens in turns of a thousand words."""
    return _chat("word " * PROMPT_TOKENS)


def _chat(content: Any) -> str:
    asked = {"model": "static", "messages": [{"role": "user", "content": content}], "max_tokens": 256}
    return msgspec.json.encode(asked).decode()


def crossing(asked: str) -> str:
    """The same request in Anthropic's format, which is translated for its provider."""
    chat = msgspec.json.decode(asked)
    for message in chat["messages"]:
        if isinstance(message["content"], list):
            data = message["content"][1]["image_url"]["url"].partition(",")[2]
            source = {"type": "base64", "media_type": "image/png", "data": data}
            message["content"][1] = {"type": "image", "source": source}
    return msgspec.json.encode(chat).decode()


class Prober(threading.Thread):
    """Asks for the health of a process again and again on one connection, and notes each wait."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._wire = socket.create_connection(("127.0.0.1", port))
        self._wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._over = threading.Event()
        self.waits_ms: list[float] = []

    def run(self) -> None:
        """Probe until told to stop."""
        while not self._over.wait(0.0005):
            start = time.perf_counter()
            self._wire.sendall(PING)
            self._wire.recv(65536)
            self.waits_ms.append((time.perf_counter() - start) * 1000)

    def stop(self) -> list[float]:
        """The waits in milliseconds."""
        self._over.set()
        self.join()
        self._wire.close()
        return self.waits_ms


def longest_ms(port: int, key: str, path: str, asked: str) -> float:
    """The median over some requests of the longest wait that a health check had meanwhile."""
    found = []
    for _ in range(REQUESTS):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}",
            asked.encode(),
            {"authorization": f"Bearer {key}", "content-type": "application/json"},
        )
        prober = Prober(port)
        prober.start()
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
        found.append(max(prober.stop(), default=0.0))
    return statistics.median(found)


def main() -> dict[str, float]:
    """Print the table and return its figures."""
    found = {}
    with part("upstream") as (_, upstream), scratch() as directory:
        with headgate(CONFIGURATION.format(port=upstream), directory) as platform:
            for name, asked in (("10 MB image", image()), ("200k tokens", prompt())):
                chat = longest_ms(platform.port, platform.key, "/v1/chat/completions", asked)
                found[f"{name}, passed on ms"] = chat
                crossed = longest_ms(platform.port, platform.key, "/v1/messages", crossing(asked))
                found[f"{name}, translated ms"] = crossed
            found["small, passed on ms"] = longest_ms(
                platform.port, platform.key, "/v1/chat/completions", _chat("Say hello")
            )
    return found


if __name__ == "__main__":
    for name, value in main().items():
        print(f"{name:32} {value:9.2f}")
