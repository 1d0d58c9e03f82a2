"""A provider that costs next to nothing: static answers in OpenAI's chat format, whole or as 50 paced events."""

import asyncio
import sys
from typing import cast

import httptools
import uvloop

EVENTS = 50
PACE_S = 0.005
BODY = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"static","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"' + b"word " * 120 + b'"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":200,"completion_tokens":120,"total_tokens":320}}'
)
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def _frame(rest: bytes) -> bytes:
    data = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"static",' + rest + b"}\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


DELTA = _frame(b'"choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]')
FINISH = _frame(b'"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]')
USAGE = _frame(b'"choices":[],"usage":{"prompt_tokens":200,"completion_tokens":50,"total_tokens":250}')
DONE = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


class Upstream(asyncio.Protocol):
    """One kept-alive connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""
        self._tasks: set[asyncio.Task[None]] = set()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        streamed = b'"stream":true' in self._body
        self._body = b""
        if not streamed:
            self._transport.write(WHOLE)
            return
        task = asyncio.get_running_loop().create_task(self._stream())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _stream(self) -> None:
        self._transport.write(STREAM_HEAD)
        for _ in range(EVENTS - 3):
            await asyncio.sleep(PACE_S)
            self._transport.write(DELTA)
        for event in (FINISH, USAGE, DONE):
            await asyncio.sleep(PACE_S)
            self._transport.write(event)


async def main() -> None:
    """Serve on a free port of loopback; the port is the first line on stdout. Ends with its stdin."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Upstream, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(main())
