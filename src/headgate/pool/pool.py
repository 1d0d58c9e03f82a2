"""The door out: every model call leaves here, whoever makes it, and tries the deployments of its chain in order."""

from collections.abc import Coroutine, Mapping
from random import Random
from types import TracebackType
from typing import Final, NamedTuple

from headgate.catalog.bounds import bound, estimate
from headgate.domain.answer import Answer
from headgate.domain.call import Purpose, Request, WireFormat
from headgate.domain.policy import Candidate, Deployment, Policy, Provider, UseCase
from headgate.domain.refusal import Refusal
from headgate.journal.record import Record
from headgate.kit.clock import Clock
from headgate.pool.breaker import Breaker, BreakerState
from headgate.pool.eligible import eligible
from headgate.pool.exchange import Exchange
from headgate.pool.providers import KINDS
from headgate.pool.providers.kind import Headers, ProviderKind
from headgate.pool.refusals import Uncarried, exhausted, moves_on, refuse_dropped
from headgate.pool.retries import RetryBudget
from headgate.pool.spread import spread
from headgate.pool.standing import Standing
from headgate.pool.transport import Transport, Upstream
from headgate.wire.anthropic_messages import ANTHROPIC_MESSAGES
from headgate.wire.bedrock_converse import BEDROCK_CONVERSE
from headgate.wire.codec import Codec, Edits, ProviderCodec
from headgate.wire.gemini import GEMINI
from headgate.wire.openai_chat import OPENAI_CHAT
from headgate.wire.openai_embeddings import OPENAI_EMBEDDINGS

CALLERS: Final[Mapping[WireFormat, Codec]] = {
    codec.wire: codec for codec in (OPENAI_CHAT, ANTHROPIC_MESSAGES, OPENAI_EMBEDDINGS)
}
"""The wire formats that callers and providers share, on which a request's own bytes go out."""
CODECS: Final[Mapping[WireFormat, ProviderCodec]] = {
    **CALLERS,
    GEMINI.wire: GEMINI,
    BEDROCK_CONVERSE.wire: BEDROCK_CONVERSE,
}
MAX_STANDINGS: Final = 4096
"""Deployments whose standing is kept; callers make up names where a pattern takes any."""
PASSED_HEADERS: Final = ("request-id", "openai-processing-ms", "openai-version", "anthropic-organization-id")
"""The provider's headers that reach a caller of the same wire format."""


class DeploymentState(NamedTuple):
    """How one deployment stands, for whoever operates the pool."""

    deployment: Deployment
    models: tuple[str, ...]
    """The names under which it is configured."""
    standing: Standing


class ProviderState(NamedTuple):
    """How one provider stands, for health and metrics."""

    name: str
    breaker: BreakerState
    last_error: str


