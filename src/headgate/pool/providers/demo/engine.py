"""The demo provider's engine: the bytes of a request in, the bytes of a reply out, in every wire format."""

import asyncio
import hashlib
import random
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from headgate.domain.call import Request, WireFormat
from headgate.domain.event import Event, EventKind
from headgate.domain.refusal import Refusal
from headgate.domain.usage import Usage
from headgate.kit.clock import Clock, SystemClock
from headgate.pool.providers.demo.billing import Bill, Billing
from headgate.pool.providers.demo.directives import Directives, Failing
from headgate.pool.providers.demo.script import Script, input_tokens, write_script
from headgate.pool.providers.demo.vectors import read_task, vector
from headgate.wire.anthropic_messages import ANTHROPIC_MESSAGES
from headgate.wire.codec import Codec, Head
from headgate.wire.openai_chat import OPENAI_CHAT
from headgate.wire.openai_embeddings import OPENAI_EMBEDDINGS
from headgate.wire.openai_embeddings.answer import write_embeddings
from headgate.wire.openai_responses import OPENAI_RESPONSES

MAX_COUNTED_FAILURES: Final = 10_000
MAX_CHOICES: Final = 128
TURN_OF_OTHERS: Final = 64
"""After so many events without a pause, other tasks get their turn."""
_CODECS: Final[Mapping[str, Codec]] = {
    "/v1/chat/completions": OPENAI_CHAT,
    "/v1/responses": OPENAI_RESPONSES,
    "/v1/messages": ANTHROPIC_MESSAGES,
}
EMBEDDINGS: Final = "/v1/embeddings"
_JSON: Final = "application/json"

Pause = Callable[[float], Awaitable[None]]
"""Waits for so many seconds; it may raise to end the answer."""


class Dropped(Exception):
    """The connection closes here, as the message directed."""


class Settings(msgspec.Struct, frozen=True):
    """How the engine behaves where a message directs nothing."""

    latency_ms: int = 0
    """Before the first token."""
    pace_ms: int = 0
    """Between tokens."""
    fail_rate: float = 0.0
    """The share of calls, from 0 to 1, that fail with 429, 500 or 503."""
    seed: int = 0
    """Which calls those are."""
    keys: tuple[str, ...] = ()
    """The keys that are accepted; none accepts every caller."""


