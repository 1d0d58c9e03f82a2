"""A provider on a real socket that keeps every byte it is sent, and a house whose pool reaches it over real HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from tests.rooms.wire.provider_files import read, stream
from tests.surfaces.house import CHAT_STREAM, CHAT_WHOLE, House

from headgate.bootstrap.config.loading import parse
from headgate.pool.http.transport import HttpTransport
from headgate.pool.transport import Reply, Upstream

SECRET, OTHER = "SECRET-IN-USE", "SECRET-TO-COME"
ENVIRONMENT = {"KEY": SECRET, "NEXT": OTHER, "ID": "AKIDEXAMPLE"}
MESSAGE_WHOLE = (
    b'{"id":"m1","type":"message","role":"assistant","model":"up","content":[{"type":"text","text":"Hello"}],'
    b'"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":1}}'
)
MESSAGE_STREAM = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"m1","usage":{"input_tokens":3}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text"}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
    b'"text":"Hello"}}\n\nevent: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
    b'"usage":{"output_tokens":1}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n'
)
EMBEDDING = (
    b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"model":"up",'
    b'"usage":{"prompt_tokens":1,"total_tokens":1}}'
)


@dataclass
class Received:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def fields(self) -> dict[str, str]:
        """The headers; of one that stands twice the last."""
        return dict(self.headers)

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


Answering = Callable[[Received], tuple[int, dict[str, str], bytes]]


def obliging(received: Received) -> tuple[int, dict[str, str], bytes]:
    """An answer of the wire format in which the path is spoken."""
    path = received.target.partition("?")[0]
    answers = {
        "/converse": read("answers/converse_text.json"),
        "/converse-stream": stream("converse_text.events"),
        "/invoke": MESSAGE_WHOLE,
        "/invoke-with-response-stream": stream("invoke_text.events"),
        ":generateContent": read("answers/gemini_text.json"),
        ":streamGenerateContent": stream("gemini_text.sse"),
        "/embeddings": EMBEDDING,
    }
    for ending, answer in answers.items():
        if path.endswith(ending):
            return 200, {}, answer
    streamed = received.json.get("stream")
    if path.endswith("/messages"):
        return 200, {}, MESSAGE_STREAM if streamed else MESSAGE_WHOLE
    return 200, {}, b"".join(CHAT_STREAM) if streamed else CHAT_WHOLE


@dataclass
class Recorder:
    """The provider: where it is, what it got, and how it answers."""

    answering: Answering = obliging
    url: str = ""
    received: list[Received] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ")
                headers = [(name, value) for name, _, value in (line.partition(": ") for line in head[1:-2])]
                body = await reader.readexactly(int(dict(headers)["content-length"]))
                self.received.append(Received(method, target, headers, body))
                status, fields, answer = self.answering(self.received[-1])
                lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in fields.items())]
                writer.write("\r\n".join([*lines, f"content-length: {len(answer)}", "", ""]).encode() + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@asynccontextmanager
async def recording(answering: Answering = obliging) -> AsyncIterator[Recorder]:
    """A recorder that serves on a port of loopback."""
    recorder = Recorder(answering)
    server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0)
    recorder.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield recorder
    finally:
        server.close()


class _OverHttp:
    """A house's script that asks a real server."""

    connects = True

    def __init__(self, transport: HttpTransport) -> None:
        self._transport = transport

    def of(self, upstream: Upstream) -> "_OverHttp":
        return self

    @asynccontextmanager
    async def send(self, upstream: Upstream) -> AsyncIterator["_Got"]:
        async with self._transport.send(upstream) as reply:
            yield _Got(reply)


class _Got:
    def __init__(self, reply: Reply) -> None:
        self.status, self.headers, self.body, self.chunks_as_they_come = (
            reply.status,
            reply.headers,
            reply.body,
            reply.chunks,
        )


@asynccontextmanager
async def house(provider: str, *, model_id: str = "up-1") -> AsyncIterator[House]:
    """A house whose configuration names one `provider`, and one model at it."""
    configuration = f"""
version: 1
providers: {{p: {provider}}}
models:
  m: {{deployments: [{{provider: p, id: "{model_id}", region: eu, price: {{in: 1, out: 2}}, max_output: 64}}]}}
"""
    policy = parse(configuration.encode(), "headgate.yaml", ENVIRONMENT).policy
    transport = HttpTransport()
    try:
        yield House(_OverHttp(transport), under=policy)
    finally:
        await transport.close()