class Tried(NamedTuple):
    """A deployment that a call is sent to now."""

    candidate: Candidate
    standing: Standing
    left_ms: int
    """Until the chain's deadline."""


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
        self._breakers: dict[str, tuple[Provider, Breaker]] = {}
        self._standings: dict[str, Standing] = {}
        self._retries = RetryBudget()

    def call(self, record: Record, purpose: Purpose, request: Request) -> "Calling":
        """A block that gives the answer of the first deployment that begins one; until then the caller got nothing.

        Entering raises:
            Refusal: no deployment answered, or the provider refused the request itself.
        """
        assert record.use_case is not None, "a call is permitted before it is made"
        return Calling(self._first_answer(record, record.use_case, purpose, request))

    async def close(self) -> None:
        """Close the connections to every provider."""
        for transport in self._transports.values():
            await transport.close()

    def states(self) -> tuple[ProviderState, ...]:
        """How each provider that was called stands."""
        return tuple(
            ProviderState(name, breaker.state, breaker.last_error) for name, (_, breaker) in self._breakers.items()
        )

    def deployments(self, policy: Policy) -> list[DeploymentState]:
        """How every deployment of `policy` stands; of a pattern's, also those that were called."""
        models: dict[str, list[str]] = {}
        found: dict[str, Deployment] = {}
        for model in policy.models.values():
            for deployment in model.deployments:
                models.setdefault(deployment.name, []).append(model.name)
                found[deployment.name] = deployment
        return [
            DeploymentState(found[name], tuple(names), self._standing(policy.providers[found[name].provider], name))
            for name, names in models.items()
        ]

    def drain(self, policy: Policy, name: str, *, drained: bool) -> DeploymentState:
        """Send no more calls to a deployment of `policy`, or send them again; those under way go on.

        Raises:
            Refusal: `not_found`.
        """
        for state in self.deployments(policy):
            if state.deployment.name == name:
                state.standing.drained = drained
                return state
        raise Refusal("not_found", f"There is no deployment '{name}'; GET /admin/v1/pool lists them.")

    async def _first_answer(
        self, record: Record, use_case: UseCase, purpose: Purpose, request: Request
    ) -> tuple[Exchange, Answer]:
        refusals: list[Refusal] = []
        uncarried: list[Uncarried] = []
        held_back_ms: list[int] = []
        providers = record.policy.providers

        def standing_of(candidate: Candidate) -> Standing:
            return self._standing(providers[candidate.deployment.provider], candidate.deployment.name)

        self._retries.called()
        deadline_ns = self._clock.monotonic_ns() + use_case.chain.timeout_ms * 1_000_000
        for candidate in spread(eligible(record.policy, use_case, request), request, standing_of, self._random):
            left_ms = (deadline_ns - self._clock.monotonic_ns()) // 1_000_000
            if len(refusals) > use_case.chain.retries or left_ms <= 0:
                break
            deployment, standing = candidate.deployment.name, standing_of(candidate)
            if not standing.allows():
                held_back_ms.append(standing.breaker.opens_in_ms())
                why = "drained" if standing.drained else "held back after repeated failures"
                record.step("run", f"{deployment} is {why}")
                continue
            if refusals and not self._retries.spend():
                standing.undecided()
                record.step("run", f"{deployment} is not tried: a tenth of all calls are retries already")
                break
            try:
                opened = await self._try(record, purpose, request, Tried(candidate, standing, left_ms))
            except Uncarried as refusal:
                uncarried.append(refusal)
                record.step("run", f"{deployment} was not asked: {refusal.sentence}")
                continue
            except Refusal as refusal:
                if not moves_on(refusal):
                    raise
                refusals.append(refusal)
                record.step("run", f"{deployment} gave no answer: {refusal.code}")
                continue
            record.model = candidate.model
            record.step("run", f"{deployment} answers for model {candidate.model}")
            return opened
        raise exhausted(refusals, held_back_ms, uncarried)

    async def _try(self, record: Record, purpose: Purpose, request: Request, tried: Tried) -> tuple[Exchange, Answer]:
        """One attempt, opened in the journal before its first byte goes out."""
        candidate, standing, left_ms = tried
        deployment = candidate.deployment
        provider = record.policy.providers[deployment.provider]
        kind = KINDS[provider.kind]
        use_case = record.use_case
        assert use_case is not None, "a call is permitted before it is made"
        try:
            wire = request.wire if request.wire in kind.paths else next(iter(kind.paths))
            body, dropped = _body(request, wire, kind, candidate)
            if dropped and (record.call.strict or use_case.strict):
                refuse_dropped(deployment.name, wire, dropped)
            most = bound(request, deployment)
            await record.hold.cover(most.nano)
            attempt = record.attempt(purpose, candidate.model, deployment, most.nano)
        except BaseException:
            standing.undecided()
            raise
        headers = _headers(request, wire, kind, provider.secret)
        headers += (("x-headgate-attempt", f"{record.call.request_id}-{len(record.attempts)}"),)
        upstream = Upstream("POST", provider.base_url + kind.paths[wire], headers, body, left_ms)
        transport = self._transports.get(provider.kind) or self._transports[""]
        exchange = Exchange(attempt, standing, transport.send(upstream), estimate(request))
        await exchange.open(
            CODECS[wire],
            stream=request.stream,
            hide_usage=request.wire is wire and not request.usage_asked,
            first_token_s=min(use_case.chain.first_token_ms, left_ms) / 1000,
        )
        attempt.began()
        passed = tuple((name, exchange.headers[name]) for name in PASSED_HEADERS if name in exchange.headers)
        return exchange, Answer(
            wire,
            not request.stream,
            exchange,
            deployment,
            record.pipeline,
            passed if wire is request.wire else (),
            dropped,
        )

    def _standing(self, provider: Provider, deployment: str) -> Standing:
        """The deployment's standing, over its provider's breaker."""
        breaker = self._breaker(provider)
        known = self._standings.get(deployment)
        if known is None:
            if len(self._standings) >= MAX_STANDINGS:
                del self._standings[next(iter(self._standings))]
            known = self._standings[deployment] = Standing(breaker)
        known.breaker = breaker
        return known

    def _breaker(self, provider: Provider) -> Breaker:
        """The provider's breaker; a provider that was changed begins with a fresh one."""
        known = self._breakers.get(provider.name)
        if known is None or known[0] != provider:
            known = (provider, Breaker(self._clock, provider.breaker_failures, provider.breaker_open_ms))
            self._breakers[provider.name] = known
        return known[1]


class Calling:
    """One call of a model as a block: a class, for `asynccontextmanager` costs twice as much on every request."""

    def __init__(self, opening: Coroutine[None, None, tuple[Exchange, Answer]]) -> None:
        self._opening = opening
        self._exchange: Exchange | None = None

    async def __aenter__(self) -> Answer:
        self._exchange, answer = await self._opening
        return answer

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._exchange is not None, "a block is left after it was entered"
        await self._exchange.close()


def _body(
    request: Request, wire: WireFormat, kind: ProviderKind, candidate: Candidate
) -> tuple[bytes, tuple[str, ...]]:
    """The upstream body, and what of the request could not cross to its wire format."""
    limit = request.max_output_tokens
    edits = Edits(
        model_id=candidate.deployment.model_id,
        output_limit=candidate.deployment.max_output_tokens if limit is None else None,
        output_limit_field=kind.output_limit_field,
        ask_usage=request.stream and not request.usage_asked,
    )
    if request.wire is wire:
        return CALLERS[wire].splice(request, edits), ()
    prompt = request.read_prompt(request.raw)
    crossing = Edits(
        model_id=edits.model_id,
        output_limit=edits.output_limit or limit,
        output_limit_field=edits.output_limit_field,
        stream=request.stream,
        ask_usage=request.stream,
    )
    body, dropped = CODECS[wire].write_request(prompt, crossing)
    return body, prompt.dropped + dropped


def _headers(request: Request, wire: WireFormat, kind: ProviderKind, secret: str) -> Headers:
    headers: Headers = (("content-type", "application/json"), *kind.credential(secret))
    if request.wire is wire:
        headers += request.forward_headers
    own = {name for name, _ in headers}
    return headers + tuple(header for header in kind.fixed_headers.get(wire, ()) if header[0] not in own)
