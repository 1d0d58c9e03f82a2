"""Looks for providers that a first start could use, and only says so: a key that is found is never spent unasked."""

import asyncio
import os
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from headgate.pool.providers import KINDS

KEYS: Final = tuple((kind.key_variable, kind.title) for kind in KINDS.values() if kind.key_variable)
"""Environment variables that usually hold a provider's key."""

SERVERS: Final = tuple(
    (urlsplit(kind.base_url).port or 80, kind.title)
    for kind in KINDS.values()
    if urlsplit(kind.base_url).hostname == "127.0.0.1"
)
"""Ports of loopback on which model servers listen unless told otherwise."""

PROBE_TIMEOUT_S: Final = 0.2


class Found(NamedTuple):
    """Something that could serve models."""

    name: str
    where: str


async def discover() -> tuple[Found, ...]:
    """Provider keys in the environment, by name, and model servers that answer on loopback."""
    keys = [Found(name, f"${variable}") for variable, name in KEYS if os.environ.get(variable)]
    servers = await asyncio.gather(*(_probe(port, name) for port, name in SERVERS))
    return (*keys, *(server for server in servers if server is not None))


async def _probe(port: int, name: str) -> Found | None:
    """A server that answers an HTTP request for its list of models."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET /v1/models HTTP/1.0\r\nhost: 127.0.0.1\r\n\r\n")
                status = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    return Found(name, f"http://127.0.0.1:{port}/v1") if b" 200 " in status else None
