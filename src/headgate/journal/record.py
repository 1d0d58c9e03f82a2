"""The open record of one request: who, under which policy, what was tried, and its one CLOSE."""

import hashlib
import os
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Final, Protocol, Self

from headgate.domain.answer import Answer, Basis, CacheUse, Outcome
from headgate.domain.call import Call, Purpose, Request
from headgate.domain.event import Event, EventKind
from headgate.domain.policy import Deployment, Policy, UseCase
from headgate.domain.principal import Principal, Subject
from headgate.domain.rates import RateWindow
from headgate.domain.refusal import Refusal
from headgate.domain.usage import Usage
from headgate.journal.records import AttemptClose, AttemptOpen, Body, Close, Step
from headgate.kit.clock import Clock

MAX_HELD_EVENTS: Final = 64
"""Events that may follow `finished`; a provider that sends more is cut off there."""

MAX_SENTENCE_CHARS: Final = 2_000
"""Characters of a step's sentence; some quote what a caller sent."""
TERMINAL: Final = frozenset({EventKind.FINISHED, EventKind.FAILED})
CONTENT: Final = frozenset(
    {EventKind.TEXT, EventKind.REASONING, EventKind.TOOL_START, EventKind.TOOL_ARGUMENTS, EventKind.CITATION}
)

OUTCOME_OF_CODE: Final = {
    "rate_limited": Outcome.LIMITED,
    "budget_exceeded": Outcome.LIMITED,
    "estimate_exceeds_budget": Outcome.LIMITED,
    "overloaded": Outcome.LIMITED,
    "guardrail_blocked": Outcome.BLOCKED,
    "caller_left": Outcome.ABANDONED,
    "internal_error": Outcome.FAILED,
    "provider_error": Outcome.FAILED,
    "provider_timeout": Outcome.FAILED,
    "no_deployment_available": Outcome.FAILED,
    "not_ready": Outcome.FAILED,
    "journal_unavailable": Outcome.FAILED,
}
"""The outcome of a call that ended with a refusal; every other code is `refused`."""


class Appender(Protocol):
    """Where a record's frames go."""

    def append(self, *bodies: Body) -> None:
        """Append frames, at once and whole.

        Raises:
            Refusal: `journal_unavailable`, for a last frame that opens something new while the disk is full.
        """
        ...

    async def durable(self) -> None:
        """Return once everything appended so far will survive what the journal's class promises."""
        ...

    def unauthenticated(self, source: str, code: str) -> None:
        """Count a call without a valid key; it gets no CLOSE."""
        ...


class Hold(Protocol):
    """Money set aside for one request, in every budget that binds it."""

    accounts: tuple[int, ...]

    async def cover(self, nano: int) -> None:
        """Make sure that `nano` more can be spent on the next attempt.

        Raises:
            Refusal: `estimate_exceeds_budget` or `budget_exceeded`.
        """
        ...

    def spend(self, cost_nano: int, covered_nano: int) -> None:
        """Book an attempt that was covered with `covered_nano`: its cost is spent, the rest is free again."""
        ...


class Attempt:
    """One model call, opened in the journal before its first byte and closed exactly once."""

    __slots__ = ("_opened", "_record", "cost_nano", "deployment", "first_event_ns", "sent_ns", "usage")

    def __init__(self, record: "Record", opened: AttemptOpen, deployment: Deployment) -> None:
        self._record: Record | None = record  # let go with the close: a cycle would keep the request's bytes
        self._opened = opened
        self.deployment = deployment
        self.usage = Usage()
        self.cost_nano = 0
        self.sent_ns = record.clock.monotonic_ns()
        self.first_event_ns = 0

    @property
    def closed(self) -> bool:
        """Whether it is booked."""
        return self._record is None

    @property
    def hold_nano(self) -> int:
        """The proven upper bound of this attempt's cost."""
        return self._opened.hold_nano

    @property
    def waited_ns(self) -> int:
        """How long the provider took until its first event, in nanoseconds; 0 before it came."""
        return max(0, self.first_event_ns - self.sent_ns)

    def began(self) -> None:
        """The provider's first event came; the time until now was the provider's."""
        if self._record is not None and not self.first_event_ns:
            self.first_event_ns = self._record.clock.monotonic_ns()
            self._record.waited(self.first_event_ns - self.sent_ns)

    def close(self, usage: Usage, basis: Basis, outcome: Outcome, code: str = "") -> None:
        """Book the attempt's end and settle its hold; later calls change nothing.

        It is appended together with what the request appends next, in one write: another attempt or the CLOSE.
        """
        if self._record is None:
            return
        self.began()
        record, opened = self._record, self._opened
        self._record = None
        price = self.deployment.price
        assert price is not None, "a deployment is priced before it is called"
        cost = opened.hold_nano if basis is Basis.RESERVED else price.cost_nano(usage)
        self.usage, self.cost_nano = usage, cost
        record.ended(
            AttemptClose(
                opened.request_id,
                opened.attempt,
                record.clock.now_ms(),
                opened.subject,
                opened.use_case,
                opened.pipeline,
                opened.purpose,
                opened.model,
                opened.deployment,
                opened.policy_version,
                opened.accounts,
                usage,
                cost,
                basis,
                outcome,
                code,
            )
        )
        record.hold.spend(cost, opened.hold_nano)


