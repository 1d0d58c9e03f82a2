"""Admission: who is within rates and budgets goes on, with money held; everyone else is told why and until when."""

from collections.abc import Sequence
from types import TracebackType
from typing import Final

from headgate.catalog.bounds import bound, estimate
from headgate.catalog.catalog import candidates
from headgate.domain.call import Request
from headgate.domain.money import decimal_usd
from headgate.domain.policy import Candidate, Spread
from headgate.domain.principal import Allowance
from headgate.domain.rates import RateWindow
from headgate.domain.refusal import Refusal
from headgate.journal.record import Record
from headgate.kit.clock import Clock
from headgate.limits.accounts import Account, key_of
from headgate.limits.hold import BudgetHold
from headgate.limits.leases import Figures, Leases, Short
from headgate.limits.rates import Counters, Taken
from headgate.limits.refusals import over_budget, over_rate
from headgate.storage.counters.rates import REQUESTS, TOKENS, Full, RateScope

MAX_BINDINGS: Final = 16_384
"""Callers whose limits are kept at hand."""
_NEVER_MS: Final = 1 << 62


class _Binding:
    """What binds one caller: the scopes of its rates and the accounts of its budgets."""

    __slots__ = ("accounts", "allowances", "limited", "scopes", "until_ms")

    def __init__(self, allowances: tuple[Allowance, ...], accounts: tuple[Account, ...]) -> None:
        self.allowances = allowances  # keeps them alive, for the binding is found by their identity
        self.accounts = accounts
        self.limited = tuple(allowance for allowance in allowances if _limits_rates(allowance))
        self.scopes = tuple(_rate_scope(allowance) for allowance in self.limited)
        self.until_ms = min((account.end_ms for account in accounts), default=_NEVER_MS)


class Limits:
    """Rates, budgets and what is held of them.

    Args:
        counters: where rates are counted.
        leases: the budgets of this worker.
        clock: for the calendar periods of budgets.
    """

    def __init__(self, counters: Counters, leases: Leases, clock: Clock) -> None:
        self._counters = counters
        self._leases = leases
        self._clock = clock
        self._bindings: dict[tuple[int, ...], _Binding] = {}

    def admit(self, record: Record) -> "Admission":
        """A block in which `record`'s call is within its limits and its money is held; it gives the request.

        Entering raises:
            Refusal: `rate_limited`, `budget_exceeded`, why the body could not be read, `model_not_found`, or
                `estimate_exceeds_budget`; the first that applies, in this order.
        """
        return Admission(record, self._binding(record), self._counters, self._leases, self._clock)

    def recalled(self) -> None:
        """Another worker lacks money (a notice on `store.CHANNEL`): give back what is free."""
        self._leases.recalled()

    async def run(self) -> None:
        """Give idle leases back for as long as the worker lives."""
        await self._leases.run()

    async def close(self) -> None:
        """Give all leases back that are not held."""
        await self._leases.close()

    def figures(self) -> Figures:
        """What is leased and held, for health and metrics."""
        return self._leases.figures()

    def _binding(self, record: Record) -> _Binding:
        assert record.principal is not None, "a caller is known before it is admitted"
        allowances = record.principal.allowances
        key = tuple([id(allowance) for allowance in allowances])
        binding = self._bindings.get(key)
        now_ms = self._clock.now_ms()
        if binding is None or now_ms >= binding.until_ms:
            accounts = self._accounts(allowances, record.subject.team, now_ms)
            if len(self._bindings) >= MAX_BINDINGS:
                del self._bindings[next(iter(self._bindings))]
            self._bindings[key] = binding = _Binding(allowances, accounts)
        return binding

    def _accounts(self, allowances: tuple[Allowance, ...], team: int, now_ms: int) -> tuple[Account, ...]:
        accounts = []
        for allowance in allowances:
            for budget in allowance.budgets:
                key, end_ms = key_of(allowance, budget, now_ms)
                accounts.append(self._leases.account(key, end_ms, team, allowance, budget.nano))
        return tuple(accounts)


