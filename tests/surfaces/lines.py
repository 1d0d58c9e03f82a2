"""A caller with a plain socket, and applications that answer it."""

import asyncio
from typing import Any

from tests.surfaces.serving import served

from headgate.api.protocol import CallerProtocol

PATIENCE_S = 5
TICK_S = 0.05
GET = b"GET /one HTTP/1.1\r\nhost: x\r\n\r\n"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the method, the path and the body, of a declared length."""
    body = b"%b %b " % (scope["method"].encode(), scope["path"].encode())
    while True:
        message = await receive()
        body += message["body"]
        if not message["more_body"]:
            break
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


class Line:
    """A caller with a plain socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> "Line":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def response(self, *, bodiless: bool = False) -> tuple[int, dict[str, str], bytes]:
        """The next response: status, headers, body."""
        async with asyncio.timeout(PATIENCE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            if bodiless:
                body = b""
            elif headers.get("transfer-encoding") == "chunked":
                body = b""
                while size := int(await self.reader.readuntil(b"\r\n"), 16):
                    body += (await self.reader.readexactly(size + 2))[:-2]
                await self.reader.readexactly(2)
            elif "content-length" in headers:
                body = await self.reader.readexactly(int(headers["content-length"]))
            else:
                body = await self.reader.read()
            return int(head[0].split()[1]), headers, body

    async def closed(self) -> bool:
        """Whether the server hung up, with nothing more to say."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                return await self.reader.read() == b""
            except ConnectionResetError:
                return True


async def ask(app: Any, data: bytes, *, bodiless: bool = False) -> tuple[int, dict[str, str], bytes, bool]:
    """The response to `data`, and whether the server hangs up behind it when the caller says no more."""
    async with served(app) as port:
        line = await Line.open(port)
        line.writer.write(data)
        status, headers, body = await line.response(bodiless=bodiless)
        hung_up = headers.get("connection") == "close" and await line.closed()
        line.writer.close()
        return status, headers, body, hung_up


async def pieces(scope: Any, receive: Any, send: Any) -> None:
    """Answers in two pieces without a length."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"one ", "more_body": True})
    await send({"type": "http.response.body", "body": b"two"})


class Hasty(CallerProtocol):
    """Waits for nobody."""

    receiving_timeout_s = 0.05
    taking_timeout_s = 0.05
