"""The bare pass-through that Headgate is compared with: uvicorn, raw ASGI, pyreqwest; no keys, no books, no checks."""

import sys
import threading
from typing import Any

import uvicorn
from pyreqwest.client import Client, ClientBuilder

from benchmarks.port import free_port


class Relay:
    """Sends every body on and every byte back."""

    def __init__(self, base_url: str) -> None:
        self._url = base_url + "/chat/completions"
        self._client: Client | None = None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if self._client is None:
            self._client = ClientBuilder().pool_max_idle_per_host(256).build()
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        request = self._client.post(self._url).header("content-type", "application/json").body_bytes(body)
        request = request.streamed_read_buffer_limit(0)  # each event goes on as it comes
        async with request.build_streamed() as response:
            kind = (response.get_header("content-type") or "").encode()
            await send({"type": "http.response.start", "status": response.status, "headers": [(b"content-type", kind)]})
            while (chunk := await response.body_reader.read_chunk()) is not None:
                await send({"type": "http.response.body", "body": chunk.to_bytes(), "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def main() -> None:
    """Serve on a free port of loopback; the port is the first line on stdout. Ends with its stdin."""
    port = free_port()
    config = uvicorn.Config(
        Relay(sys.argv[1]),
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_level="error",
    )
    server = uvicorn.Server(config)

    def wait_for_end() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=wait_for_end, daemon=True).start()
    print(port, flush=True)
    server.run()


if __name__ == "__main__":
    main()