class Asked(msgspec.Struct, frozen=True):
    """One HTTP request; `headers` have lower-case names."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Given(msgspec.Struct):
    """One HTTP reply: a whole `body`, or a `stream` that whoever takes it must close."""

    status: int
    headers: dict[str, str]
    body: bytes = b""
    stream: "Stream | None" = None


class Engine:
    """Answers requests and keeps their bill."""

    def __init__(self, settings: Settings | None = None, clock: Clock | None = None) -> None:
        self._settings = settings or Settings()
        self._clock = clock or SystemClock()
        self._random = random.Random(self._settings.seed)  # noqa: S311 - which calls of a simulation fail
        self._failures: OrderedDict[bytes, int] = OrderedDict()
        self._count = 0
        self.billing = Billing()

    async def answer(self, asked: Asked, pause: Pause) -> Given:
        """The reply to one request; a whole one when all of it is made, a streamed one at once.

        Raises:
            Dropped: the connection closes without a reply.
        """
        codec = _CODECS.get(asked.path)
        if codec is not None and asked.method == "POST":
            return await self._call(codec, asked, pause)
        if asked.path == EMBEDDINGS and asked.method == "POST":
            return await self._embed(asked, pause)
        if asked.path == "/v1/messages/count_tokens" and asked.method == "POST":
            return self._counted(asked)
        if asked.path == "/billing" and asked.method == "GET":
            return _json(200, self.billing.shown())
        if asked.path.startswith("/v1/models") and asked.method == "GET":
            return _models(asked.path.removeprefix("/v1/models").strip("/"))
        sentence = f"The demo provider has nothing at {asked.method} {asked.path}."
        return _failed(OPENAI_CHAT, Refusal("not_found", sentence), "")

    async def _call(self, codec: Codec, asked: Asked, pause: Pause) -> Given:
        self._count += 1
        answer_id = f"demo-{self._count}"
        key = _key(asked.headers)
        try:
            self._refuse(key)
            request = codec.read_request(asked.body, asked.headers)
            if request.choices > MAX_CHOICES:
                raise Refusal("invalid_request", f"The field 'n' must be at most {MAX_CHOICES}", param="n")
            prompt = codec.read_prompt(asked.body)
            script = write_script(prompt, request.max_output_tokens, request.choices)
            told = script.directives
            await self._fail(told, (key, script.message), pause)
        except Refusal as refusal:
            return _failed(codec, refusal, answer_id)
        delay_ms = self._delay_ms(told)
        pace_ms = self._settings.pace_ms if told.pace_ms is None else told.pace_ms
        attempt = asked.headers.get("x-headgate-attempt", "")
        bill = Bill(answer_id, attempt, key, request.model, script.usage.input_tokens)
        self.billing.begin(bill)
        generation = Generation(script, (self.billing, bill), pause, (delay_ms / 1000, pace_ms / 1000))
        shows_usage = codec.wire is WireFormat.ANTHROPIC_MESSAGES or request.usage_asked
        created_s = self._clock.now_ms() // 1000
        head = Head(answer_id, request.model or "demo", created_s, shows_usage, asked.body)
        return await _reply(codec, request, head, generation)

    async def _embed(self, asked: Asked, pause: Pause) -> Given:
        self._count += 1
        answer_id, key = f"demo-{self._count}", _key(asked.headers)
        try:
            self._refuse(key)
            task = read_task(asked.body)
            await self._fail(task.directives, (key, task.message), pause)
        except Refusal as refusal:
            return _failed(OPENAI_EMBEDDINGS, refusal, answer_id)
        bill = Bill(answer_id, asked.headers.get("x-headgate-attempt", ""), key, task.model, task.tokens)
        self.billing.begin(bill)
        completed = False
        try:
            await self._delay(task.directives, pause)
            if task.directives.drop_after is not None:
                raise Dropped
            vectors = []
            for one in task.inputs:
                vectors.append(vector(one, task.dimensions))
                await asyncio.sleep(0)  # others get their turn
            completed = True
        finally:
            self.billing.end(bill, completed=completed)
        body = write_embeddings(task.model, vectors, task.tokens, task.encoding)
        return Given(200, _headers(_JSON, answer_id), body)

    def _delay_ms(self, told: Directives) -> int:
        return self._settings.latency_ms if told.delay_ms is None else told.delay_ms

    async def _delay(self, told: Directives, pause: Pause) -> None:
        if delay_ms := self._delay_ms(told):
            await pause(delay_ms / 1000)

    async def _fail(self, told: Directives, message: tuple[str, str], pause: Pause) -> None:
        """Fail as directed by a `message`, a key and its text.

        Raises:
            Refusal: the failure, after its delay.
        """
        if told.fail is not None and self._fails(told.fail, *message):
            await self._delay(told, pause)
            sentence = f"The demo model fails with status {told.fail.status}, as the message directs."
            raise Refusal("provider_error", sentence, status=told.fail.status)

    def _refuse(self, key: str) -> None:
        """Turn away strangers, and the share of calls that shall fail."""
        settings = self._settings
        if settings.keys and key not in settings.keys:
            raise Refusal("invalid_key", "The demo provider does not know this key.")
        if settings.fail_rate and self._random.random() < settings.fail_rate:
            status = self._random.choice((429, 500, 503))
            raise Refusal("provider_error", "The demo provider fails at the given rate.", status=status)

    def _counted(self, asked: Asked) -> Given:
        """The answer to a count of tokens, which costs nothing."""
        try:
            counted = input_tokens(ANTHROPIC_MESSAGES.read_prompt(asked.body))
        except Refusal as refusal:
            return _failed(ANTHROPIC_MESSAGES, refusal, "")
        return _json(200, {"input_tokens": counted})

    def _fails(self, failing: Failing, key: str, message: str) -> bool:
        """Whether a message that directs a failure still fails; the newest are counted, by their text and key."""
        if failing.times is None:
            return True
        name = hashlib.sha256(f"{key}\0{message}".encode()).digest()
        failed = self._failures.get(name, 0)
        self._failures[name] = min(failed + 1, failing.times)
        self._failures.move_to_end(name)
        if len(self._failures) > MAX_COUNTED_FAILURES:
            self._failures.popitem(last=False)
        return failed < failing.times


class Generation:
    """One answer being made: paused and dropped as directed, and billed however it ends."""

    def __init__(self, script: Script, account: tuple[Billing, Bill], pause: Pause, pauses_s: tuple[float, float]):
        self.script = script
        self._billing, self._bill = account
        self._pause = pause
        self._next_s, self._pace_s = pauses_s
        self._drop_after = script.directives.drop_after
        self._made = 0

    @property
    def drops_at_once(self) -> bool:
        """Whether the connection closes before anything of the answer."""
        return self._drop_after == 0

    @property
    def plain(self) -> bool:
        """Whether nothing happens between the answer's tokens."""
        return not self._next_s and not self._pace_s and self._drop_after is None

    def steps(self, *, whole: bool) -> Iterator[tuple[int, Event]]:
        """All events, each with the output tokens that it stands for."""
        yield 0, Event(EventKind.STARTED)
        usage = self.script.usage
        yield 0, Event(EventKind.USAGE, usage=Usage(usage.input_tokens))
        yield from self.script.events(whole=whole)
        yield 0, Event(EventKind.USAGE, usage=usage)

    async def before(self, count: int, kind: EventKind) -> None:
        """Wait and drop as directed before an event of `count` tokens, then bill them.

        Raises:
            Dropped: the connection closes here.
        """
        if not count and kind is not EventKind.FINISHED:
            return
        if self._next_s and (count or not self._made):
            await self._pause(self._next_s)
        if self._drop_after is not None and (not count or self._made >= self._drop_after):
            raise Dropped
        self._next_s = self._pace_s
        self.bill(count)

    def bill(self, count: int) -> None:
        """Bill `count` tokens of output."""
        self._made += count
        self._bill.output_tokens += count

    def end(self, *, completed: bool) -> None:
        """Close the bill; a completed answer is billed as it says."""
        if completed:
            self._bill.output_tokens = self.script.usage.output_tokens
        self._billing.end(self._bill, completed=completed)

    async def whole(self) -> list[Event]:
        """Every event, when all are made.

        Raises:
            Dropped: the connection closes without a reply.
        """
        events = []
        try:
            if self.plain:
                events = [event for _, event in self.steps(whole=True)]
            else:
                for count, event in self.steps(whole=False):
                    await self.before(count, event.kind)
                    events.append(event)
        except BaseException:
            self.end(completed=False)
            raise
        self.end(completed=True)
        return events


