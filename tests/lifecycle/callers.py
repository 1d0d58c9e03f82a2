"""Callers that keep asking, remember what they got whole, and do not mind when the platform dies under them."""

import asyncio
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from pyreqwest.client import Client
from pyreqwest.exceptions import PyreqwestError

from headgate.domain.call import WireFormat
from headgate.domain.event import EventKind
from headgate.domain.usage import Usage
from headgate.wire.anthropic_messages import ANTHROPIC_MESSAGES
from headgate.wire.codec import Codec
from headgate.wire.openai_chat import OPENAI_CHAT

PATHS = {WireFormat.OPENAI_CHAT: "/v1/chat/completions", WireFormat.ANTHROPIC_MESSAGES: "/v1/messages"}


class Got(NamedTuple):
    """What one call came to at its caller."""

    request_id: str
    status: int
    whole: bool
    usage: Usage


def ask(codec: Codec, model: str, text: str, *, stream: bool, max_tokens: int = 64) -> dict[str, Any]:
    """A body in the codec's wire format."""
    body: dict[str, Any] = {"model": model, "max_tokens": max_tokens, "stream": stream}
    body["messages"] = [{"role": "user", "content": text}]
    if stream and codec is OPENAI_CHAT:
        body["stream_options"] = {"include_usage": True}
    return body


async def call(
    client: Client, url: str, key: str, codec: Codec, body: dict[str, Any], leave_after: int | None = None
) -> Got:
    """One call; `leave_after` hangs up after so many pieces of a stream."""
    request = client.post(url + PATHS[codec.wire]).header("authorization", f"Bearer {key}")
    request_id, status, usage, whole = "", 0, Usage(), False
    try:
        async with request.body_bytes(msgspec.json.encode(body)).build_streamed() as response:
            request_id, status = response.get_header("x-request-id") or "", response.status
            if status != 200:
                return Got(request_id, status, False, usage)
            reader = codec.stream_reader(hide_usage=False)
            raw = b""
            while (chunk := await response.body_reader.read_chunk()) is not None:
                raw += chunk.to_bytes()
                events = reader.feed(chunk.to_bytes()) if body["stream"] else []
                usage = next((event.usage for event in reversed(events) if event.usage), usage)
                if leave_after is not None and len(raw) > leave_after:
                    return Got(request_id, status, False, usage)
            whole = reader.complete
            if not body["stream"]:
                events = codec.read_whole(raw)
                usage = next(event.usage for event in events if event.usage)
                whole = events[-1].kind is EventKind.FINISHED
    except (PyreqwestError, ValueError):
        pass  # the platform died, or was not there; what had come by then is what the caller has
    return Got(request_id, status, whole, usage)


async def keep_asking(client: Client, url: str, key: str, seed: int, alive: Callable[[], bool]) -> list[Got]:
    """Call after call, of every surface and way, while the platform is alive."""
    choose = random.Random(seed)
    got: list[Got] = []
    while alive():
        codec = choose.choice((OPENAI_CHAT, ANTHROPIC_MESSAGES))
        model = choose.choice(("demo", "claude"))
        text = f"!pace {choose.choice((1, 3))}ms\n!tokens {choose.randint(1, 40)}\ncaller {seed}"
        got.append(await call(client, url, key, codec, ask(codec, model, text, stream=choose.random() < 0.7)))
        await asyncio.sleep(0)
    return got
