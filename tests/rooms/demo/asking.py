"""How tests ask the demo provider in process, and what they read of its answers."""

from typing import Any

import msgspec

from headgate.domain.event import Event
from headgate.pool.providers.demo.transport import DemoTransport
from headgate.pool.transport import Upstream
from headgate.wire.anthropic_messages import ANTHROPIC_MESSAGES
from headgate.wire.openai_chat import OPENAI_CHAT
from headgate.wire.openai_responses import OPENAI_RESPONSES

OPENAI = "/v1/chat/completions"
ANTHROPIC = "/v1/messages"
RESPONSES = "/v1/responses"
CODECS = {OPENAI: OPENAI_CHAT, ANTHROPIC: ANTHROPIC_MESSAGES, RESPONSES: OPENAI_RESPONSES}


def body_of(said: Any, fields: dict[str, Any], path: str = OPENAI) -> dict[str, Any]:
    """A request's body: one message of the user's, or a conversation."""
    messages = said if isinstance(said, list) and "role" in said[0] else [{"role": "user", "content": said}]
    if path == RESPONSES:
        return {"model": "demo", "max_output_tokens": 1000, "input": messages, **fields}
    return {"model": "demo", "max_tokens": 1000, "messages": messages, **fields}


async def ask(transport: DemoTransport, said: Any, path: str = OPENAI, **fields: Any) -> tuple[int, bytes]:
    """Status and body of the reply to `said`."""
    raw = msgspec.json.encode(body_of(said, fields, path))
    headers = (("authorization", "Bearer k"), ("x-headgate-attempt", "r-1"))
    async with transport.send(Upstream("POST", path, headers, raw, 10_000)) as reply:
        return reply.status, await reply.body()


async def answer(transport: DemoTransport, said: Any, path: str = OPENAI, **fields: Any) -> list[Event]:
    """The events of an answer, whole or streamed."""
    status, body = await ask(transport, said, path, **fields)
    assert status == 200, body
    if not fields.get("stream"):
        return CODECS[path].read_whole(body)
    reader = CODECS[path].stream_reader(hide_usage=False)
    events = reader.feed(body)
    assert reader.complete
    return events


async def get(transport: DemoTransport, path: str) -> Any:
    """What a GET of `path` answers."""
    async with transport.send(Upstream("GET", path, (), b"", 10_000)) as reply:
        assert reply.status == 200
        return msgspec.json.decode(await reply.body())


def text_of(events: list[Event]) -> str:
    """The answer's text."""
    return "".join(event.text for event in events if event.kind == "text")


def usage_of(events: list[Event]) -> tuple[int, int]:
    """Input and output tokens as last reported."""
    usage = [event.usage for event in events if event.usage is not None][-1]
    return usage.input_tokens, usage.output_tokens


def stop_of(events: list[Event]) -> str:
    """Why the answer stopped."""
    return next(str(event.stop) for event in events if event.kind == "finished")


def calls_of(events: list[Event]) -> list[tuple[str, Any]]:
    """The tool calls: each tool's name and its arguments."""
    names = {event.index: event.name for event in events if event.kind == "tool_start"}
    arguments = dict.fromkeys(names, "")
    for event in events:
        if event.kind == "tool_arguments":
            arguments[event.index] += event.text
    return [(name, msgspec.json.decode(arguments[index] or "{}")) for index, name in names.items()]
