"""The demo provider's engine: the bytes of a request in, the bytes of a reply out, in two wire formats."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Final

import msgspec

from headgate.domain.call import Request, WireFormat
from headgate.domain.event import BLOCKS_PER_CHOICE, Event, EventKind
from headgate.domain.refusal import Refusal
from headgate.kit.clock import Clock
from headgate.pool.providers.demo.billing import Billed, Billing
from headgate.pool.providers.demo.directives import BadDirective, Directives
from headgate.pool.providers.demo.script import Script, write_script
from headgate.wire.anthropic_messages import ANTHROPIC_MESSAGES
from headgate.wire.codec import Codec, Head
from headgate.wire.openai_chat import OPENAI_CHAT

PATHS: Final[Mapping[str, Codec]] = {
    "/v1/chat/completions": OPENAI_CHAT,
    "/chat/completions": OPENAI_CHAT,
    "/v1/messages": ANTHROPIC_MESSAGES,
}
MAX_COUNTED_FAILURES: Final = 10_000


class Dropped(Exception):
    """The script closes the connection here."""


class Reply(msgspec.Struct):
    """A reply: its status, its kind, and its body as it comes."""

    status: int
    content_type: str
    chunks: AsyncIterator[bytes]


class Engine:
    """Answers requests; `latency_ms` and `pace_ms` hold where a request's own directives say nothing."""

    def __init__(self, clock: Clock, *, latency_ms: int = 0, pace_ms: int = 0) -> None:
        self._clock = clock
        self._latency_ms = latency_ms
        self._pace_ms = pace_ms
        self._failures: OrderedDict[bytes, int] = OrderedDict()
        self.billing = Billing()

    async def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """The reply to one HTTP request; `headers` have lower-case names."""
        codec = PATHS.get(path)
        if method == "GET" and path == "/billing":
            return _json(200, msgspec.json.encode(self.billing.shown()))
        if method == "GET" and path in ("/v1/models", "/models"):
            return _json(
                200, b'{"object":"list","data":[{"id":"demo","object":"model","created":0,"owned_by":"demo"}]}'
            )
        if codec is None or method != "POST":
            return _json(404, b'{"error":{"message":"The demo provider has nothing here.","type":"not_found"}}')
        request_id = headers.get("x-request-id", "")
        try:
            request = codec.read_request(body, headers)
            script = write_script(request, codec.read_prompt(body))
        except Refusal as refusal:
            return _json(refusal.status, codec.error_body(refusal, request_id))
        except BadDirective as error:
            return _json(400, codec.error_body(Refusal("invalid_request", str(error)), request_id))
        if script.directives.fail_status is not None and self._fails(script.directives, headers, body):
            refusal = Refusal(
                "provider_error", "The demo model fails as it was told to.", status=script.directives.fail_status
            )
            return _json(refusal.status, codec.error_body(refusal, request_id))
        return await self._reply(codec, request, script, headers)

    async def _reply(self, codec: Codec, request: Request, script: Script, headers: Mapping[str, str]) -> Reply:
        delay_ms = script.directives.delay_ms or self._latency_ms
        if delay_ms:
            await asyncio.sleep(delay_ms / 1000)
        key = credential(headers)
        request_id = headers.get("x-request-id", "")
        digest = hashlib.blake2b(request_id.encode() or request.raw, digest_size=9).hexdigest()
        prefix = "msg_demo_" if codec.wire is WireFormat.ANTHROPIC_MESSAGES else "chatcmpl-demo-"
        show = codec.wire is WireFormat.ANTHROPIC_MESSAGES or request.usage_asked
        head = Head(prefix + digest, request.model or "demo", self._clock.now_ms() // 1000, show)
        call = self.billing.begin(key, Billed(request_id, head.model, script.usage.input_tokens))
        if request.stream:
            return Reply(200, "text/event-stream", self._stream(codec, head, script, (key, call)))
        if script.directives.drop_after is not None:
            return Reply(200, "application/json", _broken())
        events = [event for event, _ in play(script, request.choices)]
        self.billing.produce(key, call, script.usage.output_tokens)
        call.complete = True
        return _json(200, codec.write_whole(head, events))

    async def _stream(self, codec: Codec, head: Head, script: Script, bill: tuple[str, Billed]) -> AsyncIterator[bytes]:
        """The frames, paced; each output token is billed when it leaves."""
        writer = codec.stream_writer(head)
        key, call = bill
        pace_ms = script.directives.pace_ms or self._pace_ms
        drop_after = script.directives.drop_after
        produced = 0
        for event, tokens in play(script, 1):
            if drop_after is not None and produced >= drop_after and tokens:
                raise Dropped
            if pace_ms and tokens:
                await asyncio.sleep(pace_ms / 1000)
            produced += tokens
            if tokens and script.directives.usage is None:
                self.billing.produce(key, call, tokens)
            frame = writer.write(event)
            if frame:
                yield frame
        if drop_after is not None:
            raise Dropped
        if script.directives.usage is not None:
            self.billing.produce(key, call, script.usage.output_tokens)
        call.complete = True
        yield writer.end()

    def _fails(self, directives: Directives, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether this call of a failing message still fails; counted by message and credential."""
        if directives.fail_times is None:
            return True
        counted = hashlib.blake2b(body, key=credential(headers).encode()[:64], digest_size=16).digest()
        failed = self._failures.get(counted, 0)
        if failed >= directives.fail_times:
            self._failures.pop(counted, None)
            return False
        self._failures[counted] = failed + 1
        self._failures.move_to_end(counted)
        if len(self._failures) > MAX_COUNTED_FAILURES:
            self._failures.popitem(last=False)
        return True


def credential(headers: Mapping[str, str]) -> str:
    """The caller's key from whichever header carries it."""
    return headers.get("authorization", "").removeprefix("Bearer ") or headers.get("x-api-key", "")


def play(script: Script, choices: int) -> Iterator[tuple[Event, int]]:
    """The script as events, each with the output tokens that it stands for."""
    usage = script.usage
    yield Event(EventKind.STARTED, name="demo"), 0
    yield Event(EventKind.USAGE, usage=msgspec.structs.replace(usage, output_tokens=0, reasoning_tokens=0)), 0
    for choice in range(choices):
        yield from _play_choice(script, choice * BLOCKS_PER_CHOICE)
    produced = choices * usage.output_tokens if script.directives.usage is None else usage.output_tokens
    yield Event(EventKind.USAGE, usage=msgspec.structs.replace(usage, output_tokens=produced)), 0


def _play_choice(script: Script, index: int) -> Iterator[tuple[Event, int]]:
    for piece in script.reasoning:
        yield Event(EventKind.REASONING, index, text=piece), 1
    if script.reasoning:
        yield Event(EventKind.REASONING, index, id=script.signature), 0
        index += 1
    for piece in script.text:
        yield Event(EventKind.TEXT, index, text=piece), 1
    index += 1 if script.text else 0
    for tool in script.tools:
        yield Event(EventKind.TOOL_START, index, id=tool.id, name=tool.name), 0
        for piece in tool.pieces:
            yield Event(EventKind.TOOL_ARGUMENTS, index, text=piece), 1
        index += 1
    yield Event(EventKind.FINISHED, index, stop=script.stop, text=script.stop_sequence), 0


def _json(status: int, body: bytes) -> Reply:
    return Reply(status, "application/json", _once(body))


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _broken() -> AsyncIterator[bytes]:
    yield b"{"
    raise Dropped
