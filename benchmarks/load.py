"""A bounded load: so many requests over so many connections, or at a rate; prints what it saw as JSON."""

import asyncio
import sys
import time
from typing import cast
from urllib.parse import urlsplit

import httptools
import msgspec
import uvloop


class Plan(msgspec.Struct):
    """What to send."""

    url: str
    body: str
    headers: dict[str, str]
    connections: int
    requests: int
    per_second: float = 0.0
    """Paced arrivals; 0 sends as fast as answers come."""


class Seen(msgspec.Struct):
    """What came back."""

    statuses: dict[int, int]
    seconds: float
    p50_ms: float
    p99_ms: float


class Connection(asyncio.Protocol):
    """One kept-alive connection with one request under way."""

    def __init__(self, wire: bytes) -> None:
        self._wire = wire
        self._done: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(self._parser.get_status_code())

    def connection_lost(self, error: Exception | None) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(0)

    def request(self) -> "asyncio.Future[int]":
        """Send once; the result is the status, 0 for a lost connection."""
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(self._wire)
        return self._done


async def run(plan: Plan) -> Seen:
    """Send the plan's requests and wait for every answer."""
    url = urlsplit(plan.url)
    body = plan.body.encode()
    lines = [f"POST {url.path} HTTP/1.1", f"host: {url.netloc}", "content-type: application/json"]
    lines += [f"{name}: {value}" for name, value in plan.headers.items()] + [f"content-length: {len(body)}", "", ""]
    wire = "\r\n".join(lines).encode() + body
    loop = asyncio.get_running_loop()
    left = plan.requests
    statuses: dict[int, int] = {}
    latencies: list[float] = []
    started = time.perf_counter()

    async def drive(number: int) -> None:
        nonlocal left
        _, connection = await loop.create_connection(lambda: Connection(wire), url.hostname, url.port)
        gap = plan.connections / plan.per_second if plan.per_second else 0.0
        due = started + gap * number / plan.connections
        while left > 0:
            left -= 1
            if gap:
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                due += gap
            begun = time.perf_counter()
            status = await connection.request()
            latencies.append(time.perf_counter() - begun)
            statuses[status] = statuses.get(status, 0) + 1
            if status == 0:
                return

    await asyncio.gather(*(drive(number) for number in range(plan.connections)))
    latencies.sort()
    at = [latencies[int(len(latencies) * share)] * 1000 for share in (0.5, 0.99)]
    return Seen(statuses, time.perf_counter() - started, at[0], at[1])


if __name__ == "__main__":
    sys.stdout.buffer.write(
        msgspec.json.encode(uvloop.run(run(msgspec.json.decode(sys.stdin.buffer.read(), type=Plan))))
    )
