"""The door out: every model call leaves here, whoever makes it, and tries the deployments of its chain in order."""

from collections.abc import Coroutine, Mapping
from random import Random
from types import TracebackType
from typing import Final, NamedTuple

from headgate.catalog.bounds import bound, estimate
from headgate.domain.answer import Answer
from headgate.domain.call import Purpose, Request
from headgate.domain.policy import Candidate, Deployment, Policy, Provider
from headgate.domain.principal import Limits
from headgate.domain.refusal import Refusal
from headgate.journal.record import Record
from headgate.kit.clock import Clock
from headgate.pool.breaker import BreakerState
from headgate.pool.eligible import eligible
from headgate.pool.exchange import Exchange
from headgate.pool.providers.kind import Headers
from headgate.pool.reach import Reach, Way
from headgate.pool.refusals import Passed, Rejected, Uncarried, is_the_providers, moves_on, refuse_dropped, unbounded
from headgate.pool.retries import RetryBudget
from headgate.pool.spread import spread
from headgate.pool.standing import Standing
from headgate.pool.states import DeploymentState, ProviderState, provider_state
from headgate.pool.transport import Transport, Upstream
from headgate.storage.counters.memory import MemoryCounters, Taken
from headgate.storage.counters.rates import CONCURRENCY, REQUESTS, TOKENS, Full, RateScope
from headgate.wire.codec import Edits

MAX_BUDGETS: Final = 10_000
"""Teams whose retries are counted."""
MAX_STANDINGS: Final = 4096
"""Deployments whose standing is kept; callers make up names where a pattern takes any."""
PASSED_HEADERS: Final = ("request-id", "openai-processing-ms", "openai-version", "anthropic-organization-id")
"""The provider's headers that reach a caller of the same wire format."""

UNLIMITED: Final = Limits()
NOT_COUNTED: Final = Taken([], 0, 0)
"""The place at a deployment without limits."""
WORDS: Final = {REQUESTS: "requests a minute", TOKENS: "tokens a minute", CONCURRENCY: "calls at once"}


