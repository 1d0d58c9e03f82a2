"""A house small enough for tests of the surfaces: real rooms, callers known by heart, providers with a script."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from headgate.api.admin.door import REQUEST_ID
from headgate.api.cycle import LEFT
from headgate.api.dispatch import Dispatch
from headgate.api.front import Front
from headgate.cache.cache import Cache
from headgate.cache.idempotency import Idempotency
from headgate.cache.shelf import Shelf
from headgate.domain.call import Call
from headgate.domain.money import Price
from headgate.domain.policy import Chain, Deployment, Model, Policy, Provider, UseCase
from headgate.domain.principal import Allowance, Limits, Principal, Role, ScopeKind, Subject
from headgate.domain.refusal import Refusal
from headgate.governance.permits import Governance
from headgate.identity.freshness import IdentityState
from headgate.journal.record import Record
from headgate.journal.records import Close
from headgate.kit.clock import ManualClock
from headgate.ledger.ledger import Report
from headgate.limits.leases import Leases
from headgate.limits.limits import Limits as LimitsRoom
from headgate.pipelines.pipelines import Pipelines
from headgate.pool.pool import Pool
from headgate.pool.transport import Upstream
from headgate.storage.counters.memory import MemoryCounters
from headgate.storage.sealing import Seal
from headgate.telemetry.lines import LineWriter
from headgate.telemetry.logs import Log
from headgate.telemetry.metrics import Metrics
from headgate.telemetry.observation import Observation

SEAL = Seal(b"a key of tests")
MEMBER, NARROW, ADMIN, AUDITOR = "hg_member", "hg_narrow", "hg_admin", "hg_auditor"

CHAT_WHOLE = (
    b'{"id":"c1","object":"chat.completion","created":1,"model":"up-1","x_unknown":{"kept": true},'
    b'"choices":[{"index":0,"message":{"role":"assistant","content":"Hello there"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}'
)
CHAT_FRAMES = [
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"up-1","x":1,"choices":[{"index":0,'
    b'"delta":{"role":"assistant","content":"Hello"},"finish_reason":null}]}\n\n',
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"up-1","choices":[{"index":0,'
    b'"delta":{"content":" there"},"finish_reason":null}]}\n\n',
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"up-1","choices":[{"index":0,'
    b'"delta":{},"finish_reason":"stop"}]}\n\n',
]
CHAT_USAGE = (
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"up-1","choices":[],'
    b'"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n\n'
)
DONE = b"data: [DONE]\n\n"
CHAT_STREAM = [*CHAT_FRAMES, CHAT_USAGE, DONE]


def principal(role: Role = Role.MEMBER, *, team: str = "alpha", limits: Limits | None = None) -> Principal:
    """A caller of `team`; without a team, one of the platform."""
    subject = Subject(1, 1, None, 1) if team else None
    key = limits.requests_per_minute if limits else 0  # callers with other limits are counted apart
    allowances = (Allowance(ScopeKind.KEY, key or 0, "key1", limits, ()),) if limits else ()
    return Principal(role, team, "default" if team else "", "", "key1", subject, allowances, None)


class KnownCallers:
    """Tells callers apart by a dictionary."""

    directory = None

    def __init__(self) -> None:
        self.state = IdentityState.READY
        self.callers = {
            MEMBER: principal(limits=Limits(100, 400_000, 20)),
            NARROW: principal(limits=Limits(1, None, None)),
            ADMIN: principal(Role.PLATFORM_ADMIN, team=""),
            AUDITOR: principal(Role.AUDITOR, team=""),
        }

    async def authenticate(self, record: Record) -> Principal:
        call = record.call
        record.principal = found = await self.identify(call.credential, call.at_ms)
        if call.team is not None and call.team != found.team:
            raise Refusal("wrong_team", "The key belongs to another team; use its key.", param="team_id")
        return found

    async def identify(self, credential: str | None, at_ms: int) -> Principal:
        if credential is None:
            raise Refusal("missing_credentials", "The request carries no key; send one.")
        if credential not in self.callers:
            raise Refusal("invalid_key", "The key is unknown; ask for a new one.")
        return self.callers[credential]


class Frames:
    """A journal that keeps its frames."""

    def __init__(self, policy: Policy, clock: ManualClock, closed: Callable[[Record, Close], None]) -> None:
        self._policy, self._clock, self._closed = policy, clock, closed
        self.bodies: list[Any] = []
        self.writes: list[list[str]] = []
        self.records: list[Record] = []

    def open(self, call: Call) -> Record:
        record = Record(call, self._policy, self, self._clock, self._closed)
        self.records.append(record)
        return record

    def append(self, *bodies: Any) -> None:
        self.bodies += bodies
        self.writes.append([type(body).__name__ for body in bodies])

    async def durable(self) -> None:
        return None

    def unauthenticated(self, source: str, code: str) -> None:
        return None

    async def projected(self) -> int:
        return self._clock.now_ms()

    def lag(self) -> Any:
        return SimpleNamespace(bytes=7, age_ms=40, damaged_bytes=0, trouble="")


class Costs:
    """A ledger that knows team alpha."""

    async def report(self, team: str, complete_through_ms: int) -> Report:
        if team != "alpha":
            raise Refusal("not_found", f"There is no team '{team}'.", param="team_id")
        none = {"by_project": (), "by_user": (), "by_model": (), "by_day": ()}
        return Report(team, 1.0, 0.25, 0.75, 25.0, 10**9, 250_000_000, 750_000_000, "month", "a", "b", "c", **none)


@dataclass
class Script:
    """A provider: what it answers, what it was sent, and whether its exchange was closed."""

    chunks: list[Any]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    sent: list[Upstream] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    connects: bool = True
    """Whether a connection ever comes about."""

    @asynccontextmanager
    async def send(self, upstream: Upstream) -> AsyncIterator["Script"]:
        self.sent.append(upstream)
        self.asked.set()
        try:
            if not self.connects:
                await asyncio.Event().wait()
            yield self
        finally:
            self.closed.set()

    def of(self, upstream: Upstream) -> "Script":
        return self

    async def body(self) -> bytes:
        return b"".join([chunk async for chunk in self.chunks_as_they_come()])

    async def chunks_as_they_come(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            if isinstance(chunk, asyncio.Event):
                await chunk.wait()
            elif isinstance(chunk, Exception):
                raise chunk
            else:
                yield chunk

    async def close(self) -> None:
        return None


class _Reply:
    def __init__(self, script: Script) -> None:
        self.status, self.headers, self.body, self.chunks = (
            script.status,
            script.headers,
            script.body,
            script.chunks_as_they_come,
        )


class _Transport:
    def __init__(self, script: Script) -> None:
        self._script = script

    def send(self, upstream: Upstream) -> "_Sending":
        return _Sending(self._script, upstream)

    async def close(self) -> None:
        return None


class _Sending:
    def __init__(self, script: "Script | ByHost", upstream: Upstream) -> None:
        self.sent = script.of(upstream).connects
        self._block = script.send(upstream)

    async def __aenter__(self) -> _Reply:
        return _Reply(await self._block.__aenter__())

    async def __aexit__(self, *raised: Any) -> None:
        await self._block.__aexit__(*raised)


def policy() -> Policy:
    """Two providers, one of each wire format, and a model at each."""
    price = Price(1_000_000, 2_000_000)
    models = {
        "gpt": Model("gpt", "standard", (Deployment("oai/up-1", "oai", "up-1", "eu", price),)),
        "claude": Model("claude", "premium", (Deployment("ant/up-2", "ant", "up-2", "eu", price),)),
    }
    providers = {
        "oai": Provider("oai", "openai-like", "http://oai", "secret"),
        "ant": Provider("ant", "anthropic", "http://ant", "secret"),
    }
    chain = Chain("default", ("gpt",))
    return Policy(3, "digest", providers, models, {"default": UseCase("default", ("direct",), chain)})


class ByHost:
    """Providers with a script each, by the host of their address; what was sent is in the scripts."""

    def __init__(self, **scripts: Script) -> None:
        self.scripts = scripts

    def of(self, upstream: Upstream) -> Script:
        return self.scripts[urlsplit(upstream.url).hostname or ""]

    def send(self, upstream: Upstream) -> Any:
        return self.of(upstream).send(upstream)


class House:
    """A small house and the ways to call it."""

    def __init__(self, script: Any, *, under: Policy | None = None, database: Any = None, **front: Any) -> None:
        self.script = script
        self.clock = ManualClock()
        read, self._write = os.pipe()
        self._read = read
        self.log = Log(LineWriter(self._write))
        self.observation = Observation(self.log, Metrics())
        self.policy = under or policy()
        self.journal = Frames(self.policy, self.clock, self.observation.closed)
        pool = Pool({"": _Transport(script)}, self.clock)
        limits = LimitsRoom(MemoryCounters(self.clock), Leases(None, "", self.clock), self.clock)  # type: ignore[arg-type]
        self.platform: Any = SimpleNamespace(
            journal=self.journal,
            identity=KnownCallers(),
            governance=Governance(),
            limits=limits,
            pipelines=Pipelines(pool),
            pool=pool,
            cache=Cache(Shelf(database, SEAL, self.clock), Idempotency(database, SEAL, self.clock), self.clock),
            ledger=Costs(),
        )
        self.front = Front(self.platform, lambda: self.policy, self.clock, self.observation, **front)
        self.app = Dispatch(self.front, self.administration, dict)

    async def administration(self, scope: Any, receive: Any, send: Any) -> None:
        body = scope[REQUEST_ID].encode()
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> "Response":
        """One exchange from beginning to end; in header names `_` stands for `-`."""
        exchange = Caller(self, method, path, body, headers)
        await exchange.run()
        return exchange.response

    def lines(self) -> list[dict[str, Any]]:
        """Everything logged so far; the log is closed after that."""
        self.log.close()
        os.close(self._write)
        with os.fdopen(self._read, "rb") as reader:
            return [json.loads(line) for line in reader]

    @property
    def closes(self) -> list[Close]:
        """The CLOSE of every call so far."""
        return [record.close for record in self.journal.records if record.close is not None]


@dataclass
class Response:
    """What a caller received."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    whole: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def frames(self) -> list[tuple[str, Any]]:
        """Server-sent events: name and JSON data."""
        found = []
        for frame in self.body.decode().removesuffix("\n\n").split("\n\n"):
            fields = dict(line.split(": ", 1) for line in frame.splitlines())
            data = fields["data"]
            found.append((fields.get("event", ""), data if data == "[DONE]" else json.loads(data)))
        return found


