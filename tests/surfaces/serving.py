"""An application behind our protocol and uvicorn's server, on a port of loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from headgate.api.protocol import CallerProtocol


@asynccontextmanager
async def served(app: Any, protocol: type[CallerProtocol] = CallerProtocol, **more: Any) -> AsyncIterator[int]:
    """The port on which `app` is served."""
    listener = socket.create_server(("127.0.0.1", 0))
    settings = {"lifespan": "off", "log_config": None, "timeout_graceful_shutdown": 1, **more}
    config = uvicorn.Config(app, http=protocol, **settings)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve([listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await serving
        listener.close()
