"""One call's stay at the cache: what is found for it, whom it follows, and what is kept of its answer."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self

from headgate.cache.flight import Flight
from headgate.cache.idempotency import Claim
from headgate.cache.kept import MAX_KEPT_BYTES, kept, why_not
from headgate.cache.question import Question, question, readable
from headgate.domain.answer import Answer, CacheUse
from headgate.domain.call import Request, WireFormat
from headgate.domain.event import Event, EventKind
from headgate.domain.policy import CachePolicy
from headgate.domain.refusal import Refusal
from headgate.journal.record import Record

if TYPE_CHECKING:
    from headgate.cache.cache import Cache

MAX_TURNS: Final = 3
"""How often a call follows another that comes to nothing before it is made for itself."""
OUTAGES: Final = frozenset({"no_deployment_available", "provider_error", "provider_timeout", "overloaded"})
"""The ends of a chain at which a stale answer is better than none."""

MADE_FOR: Final = ", made for "
"""Stands in a step's sentence before the id of the call that the served answer was made for."""

Run = Callable[[Record, Request], AbstractAsyncContextManager[Answer]]
"""A pipeline."""
FlightKey = tuple[int, bytes, WireFormat, bool, bool]
"""A question and the form in which its answer is asked for."""


class Lookup(Protocol):
    """A call's stay."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def or_run(self, run: Run) -> AbstractAsyncContextManager[Answer]:
        """A block that gives the answer that was found, or else the pipeline's."""
        ...

    def recording(self, answer: Answer) -> Answer:
        """`answer`, kept once it has ended well."""
        ...


class Uncached:
    """The stay of a call that the cache has nothing to do with."""

    __slots__ = ("_record", "_request")

    def __init__(self, record: Record, request: Request) -> None:
        self._record, self._request = record, request

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None

    def or_run(self, run: Run) -> AbstractAsyncContextManager[Answer]:
        """The pipeline's answer."""
        return run(self._record, self._request)

    def recording(self, answer: Answer) -> Answer:
        """The answer as it is."""
        return answer