class Pool:
    """Calls models.

    Args:
        transports: how to reach each kind of provider; `""` is for every kind not named.
        clock: for breakers and deadlines.
        random: for spreading load.
    """

    def __init__(self, transports: Mapping[str, Transport], clock: Clock, random: Random | None = None) -> None:
        self._transports = transports
        self._clock = clock
        self._random = random or Random()  # noqa: S311 - load is spread by it, no secret made
        self._reaches: dict[str, Reach] = {}
        self._standings: dict[str, Standing] = {}
        self._retries: dict[int, RetryBudget] = {}
        self._drained: set[str] = set()
        self._counters = MemoryCounters(clock)

    def call(self, record: Record, purpose: Purpose, request: Request) -> "Calling":
        """A block that gives the answer of the first deployment that begins one; until then the caller got nothing.

        Entering raises:
            Refusal: no deployment answered, or the provider refused the request itself.
        """
        return Calling(self._first_answer(record, purpose, request), self._counters)

    async def close(self) -> None:
        """Close the connections to every provider."""
        for transport in self._transports.values():
            await transport.close()

    def states(self) -> tuple[ProviderState, ...]:
        """How each provider that was called stands."""
        calls: dict[str, list[Standing]] = {}
        for name, standing in self._standings.items():
            if standing.calls:
                calls.setdefault(name.partition("/")[0], []).append(standing)
        return tuple(provider_state(name, reach.breaker, calls.get(name, [])) for name, reach in self._reaches.items())

    def deployments(self, policy: Policy) -> list[DeploymentState]:
        """How every deployment of `policy` stands; one of a pattern stands under the name that it is configured by."""
        models: dict[str, list[str]] = {}
        found: dict[str, Deployment] = {}
        for model in policy.models.values():
            for deployment in model.deployments:
                models.setdefault(deployment.name, []).append(model.name)
                found[deployment.name] = deployment
        return [
            DeploymentState(
                found[name],
                tuple(names),
                self._standing(policy.providers[found[name].provider], found[name]),
                name in self._drained,
            )
            for name, names in models.items()
        ]

    def unavailable(self, policy: Policy) -> frozenset[str]:
        """The configured models of which no deployment would be tried now: each is held back or drained."""
        up = {
            name
            for state in self.deployments(policy)
            if not state.drained and state.standing.breaker.state is not BreakerState.OPEN
            for name in state.models
        }
        return frozenset(policy.models) - up

    def deployment(self, policy: Policy, name: str) -> DeploymentState:
        """How the deployment `name` of `policy` stands.

        Raises:
            Refusal: `not_found`.
        """
        for state in self.deployments(policy):
            if state.deployment.name == name:
                return state
        raise Refusal("not_found", f"There is no deployment '{name[:256]}'; GET /admin/v1/pool lists them.")

    def drain(self, policy: Policy, name: str, *, drained: bool) -> DeploymentState:
        """Send no more calls to a deployment of `policy`, or send them again; those under way go on.

        Raises:
            Refusal: `not_found`.
        """
        self.deployment(policy, name)
        if drained:
            self._drained.add(name)
        else:
            self._drained.discard(name)
        return self.deployment(policy, name)

    def _is_drained(self, deployment: Deployment) -> bool:
        """A pattern's deployment is drained under the name that it is configured by."""
        drained = self._drained
        return bool(drained) and (deployment.name in drained or f"{deployment.provider}/*" in drained)

    def _retry_budget(self, team: int) -> RetryBudget:
        """Of one team, so that none spends another's."""
        budget = self._retries.get(team)
        if budget is None:
            if len(self._retries) >= MAX_BUDGETS:
                del self._retries[next(iter(self._retries))]
            budget = self._retries[team] = RetryBudget()
        return budget

    async def _first_answer(self, record: Record, purpose: Purpose, request: Request) -> "Opened":
        use_case = record.use_case
        assert use_case is not None, "a call is permitted before it is made"
        passed, providers = Passed(), record.policy.providers

        def standing_of(candidate: Candidate) -> Standing:
            return self._standing(providers[candidate.deployment.provider], candidate.deployment)

        retries = self._retry_budget(record.subject.team)
        retries.called()
        deadline_ns = self._clock.monotonic_ns() + use_case.chain.timeout_ms * 1_000_000
        for candidate in spread(eligible(record.policy, use_case, request), request, standing_of, self._random):
            if len(passed.refusals) > use_case.chain.retries or self._left_ms(deadline_ns) <= 0:
                break
            name, standing = candidate.deployment.name, standing_of(candidate)
            taken = await self._take(candidate.deployment, standing, request, passed)
            if isinstance(taken, str):
                record.step("run", f"{name} {taken}")
                continue
            if any(map(is_the_providers, passed.refusals)) and not retries.spend():
                standing.undecided()
                self._counters.undo(taken)
                record.step("run", f"{name} is not tried: a tenth of the team's calls are retries already")
                break
            asking = Asking(record, purpose, request, candidate, standing, deadline_ns)
            try:
                exchange, answer = await self._try(asking, self._reach(providers[candidate.deployment.provider]))
            except Uncarried as refusal:
                self._counters.undo(taken)
                passed.uncarried.append(refusal)
                record.step("run", f"{name} was not asked: {refusal.sentence}")
                continue
            except BaseException as error:
                self._counters.close(taken, 0)
                if not isinstance(error, Refusal) or not moves_on(error):
                    raise
                passed.refusals.append(error)
                record.step("run", f"{name} gave no answer: {error.code}")
                continue
            record.model = candidate.model
            record.step("run", f"{name} answers for model {candidate.model}")
            return Opened(exchange, answer, taken)
        raise passed.exhausted()

    async def _take(self, deployment: Deployment, standing: Standing, request: Request, passed: Passed) -> Taken | str:
        """A place at `deployment`; else why it takes no call now, which `passed` keeps."""
        if self._is_drained(deployment):
            passed.drained += 1
            return "is drained"
        taken = NOT_COUNTED
        if deployment.limits is not UNLIMITED and deployment.limits != UNLIMITED:
            limits = deployment.limits
            scope = RateScope(deployment.name, limits.requests_per_minute, limits.tokens_per_minute, limits.parallel)
            found = await self._counters.take((scope,), estimate(request))
            if isinstance(found, Full):
                passed.waits_ms.append(found.retry_ns / 1e6)
                passed.full = True
                return f"is full: {found.limit} {WORDS[found.kind]}"
            taken = found
        if not standing.allows():
            self._counters.undo(taken)
            passed.waits_ms.append(standing.breaker.opens_in_ms())
            passed.failed = True
            return "is held back after repeated failures"
        return taken

    async def _try(self, asking: "Asking", reach: Reach) -> tuple[Exchange, Answer]:
        """One attempt; a second one with the provider's other credential, where the first was rejected."""
        model_id, request = asking.candidate.deployment.model_id, asking.request
        way = reach.way(model_id, request.wire, stream=request.stream)
        try:
            return await self._attempt(asking, reach, way)
        except Rejected:
            if not reach.rejected(way):
                raise
        asking.record.step("run", f"{asking.candidate.deployment.name} rejects a credential; the other one is tried")
        asking.standing.again()
        way = reach.way(model_id, request.wire, stream=request.stream)
        try:
            return await self._attempt(asking, reach, way)
        except Rejected:
            reach.rejected(way)
            raise

    async def _attempt(self, asking: "Asking", reach: Reach, way: Way) -> tuple[Exchange, Answer]:
        """One attempt, opened in the journal before its first byte goes out."""
        record, purpose, request, candidate, standing, deadline_ns = asking
        left_ms = max(1, self._left_ms(deadline_ns))
        deployment, use_case = candidate.deployment, record.use_case
        assert use_case is not None, "a call is permitted before it is made"
        try:
            body, dropped = _body(request, way, deployment)
            if dropped and (record.call.strict or use_case.strict):
                refuse_dropped(deployment.name, way.wire, dropped, crosses=way.callers_codec is None)
            headers = _headers(request, way)
            if way.sign is not None:
                headers += await way.sign(way.url, body)
            if request.unbounded_tool and way.callers_codec is not None and record.hold.accounts:
                raise unbounded(request.unbounded_tool)
            most = bound(request, deployment)
            await record.hold.cover(most.nano)
            attempt = record.attempt(purpose, candidate.model, deployment, most.nano)
        except BaseException:
            standing.undecided()
            raise
        headers += (("x-headgate-attempt", f"{record.call.request_id}-{len(record.attempts)}"),)
        upstream = Upstream("POST", way.url, headers, body, left_ms)
        transport = self._transports.get(reach.kind.name) or self._transports[""]
        exchange = Exchange(attempt, standing, transport.send(upstream), estimate(request))
        await exchange.open(
            way.codec,
            way.error_wire,
            stream=request.stream,
            hide_usage=way.callers_codec is not None and not request.usage_asked,
            first_token_s=min(use_case.chain.first_token_ms, left_ms) / 1000,
        )
        attempt.began()
        passed = tuple((name, exchange.headers[name]) for name in PASSED_HEADERS if name in exchange.headers)
        return exchange, Answer(
            way.wire,
            not request.stream,
            exchange,
            deployment,
            record.pipeline,
            passed if way.callers_codec is not None else (),
            dropped,
        )

    def _left_ms(self, deadline_ns: int) -> int:
        return (deadline_ns - self._clock.monotonic_ns()) // 1_000_000

    def _standing(self, provider: Provider, deployment: Deployment) -> Standing:
        """The deployment's standing, over a breaker of its own or its provider's."""
        breaker = self._reach(provider).breaker_of(deployment)
        known = self._standings.get(deployment.name)
        if known is None:
            if len(self._standings) >= MAX_STANDINGS:
                del self._standings[next(iter(self._standings))]
            known = self._standings[deployment.name] = Standing(breaker)
        known.breaker = breaker
        return known

    def _reach(self, provider: Provider) -> Reach:
        """How the provider is reached; one that was changed begins afresh."""
        known = self._reaches.get(provider.name)
        if known is None or (known.provider is not provider and known.provider != provider):
            known = self._reaches[provider.name] = Reach(provider, self._clock)
        return known


