"""The door out: every model call leaves here, whoever makes it, and tries the deployments of its chain in order."""

from collections.abc import Coroutine, Mapping
from types import TracebackType
from typing import Final, NamedTuple

from headgate.catalog.bounds import bound, estimate
from headgate.domain.answer import Answer
from headgate.domain.call import Purpose, Request, WireFormat
from headgate.domain.policy import Candidate, Provider, UseCase
from headgate.domain.refusal import Refusal
from headgate.journal.record import Record
from headgate.kit.clock import Clock
from headgate.pool.breaker import Breaker, BreakerState
from headgate.pool.eligible import eligible
from headgate.pool.exchange import Exchange
from headgate.pool.providers import KINDS
from headgate.pool.providers.kind import Headers, ProviderKind
from headgate.pool.refusals import Uncarried, exhausted, moves_on, refuse_dropped
from headgate.pool.transport import Transport, Upstream
from headgate.wire.anthropic_messages import ANTHROPIC_MESSAGES
from headgate.wire.bedrock_converse import BEDROCK_CONVERSE
from headgate.wire.codec import Codec, Edits, ProviderCodec
from headgate.wire.gemini import GEMINI
from headgate.wire.openai_chat import OPENAI_CHAT
from headgate.wire.openai_embeddings import OPENAI_EMBEDDINGS
from headgate.wire.openai_responses import OPENAI_RESPONSES

CALLERS: Final[Mapping[WireFormat, Codec]] = {
    codec.wire: codec for codec in (OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC_MESSAGES, OPENAI_EMBEDDINGS)
}
"""The wire formats that callers and providers share, on which a request's own bytes go out."""
CODECS: Final[Mapping[WireFormat, ProviderCodec]] = {
    **CALLERS,
    GEMINI.wire: GEMINI,
    BEDROCK_CONVERSE.wire: BEDROCK_CONVERSE,
}
PASSED_HEADERS: Final = ("request-id", "openai-processing-ms", "openai-version", "anthropic-organization-id")
"""The provider's headers that reach a caller of the same wire format."""


class ProviderState(NamedTuple):
    """How one provider stands, for health and metrics."""

    name: str
    breaker: BreakerState
    last_error: str


class Pool:
    """Calls models.

    Args:
        transports: how to reach each kind of provider; `""` is for every kind not named.
        clock: for breakers.
    """

    def __init__(self, transports: Mapping[str, Transport], clock: Clock) -> None:
        self._transports = transports
        self._clock = clock
        self._breakers: dict[str, tuple[Provider, Breaker]] = {}

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

    async def _first_answer(
        self, record: Record, use_case: UseCase, purpose: Purpose, request: Request
    ) -> tuple[Exchange, Answer]:
        refusals: list[Refusal] = []
        uncarried: list[Uncarried] = []
        held_back_ms: list[int] = []
        for candidate in eligible(record.policy, use_case, request):
            if len(refusals) > use_case.chain.retries:
                break
            deployment = candidate.deployment.name
            breaker = self._breaker(record.policy.providers[candidate.deployment.provider])
            if not breaker.allows():
                held_back_ms.append(breaker.opens_in_ms())
                record.step("run", f"{deployment} is held back after repeated failures")
                continue
            try:
                opened = await self._try(record, purpose, request, candidate)
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

    async def _try(
        self, record: Record, purpose: Purpose, request: Request, candidate: Candidate
    ) -> tuple[Exchange, Answer]:
        """One attempt, opened in the journal before its first byte goes out."""
        deployment = candidate.deployment
        provider = record.policy.providers[deployment.provider]
        kind, breaker = KINDS[provider.kind], self._breaker(provider)
        use_case = record.use_case
        assert use_case is not None, "a call is permitted before it is made"
        chain = use_case.chain
        try:
            wire = request.wire if request.wire in kind.paths else next(iter(kind.paths))
            body, dropped = _body(request, wire, kind, candidate)
            if dropped and (record.call.strict or use_case.strict):
                refuse_dropped(deployment.name, wire, dropped)
            most = bound(request, deployment)
            await record.hold.cover(most.nano)
            attempt = record.attempt(purpose, candidate.model, deployment, most.nano)
        except BaseException:
            breaker.undecided()
            raise
        headers = _headers(request, wire, kind, provider.secret)
        headers += (("x-headgate-attempt", f"{record.call.request_id}-{len(record.attempts)}"),)
        upstream = Upstream("POST", provider.base_url + kind.paths[wire], headers, body, chain.timeout_ms)
        transport = self._transports.get(provider.kind) or self._transports[""]
        exchange = Exchange(attempt, breaker, transport.send(upstream), estimate(request))
        await exchange.open(
            CODECS[wire],
            stream=request.stream,
            hide_usage=request.wire is wire and not request.usage_asked,
            first_token_s=chain.first_token_ms / 1000,
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
