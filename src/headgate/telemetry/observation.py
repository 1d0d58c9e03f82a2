"""What is said and counted about each call and each HTTP exchange."""

from collections.abc import Sequence
from typing import Final, Protocol

from headgate.domain.answer import CacheUse
from headgate.domain.call import Call, Request
from headgate.domain.money import NANO_USD
from headgate.domain.policy import Deployment
from headgate.domain.principal import Principal
from headgate.domain.usage import Usage
from headgate.telemetry.logs import CallLine, ExchangeLine, Log
from headgate.telemetry.metrics import Metrics

MAX_LOGGED_PATH: Final = 256
"""Characters of a path that its line shows."""
MAX_OPEN_TEAMS: Final = 10_000
"""Closed calls whose exchange has not ended yet; of further ones the exchange's line shows no team."""


class SeenAttempt(Protocol):
    """What is observed of a model call; the journal's `Attempt` has it."""

    deployment: Deployment
    sent_ns: int
    first_event_ns: int


class SeenRecord(Protocol):
    """What is observed of an open record; the journal's `Record` has it."""

    call: Call
    principal: Principal | None
    cache: CacheUse

    @property
    def attempts(self) -> Sequence[SeenAttempt]:
        """The model calls in order."""
        ...


class SeenClose(Protocol):
    """What is observed of a CLOSE; the journal's `Close` has it."""

    @property
    def request_id(self) -> str: ...
    @property
    def at_ms(self) -> int: ...
    @property
    def use_case(self) -> str: ...
    @property
    def pipeline(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def usage(self) -> Usage: ...
    @property
    def cost_nano(self) -> int: ...
    @property
    def latency_us(self) -> int: ...


class SeenExchange(Protocol):
    """What is observed of an HTTP exchange."""

    request_id: str
    at_ms: int
    """Wall time of arrival."""
    method: str
    path: str
    route: str
    """The pattern that the path matched."""
    status: int


class Observation:
    """Writes the lines and counts the metrics of calls and exchanges."""

    def __init__(self, log: Log, metrics: Metrics) -> None:
        self._log = log
        self.metrics = metrics
        self._team_of: dict[str, str] = {}
        self._exchanges = metrics.counter(
            "headgate_http_requests_total", "HTTP exchanges by route and status.", ("route", "status")
        )
        self._calls = metrics.counter("headgate_calls_total", "Calls by surface and outcome.", ("wire", "outcome"))
        self._cached = metrics.counter(
            "headgate_cache_total",
            "Calls that the cache looked at.",
            ("use_case", "use"),
        )
        self._errors = metrics.counter("headgate_errors_total", "Calls that ended with an error, by code.", ("code",))
        self._tokens = metrics.counter("headgate_tokens_total", "Tokens by model.", ("model", "direction"))
        self._cost = metrics.counter("headgate_cost_usd_total", "Cost in USD by model.", ("model",), 1 / NANO_USD)
        self._latency = metrics.histogram(
            "headgate_call_seconds", "From a call's first byte to its last event.", ("wire",)
        )
        self._own = metrics.histogram(
            "headgate_overhead_seconds", "Headgate's own time in an answer, queueing included.", ("wire",)
        )
        self._provider = metrics.histogram(
            "headgate_provider_seconds", "Wait for a provider: for a stream to its first event.", ("provider",)
        )
        self._first_token = metrics.histogram(
            "headgate_first_token_seconds", "From a streamed call's first byte to its first event.", ("wire",)
        )
        metrics.gauge("headgate_log_lines_dropped", "Log lines lost.", (), lambda: [((), log.dropped)])

    def closed(self, record: SeenRecord, close: SeenClose) -> None:
        """A call's books were closed."""
        principal, attempts, usage, body = record.principal, record.attempts, close.usage, record.call.body
        team = principal.team if principal else ""
        if len(self._team_of) < MAX_OPEN_TEAMS:
            self._team_of[close.request_id] = team
        self._log.line(
            CallLine(
                at=self._log.time(close.at_ms),
                request_id=close.request_id,
                team=team,
                project=principal.project if principal else "",
                use_case=close.use_case,
                pipeline=close.pipeline,
                model=close.model or (body.model if isinstance(body, Request) else ""),
                model_version=attempts[-1].deployment.model_id if attempts else "",
                tokens_in=usage.input_tokens,
                tokens_out=usage.output_tokens,
                cost_usd=close.cost_nano / NANO_USD,
                latency_ms=close.latency_us / 1000,
                outcome=close.outcome,
                code=close.code,
            )
        )
        wire = record.call.wire
        self._calls.add((wire, close.outcome))
        self._latency.observe((wire,), close.latency_us / 1e6)
        if record.cache is not CacheUse.OFF:
            self._cached.add((close.use_case, record.cache))
        if close.code:
            self._errors.add((close.code,))
        if attempts:
            self._attempted(attempts, close)

    def answered(self, call: Call, own_ns: int, elapsed_ns: int) -> None:
        """An answer is about to leave: a whole one, or a stream's first event."""
        self._own.observe((call.wire,), own_ns / 1e9)
        if isinstance(call.body, Request) and call.body.stream:
            self._first_token.observe((call.wire,), elapsed_ns / 1e9)

    def exchanged(self, exchange: SeenExchange, elapsed_ns: int) -> None:
        """An HTTP exchange ended, `elapsed_ns` after its first byte."""
        self._exchanges.add((exchange.route, str(exchange.status)))
        self._log.line(
            ExchangeLine(
                at=self._log.time(exchange.at_ms + elapsed_ns // 1_000_000),
                request_id=exchange.request_id,
                team=self._team_of.pop(exchange.request_id, ""),
                method=exchange.method,
                path=exchange.path[:MAX_LOGGED_PATH],
                status=exchange.status,
                latency_ms=elapsed_ns // 1000 / 1000,
            )
        )

    def _attempted(self, attempts: Sequence[SeenAttempt], close: SeenClose) -> None:
        model, usage = close.model, close.usage
        self._tokens.add((model, "input"), usage.input_tokens)
        self._tokens.add((model, "output"), usage.output_tokens)
        self._cost.add((model,), close.cost_nano)
        for attempt in attempts:
            wait_ns = attempt.first_event_ns - attempt.sent_ns
            self._provider.observe((attempt.deployment.provider,), max(0, wait_ns) / 1e9)