class Asking(NamedTuple):
    """What is asked, and of which deployment."""

    record: Record
    purpose: Purpose
    request: Request
    candidate: Candidate
    standing: Standing
    deadline_ns: int
    """When the chain's time is up, on the monotonic clock."""


class Opened(NamedTuple):
    """An answer that began, its exchange, and the place at the deployment that it takes."""

    exchange: Exchange
    answer: Answer
    taken: Taken


class Calling:
    """One call of a model as a block: a class, for `asynccontextmanager` costs twice as much on every request."""

    def __init__(self, opening: Coroutine[None, None, Opened], counters: MemoryCounters) -> None:
        self._opening = opening
        self._counters = counters
        self._opened: Opened | None = None

    async def __aenter__(self) -> Answer:
        self._opened = await self._opening
        return self._opened.answer

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._opened is not None, "a block is left after it was entered"
        exchange, _, taken = self._opened
        try:
            await exchange.close()
        finally:
            if taken is not NOT_COUNTED:
                usage = exchange.usage
                self._counters.close(taken, usage.input_tokens + usage.output_tokens)


def _body(request: Request, way: Way, deployment: Deployment) -> tuple[bytes, tuple[str, ...]]:
    """The upstream body, and what of the request could not cross to it."""
    limit = request.max_output_tokens
    codec = way.callers_codec
    edits = Edits(
        model_id=deployment.model_id,
        output_limit=deployment.max_output_tokens if limit is None else None if codec is not None else limit,
        output_limit_field=way.output_limit_field,
        stream=None if codec is not None else request.stream,
        ask_usage=way.asks_usage and request.stream and not (codec is not None and request.usage_asked),
    )
    dropped: tuple[str, ...] = ()
    if codec is not None:
        body = codec.splice(request, edits)
    else:
        prompt = request.read_prompt(request.raw)
        body, left = way.codec.write_request(prompt, edits)
        dropped = prompt.dropped + left
    if way.edits is not None:
        body, refused = way.edits.apply(body)
        dropped += refused
    return body, dropped


def _headers(request: Request, way: Way) -> Headers:
    headers = way.headers
    if way.forwards_headers and request.forward_headers:
        headers += request.forward_headers
    if way.fixed_headers:
        own = {name for name, _ in headers}
        headers += tuple(header for header in way.fixed_headers if header[0] not in own)
    return headers