class Found:
    """The stay of a call whose answer may be kept."""

    def __init__(self, cache: "Cache", record: Record, request: Request, policy: CachePolicy | None) -> None:
        self._cache, self._record, self._request, self._policy = cache, record, request, policy
        self._answer: Answer | None = None
        self._question: Question | None = None
        """What to keep the answer for; None where it is not kept."""
        self._flight: tuple[FlightKey, Flight] | None = None
        """The flight that this call leads."""
        self._claim: Claim | None = None

    async def __aenter__(self) -> Self:
        try:
            if self._record.call.idempotency_key:
                await self._claim_key()
            if self._answer is None:
                await self._find()
        except BaseException:
            self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leave()

    def or_run(self, run: Run) -> AbstractAsyncContextManager[Answer]:
        """The answer that was found; else the pipeline's; else, where no provider answers, a stale one."""
        if self._answer is not None:
            return _Given(self._answer)
        return _OrStale(run(self._record, self._request), self)

    def recording(self, answer: Answer) -> Answer:
        """`answer`, kept before its last event leaves, and passed on to whoever follows."""
        if self._question is None and self._claim is None and self._flight is None:
            return answer
        if self._flight is not None:
            self._flight[1].begin(answer)
        answer.events = _Recording(self, answer, answer.events)
        return answer

    def heard(self, batch: list[Event]) -> None:
        """More of the answer came."""
        if self._flight is not None:
            self._flight[1].say(batch)

    async def ended(self, answer: Answer, events: list[Event]) -> None:
        """All of the answer came: keep it where it ended well."""
        record, asked = self._record, self._question
        text = "" if asked is None else asked.text
        keeping = kept(self._request, answer, events, (record.call.request_id, text, record.cost_nano()))
        if asked is not None and self._policy is not None and not record.cache.served:
            why = why_not(events, answer.wire)
            if not why and sum(len(event.raw) + len(event.text) for event in events) > MAX_KEPT_BYTES:
                why = f"it is longer than {MAX_KEPT_BYTES:,} bytes"
            if not why:
                await self._cache.keep(record, asked, keeping, self._policy)
            record.step("store", f"not kept: {why}" if why else f"kept for {self._policy.ttl_ms // 1000} s")
        if self._flight is not None:
            self._cache.land(*self._flight, whole=True)
        if self._claim is not None and events and events[-1].kind is not EventKind.FAILED:
            claim, self._claim = self._claim, None
            await self._cache.idempotency.fulfil(claim, keeping)

    async def stale(self, refusal: Refusal) -> Answer | None:
        """What was kept for the question past its time, where the chain ended in an outage."""
        if self._question is None or refusal.code not in OUTAGES:
            return None
        found = await self._cache.exact(self._question, self._request, stale=True)
        if found is None:
            return None
        self._serve(found[0].request_id, CacheUse.STALE, f"no provider answers ({refusal.code}); a stale answer")
        self._cache.serve(self._record, found[0])
        return found[1].answer(self._request)

    def _leave(self) -> None:
        if self._flight is not None:
            self._cache.land(*self._flight, whole=False)
        if self._claim is not None:
            self._cache.idempotency.release(self._claim)
            self._claim = None

    async def _claim_key(self) -> None:
        found = await self._cache.idempotency.begin(self._record, self._request)
        if isinstance(found, Claim):
            self._claim = found
            return
        self._serve(found.request_id, CacheUse.EXACT, "the idempotency key was used before; the same answer again")
        self._answer = found.answer(self._request)

    async def _find(self) -> None:
        record, policy, asks = self._record, self._policy, self._record.call.cache
        if policy is None:
            asked: Question | str = "the use case keeps no answers"
        elif asks == "off":
            asked = "the caller asks for none"
        else:
            asked = question(record, self._request, policy)
        if isinstance(asked, str) or policy is None:
            if asks == "only":
                raise nothing_kept(str(asked))
            record.step("cache", f"not looked for and not kept: {asked}")
            return
        self._question, record.cache = asked, CacheUse.MISS
        if asks == "refresh":
            record.step("cache", "not looked for: the caller asks for a new answer")
            return
        for _ in range(MAX_TURNS):
            why = await self._look(asked, policy)
            if self._answer is not None:
                return
            if asks == "only":
                raise nothing_kept(why)
            if await self._board(asked, why):
                return

    async def _look(self, asked: Question, policy: CachePolicy) -> str:
        """Find a kept answer; why there is none."""
        if (found := await self._cache.exact(asked, self._request)) is not None:
            entry, answer = found
            self._serve(entry.request_id, CacheUse.EXACT, "the same question was answered before")
        else:
            if policy.similarity is None:
                return "the question is new"
            reading = readable(asked, policy.similarity)
            if isinstance(reading, str):
                return f"the question is new, and no other wording is looked for: {reading}"
            near = await self._cache.near(asked, reading, self._request, policy.similarity)
            if isinstance(near, str):
                return f"the question is new: {near}"
            cosine, entry, answer = near
            self._serve(entry.request_id, CacheUse.SEMANTIC, f"the same question in other words (cosine {cosine:.3f})")
        self._cache.serve(self._record, entry)
        self._answer = answer.answer(self._request)
        return ""

    async def _board(self, asked: Question, why: str) -> bool:
        """Lead or follow; False where the call that was followed came to nothing."""
        request, record = self._request, self._record
        key = (asked.team, asked.key, request.wire, request.stream, request.usage_asked)
        boarded = self._cache.board(key)
        if boarded is not None and not boarded[1]:
            flight = boarded[0]
            if not await flight.begun():
                return False
            self._answer = flight.follow()
            self._serve("", CacheUse.EXACT, "the same question is being answered; its answer is followed")
            self._cache.count(record)
            return True
        if boarded is not None:
            self._flight = (key, boarded[0])
            if (asked.team, asked.key) in self._cache.shelf.index:  # kept while this call looked elsewhere
                await self._look(asked, CachePolicy(0))
        if self._answer is None:
            record.step("cache", why)
            self._cache.count(record)
        return True

    def _serve(self, request_id: str, use: CacheUse, sentence: str) -> None:
        self._record.cache, self._record.model = use, "cache"
        self._record.step("cache", f"{use}: {sentence}" + (f"{MADE_FOR}{request_id}" if request_id else ""))


class _Recording:
    """The events of an answer on their way, which are remembered."""

    def __init__(self, stay: Found, answer: Answer, events: AsyncIterator[list[Event]]) -> None:
        self._stay, self._answer, self._events = stay, answer, events
        self._heard: list[Event] = []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Event]:
        try:
            batch = await anext(self._events)
        except StopAsyncIteration:
            await self._stay.ended(self._answer, self._heard)
            raise
        self._heard += batch
        self._stay.heard(batch)
        return batch


class _Given:
    """A block around an answer that is there."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def __aenter__(self) -> Answer:
        return self._answer

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None


class _OrStale:
    """A pipeline's block; where it gives no answer, a stale one may."""

    def __init__(self, running: AbstractAsyncContextManager[Answer], stay: Found) -> None:
        self._running, self._stay = running, stay
        self._entered = False

    async def __aenter__(self) -> Answer:
        try:
            answer = await self._running.__aenter__()
        except Refusal as refusal:
            stale = await self._stay.stale(refusal)
            if stale is None:
                raise
            return stale
        self._entered = True
        return answer

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._entered:
            await self._running.__aexit__(kind, error, traceback)


def nothing_kept(why: str) -> Refusal:
    """There is no kept answer, and nothing else was asked for."""
    return Refusal(
        "not_found",
        f"X-Headgate-Cache: only asks for a kept answer, and there is none: {why}. Leave the header out for a new one.",
        param="X-Headgate-Cache",
    )