class Stream:
    """A streamed answer's bytes, made as they are asked for; `close` ends it early."""

    def __init__(self, codec: Codec, head: Head, generation: Generation) -> None:
        self._writer = codec.stream_writer(head)
        self._generation = generation
        self._steps = generation.steps(whole=False)
        self._plain = generation.plain
        self._turns = 0
        self._ended = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """The next frames.

        Raises:
            Dropped: the connection closes here.
        """
        if self._ended:
            raise StopAsyncIteration
        self._turns += 1
        if self._turns % TURN_OF_OTHERS == 0:
            await asyncio.sleep(0)
        generation, write, plain = self._generation, self._writer.write, self._plain
        try:
            for count, event in self._steps:
                if plain:
                    generation.bill(count)
                else:
                    await generation.before(count, event.kind)
                if written := write(event):
                    return written
        except BaseException:
            self.close()
            raise
        self._ended = True
        generation.end(completed=True)
        return self._writer.end()

    def close(self) -> None:
        """Stop making the answer; what was made is billed."""
        self._ended = True
        self._generation.end(completed=False)


async def _reply(codec: Codec, request: Request, head: Head, generation: Generation) -> Given:
    if generation.drops_at_once or not request.stream:
        return Given(200, _headers(_JSON, head.request_id), codec.write_whole(head, await generation.whole()))
    headers = _headers("text/event-stream", head.request_id)
    headers["cache-control"] = "no-cache"
    return Given(200, headers, stream=Stream(codec, head, generation))


def _key(headers: Mapping[str, str]) -> str:
    return headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")


def _headers(content_type: str, answer_id: str) -> dict[str, str]:
    """The headers that the official clients look for."""
    return {"content-type": content_type, "request-id": answer_id, "x-request-id": answer_id}


def _json(status: int, value: Any) -> Given:
    return Given(status, {"content-type": _JSON}, msgspec.json.encode(value))


def _failed(codec: Codec, refusal: Refusal, answer_id: str) -> Given:
    """A refusal in the wire format's error shape, without what only a gateway has to say."""
    body = msgspec.json.decode(codec.error_body(refusal, answer_id))
    del body["headgate"]
    headers = _headers(_JSON, answer_id)
    if refusal.status == 429:
        headers["retry-after"] = "1"
    return Given(refusal.status, headers, msgspec.json.encode(body))


def _models(name: str) -> Given:
    """The list of models, or one; every name is answered."""
    model = {"id": name or "demo", "object": "model", "created": 0, "owned_by": "headgate-demo"}
    model |= {"type": "model", "display_name": "Headgate's demo model", "created_at": "1970-01-01T00:00:00Z"}
    if name:
        return _json(200, model)
    return _json(200, {"object": "list", "data": [model], "has_more": False, "first_id": "demo", "last_id": "demo"})