class Admission:
    """One call's stay within its limits."""

    __slots__ = ("_binding", "_clock", "_counters", "_hold", "_leases", "_record", "_taken")

    def __init__(self, record: Record, binding: _Binding, counters: Counters, leases: Leases, clock: Clock) -> None:
        self._record = record
        self._binding = binding
        self._counters = counters
        self._leases = leases
        self._clock = clock
        self._taken: Taken | None = None
        self._hold: BudgetHold | None = None

    async def __aenter__(self) -> Request:
        record, binding = self._record, self._binding
        body = record.call.body
        if binding.scopes:
            await self._take(estimate(body) if isinstance(body, Request) else 0)
        try:
            request, nano = await self._bounded()
            if binding.accounts:
                await self._cover(nano)
        except BaseException:
            if self._taken is not None:
                self._counters.undo(self._taken)
            raise
        record.step("admit", self._said(nano))
        return request

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._hold is not None:
            self._hold.end()
        if self._taken is not None:
            usage = self._record.usage()
            self._counters.close(self._taken, usage.input_tokens + usage.output_tokens)

    async def _take(self, tokens: int) -> None:
        taken = await self._counters.take(self._binding.scopes, tokens)
        if isinstance(taken, Full):
            raise over_rate(taken, self._binding.limited[taken.scope], self._clock.now_ms())
        self._taken = taken
        windows = []
        if (room := taken.requests_room) is not None:
            windows.append(RateWindow(REQUESTS, room.limit, room.remaining, room.reset_ns // 1_000_000))
        if (room := taken.tokens_room) is not None:
            windows.append(RateWindow(TOKENS, room.limit, room.remaining, room.reset_ns // 1_000_000))
        self._record.windows = tuple(windows)

    async def _bounded(self) -> tuple[Request, int]:
        """The request, and the most that its first attempt can cost; a spent budget is said before its mistakes."""
        record = self._record
        assert record.use_case is not None, "a call is permitted before it is admitted"
        body = record.call.body
        try:
            if record.mistake is not None:
                raise record.mistake
            assert isinstance(body, Request), "a body that could not be read is the call's mistake"
            return body, _least_bound(body, candidates(record.policy, record.use_case, body.model))
        except Refusal:
            await self._refuse_if_spent()
            raise

    async def _cover(self, nano: int) -> None:
        accounts = self._binding.accounts
        if not self._leases.hold_now(accounts, nano):
            try:
                await self._leases.hold(accounts, nano)
            except Short as short:
                raise over_budget(short, nano, self._clock.now_ms()) from None
        self._hold = BudgetHold(self._leases, accounts, nano, self._clock)
        self._record.hold = self._hold

    async def _refuse_if_spent(self) -> None:
        """Refuse where a budget has nothing left at all; where that cannot be found out, it is not said."""
        accounts = self._binding.accounts
        if not accounts:
            return
        try:
            await self._leases.hold(accounts, 1)
        except Short as short:
            if not short.away and short.account.used >= short.account.cap:
                raise over_budget(short, 1, self._clock.now_ms()) from None
        else:
            self._leases.free(accounts, 1)

    def _said(self, nano: int) -> str:
        binding = self._binding
        if not binding.accounts:
            return f"within the rates of {len(binding.scopes)} scopes; no budget binds the call"
        held = f"{decimal_usd(nano)} USD held in {len(binding.accounts)} budgets"
        return f"within the rates of {len(binding.scopes)} scopes; {held}"


def _least_bound(request: Request, found: Sequence[Candidate]) -> int:
    """The most that the attempt which comes first can cost, in nano-USD; spread by cost, the cheapest comes first."""
    first = found[0]
    if first.spread is not Spread.COST:
        return bound(request, first.deployment).nano
    return min(bound(request, one.deployment).nano for one in found if one.model == first.model)


def _limits_rates(allowance: Allowance) -> bool:
    limits = allowance.limits
    return limits.requests_per_minute is not None or limits.tokens_per_minute is not None or limits.parallel is not None


def _rate_scope(allowance: Allowance) -> RateScope:
    limits = allowance.limits
    key = f"{allowance.kind}:{allowance.key}"
    return RateScope(key, limits.requests_per_minute, limits.tokens_per_minute, limits.parallel)
