"""The demo provider as a server of its own, over real HTTP."""

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

from headgate.kit.clock import SystemClock
from headgate.pool.providers.demo.engine import Dropped, Engine, Reply, credential

Message = MutableMapping[str, Any]


class Simulator:
    """An ASGI application around an engine.

    Args:
        key: the credential that callers must show; empty accepts any.
        fail_rate: the share of answers, from 0 to 1, that fail with 503.
        seed: makes those failures the same in every run.
    """

    def __init__(self, engine: Engine, *, key: str = "", fail_rate: float = 0.0, seed: int = 0) -> None:
        self._engine = engine
        self._key = key
        self._fail_rate = fail_rate
        self._random = random.Random(seed)  # noqa: S311 - failures of a simulation

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        """Serve one exchange; a caller who leaves ends the generation."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        work = asyncio.ensure_future(self._serve(scope, headers, body, send))
        leaving = asyncio.ensure_future(receive())
        await asyncio.wait((work, leaving), return_when=asyncio.FIRST_COMPLETED)
        for task in (work, leaving):
            task.cancel()
        done = await asyncio.gather(work, leaving, return_exceptions=True)
        if isinstance(done[0], Exception):
            raise done[0]

    async def _serve(
        self, scope: Message, headers: dict[str, str], body: bytes, send: Callable[[Message], Awaitable[None]]
    ) -> None:
        path = scope["path"]
        refused = self._refusal(path, headers)
        reply = refused or await self._engine.answer(scope["method"], path, headers, body)
        kind = reply.content_type.encode()
        start = {"type": "http.response.start", "status": reply.status, "headers": [(b"content-type", kind)]}
        await send(start)
        source: Any = reply.chunks
        try:
            async for chunk in source:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except Dropped:
            return  # uvicorn closes a connection whose response is not whole
        finally:
            await source.aclose()
        await send({"type": "http.response.body", "body": b""})

    def _refusal(self, path: str, headers: dict[str, str]) -> Reply | None:
        if path == "/billing":
            return None
        if self._key and credential(headers) != self._key:
            return _error(401, b"wrong key")
        if self._fail_rate and self._random.random() < self._fail_rate:
            return _error(503, b"failing at the given rate")
        return None


def _error(status: int, sentence: bytes) -> Reply:
    async def once() -> Any:
        yield b'{"error":{"message":"The demo provider refuses: ' + sentence + b'","type":"demo"}}'

    return Reply(status, "application/json", once())


def server(simulator: Simulator) -> uvicorn.Server:
    """A server for `simulator`; give its `serve` a listening socket."""
    config = uvicorn.Config(
        simulator, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False, server_header=False
    )
    return uvicorn.Server(config)


async def serve(simulator: Simulator, listener: socket.socket) -> None:
    """Serve until told to stop by a signal."""
    await server(simulator).serve(sockets=[listener])


def simulator(
    *, latency_ms: int = 0, pace_ms: int = 0, key: str = "", fail_rate: float = 0.0, seed: int = 0
) -> Simulator:
    """A simulator on the system's clock."""
    engine = Engine(SystemClock(), latency_ms=latency_ms, pace_ms=pace_ms)
    return Simulator(engine, key=key, fail_rate=fail_rate, seed=seed)