class Record:
    """What one request has come to so far. Leaving it appends its CLOSE, however it is left."""

    def __init__(
        self, call: Call, policy: Policy, appender: Appender, clock: Clock, closed: Callable[["Record", Close], None]
    ) -> None:
        self.call = call
        self.policy = policy
        self.clock = clock
        self.principal: Principal | None = None
        self.use_case: UseCase | None = None
        self.mistake: Refusal | None = call.body if isinstance(call.body, Refusal) else None
        """What is wrong with the request; told once the call is known to be within its limits."""
        self.hold: Hold = NO_HOLD
        self.attempts: list[Attempt] = []
        self.steps: list[Step] = []
        self.close: Close | None = None
        self._ended: list[AttemptClose] = []
        self.pipeline = ""
        self.model = ""
        self.cache = CacheUse.OFF
        self.provider_ns = 0
        self.windows: tuple[RateWindow, ...] = ()
        self._mark_ns = call.received_ns
        self._answering_ns: int | None = None
        """Our own time until the answer began; what a stream takes afterwards is its provider's and its caller's."""
        self._appender = appender
        self._closed = closed
        self._salt = os.urandom(16)
        self._answer_digest = hashlib.blake2b(key=self._salt, digest_size=16)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.close is not None:
            return
        if isinstance(error, Refusal):
            self.step("close", error.sentence)
            self._append_close(OUTCOME_OF_CODE.get(error.code, Outcome.REFUSED), error.code, error.status)
        elif error is None or not isinstance(error, Exception):
            self._append_close(Outcome.ABANDONED, "caller_left", 499)
        else:
            self._append_close(Outcome.FAILED, "internal_error", 500)

    def append(self, body: Body) -> None:
        """Append a frame of this request, behind the attempts that ended since the last one."""
        self._appender.append(*self._ended, body)
        self._ended.clear()

    def ended(self, end: AttemptClose) -> None:
        """Keep the end of an attempt for the next append; behind the CLOSE there is none, so it is appended at once."""
        if self.close is None:
            self._ended.append(end)
        else:
            self._appender.append(end)

    @property
    def subject(self) -> Subject:
        """Under whom the request is booked; known once the caller is admitted."""
        subject = self.principal.subject if self.principal else None
        assert subject is not None, "only a team's caller is booked"
        return subject

    def step(self, name: str, sentence: str) -> None:
        """Record a decision; its own time is what passed since the step before, less the wait for providers."""
        now = self.clock.monotonic_ns()
        if len(sentence) > MAX_SENTENCE_CHARS:
            sentence = sentence[:MAX_SENTENCE_CHARS] + " ..."
        self.steps.append(Step(name, sentence, max(0, now - self._mark_ns) // 1000))
        self._mark_ns = now

    def waited(self, ns: int) -> None:
        """`ns` nanoseconds until now were the provider's and not our own."""
        self.provider_ns += ns
        self._mark_ns += ns

    def own_ns(self) -> int:
        """Our own time so far, in nanoseconds, from the first byte received, queueing included."""
        return self.clock.monotonic_ns() - self.call.received_ns - self.provider_ns

    def elapsed_ns(self) -> int:
        """All time so far in nanoseconds, from the first byte received."""
        return self.clock.monotonic_ns() - self.call.received_ns

    @property
    def tries(self) -> int:
        """How many deployments were called."""
        return len(self.attempts)

    def attempt(self, purpose: Purpose, model: str, deployment: Deployment, hold_nano: int) -> Attempt:
        """Open a model call in the journal; `hold_nano` must be covered by the hold already.

        Raises:
            Refusal: `journal_unavailable`.
        """
        assert self.use_case is not None, "a call is permitted before it is made"
        opened = AttemptOpen(
            self.call.request_id,
            len(self.attempts) + 1,
            self.clock.now_ms(),
            self.subject,
            self.use_case.name,
            self.pipeline,
            purpose,
            model,
            deployment.name,
            self.policy.version,
            hold_nano,
            self.hold.accounts,
        )
        self.append(opened)
        attempt = Attempt(self, opened, deployment)
        self.attempts.append(attempt)
        return attempt

    def closing(self, answer: Answer) -> Answer:
        """`answer` with its terminal events held back until the CLOSE is appended."""
        answer.books = self
        self._answering_ns = self.own_ns()
        answer.events = _Closing(self, answer.events, self._answer_digest.update)
        return answer

    async def durable(self) -> None:
        """Return once what was appended will survive what the journal's class promises."""
        await self._appender.durable()

    def end(self, code: str) -> None:
        """Append the CLOSE of an answer that ended by itself; `code` says how it failed, where it did."""
        ended = Outcome.CACHED if self.cache.served else Outcome.ANSWERED
        self._append_close(OUTCOME_OF_CODE.get(code, Outcome.FAILED) if code else ended, code, 200)

    def cost_nano(self) -> int:
        """What the closed attempts cost, in nano-USD."""
        return sum(attempt.cost_nano for attempt in self.attempts)

    def usage(self) -> Usage:
        """The usage of all closed attempts together."""
        if len(self.attempts) == 1:
            return self.attempts[0].usage
        return sum((attempt.usage for attempt in self.attempts), Usage())

    def _append_close(self, outcome: Outcome, code: str, status: int) -> None:
        call = self.call
        raw = call.digest or (call.body.raw if isinstance(call.body, Request) else b"")
        self.close = Close(
            call.request_id,
            self.clock.now_ms(),
            self.principal.subject if self.principal else None,
            call.wire,
            self.use_case.name if self.use_case else "",
            self.pipeline,
            self.model,
            self.attempts[-1].deployment.name if self.attempts else "",
            self.policy.version,
            outcome,
            code,
            status,
            len(self.attempts),
            self.usage(),
            self.cost_nano(),
            (self.clock.monotonic_ns() - call.received_ns) // 1000,
            (self.own_ns() if self._answering_ns is None else self._answering_ns) // 1000,
            self._salt,
            hashlib.blake2b(raw, key=self._salt, digest_size=16).digest(),
            self._answer_digest.digest(),
            tuple(self.steps),
        )
        if self.principal is not None:
            self.append(self.close)
        else:
            self._appender.unauthenticated(call.source, code)
        self._closed(self, self.close)


class _Closing:
    """The events of an answer; its terminal ones, and what comes behind them, wait for the CLOSE.

    A class, for every generator costs the event loop an entry in its list of them.
    """

    def __init__(self, record: Record, events: AsyncIterator[list[Event]], look: Callable[[bytes], object]) -> None:
        self._record = record
        self._events: AsyncIterator[list[Event]] | None = events
        self._look = look
        self._begun = False
        self._held: list[Event] = []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Event]:
        if self._events is None:
            raise StopAsyncIteration
        if not self._begun:
            self._begun = True
            await self._record.durable()
        async for batch in self._events:
            if passed := self._passed(batch):
                return passed
        self._events, held = None, self._held
        self._record.end(held[-1].name if held and held[-1].kind is EventKind.FAILED else "")
        await self._record.durable()
        if not held:
            raise StopAsyncIteration
        return held

    def _passed(self, batch: list[Event]) -> list[Event]:
        """Those of `batch` that may leave; the others are held. All are looked at. A failure is always the last."""
        look, held, passed = self._look, self._held, []
        for event in batch:
            if event.raw:
                look(event.raw)
            if held and event.kind in CONTENT:  # what finished was one of several choices, and not the answer
                passed += held
                held.clear()
            if not held and event.kind not in TERMINAL:
                passed.append(event)
            elif len(held) < MAX_HELD_EVENTS or event.kind in TERMINAL:
                held.append(event)
        return passed


class _NoHold:
    """The hold of a request that no budget binds."""

    accounts: tuple[int, ...] = ()

    async def cover(self, nano: int) -> None:
        """Nothing binds the request."""

    def spend(self, cost_nano: int, covered_nano: int) -> None:
        """Nothing was set aside."""


NO_HOLD: Final[Hold] = _NoHold()