class Caller:
    """A caller at the ASGI interface, who may hang up."""

    def __init__(self, house: House, method: str, path: str, body: Any, headers: dict[str, str]) -> None:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"authorization": f"Bearer {MEMBER}", "content-length": str(len(raw)), **headers}
        pairs = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in sent.items() if value]
        self._house = house
        extensions = {LEFT: self._when_left}
        self._scope = {"type": "http", "method": method, "path": path, "headers": pairs, "client": ("10.0.0.1", 1)}
        self._scope["extensions"] = extensions
        self._left: list[Callable[[], None]] = []
        self._messages: list[dict[str, Any]] = [{"type": "http.request", "body": raw}]
        self._gone = asyncio.Event()
        self.got_some = asyncio.Event()
        self.response = Response()

    def _when_left(self, callback: Callable[[], None]) -> None:
        self._left.append(callback)

    def hang_up(self) -> None:
        self._gone.set()
        if not self.response.whole:
            for callback in self._left:
                callback()

    async def run(self) -> None:
        await self._house.app(self._scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        if self._messages:
            return self._messages.pop(0)
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.response.status = message["status"]
            self.response.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.response.pieces.append(message["body"])
            self.response.whole = not message.get("more_body", False)
            if self.response.whole:
                self.hang_up()
            self.got_some.set()
