"""Admission as a call meets it: the order of refusals, what they say, and what is left when the call ends."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.rooms.limits.worlds import BOUND, DEPLOYMENT, Frames, allowance, books, incarnation, record, request

from headgate.domain.answer import Basis, Outcome
from headgate.domain.call import Purpose
from headgate.domain.money import Budget
from headgate.domain.principal import Limits as RateLimits
from headgate.domain.principal import ScopeKind
from headgate.domain.refusal import Refusal
from headgate.domain.usage import Usage
from headgate.journal.record import NO_HOLD
from headgate.kit.clock import ManualClock
from headgate.limits.leases import Leases
from headgate.limits.limits import Limits
from headgate.limits.store import settle
from headgate.storage.counters.memory import MemoryCounters
from headgate.storage.postgres.database import Database

JAN_2027_MS = 1_800_000_000_000  # 2027-01-15T08:00:00Z


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(JAN_2027_MS)


@pytest.fixture
async def number(database: Database) -> str:
    return await incarnation(database)


@pytest.fixture
async def limits(database: Database, number: str, clock: ManualClock) -> AsyncIterator[Limits]:
    leases = Leases(database, number, clock)
    yield Limits(MemoryCounters(clock), leases, clock)
    await leases.close()


async def refused(limits: Limits, opened: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        async with limits.admit(opened):  # type: ignore[arg-type]
            pass
    return caught.value


async def test_a_call_that_nothing_binds_is_let_in_without_a_hold(limits: Limits, clock: ManualClock) -> None:
    opened = record(clock, [allowance()])
    async with limits.admit(opened) as asked:
        assert asked is opened.call.body
        assert opened.hold is NO_HOLD
    assert opened.windows == ()
    assert [step.name for step in opened.steps] == ["admit"]


async def test_the_hundred_and_first_call_of_a_burst_is_told_exactly_when_to_come_back(
    limits: Limits, clock: ManualClock
) -> None:
    team = allowance(limits=RateLimits(requests_per_minute=100), owner="lead@example.org")
    for _ in range(100):
        async with limits.admit(record(clock, [team])):
            pass
    refusal = await refused(limits, record(clock, [team]))
    assert (refusal.code, refusal.status, refusal.retry_after_s) == ("rate_limited", 429, 0.6)
    assert refusal.details == {
        "scope": "team:team-1",
        "limit": 100,
        "used": 100,
        "resets_at": "2027-01-15T08:01:00Z",
        "owner": "lead@example.org",
        "limited_by": "requests",
    }
    assert refusal.sentence == (
        "The team 'team-1' may have 100 requests a minute and has made 100; try again in 0.6 s, "
        "or ask lead@example.org for a higher limit."
    )


async def test_a_slot_is_taken_while_the_call_runs_and_free_when_it_ended(limits: Limits, clock: ManualClock) -> None:
    key = allowance(ScopeKind.KEY, limits=RateLimits(parallel=1))
    async with limits.admit(record(clock, [key])):
        assert (await refused(limits, record(clock, [key]))).details["limited_by"] == "concurrency"
    async with limits.admit(record(clock, [key])):
        pass


async def test_tokens_are_corrected_by_what_the_answer_used(limits: Limits, clock: ManualClock) -> None:
    team = allowance(limits=RateLimits(tokens_per_minute=1_000))
    opened = record(clock, [team])
    async with limits.admit(opened):
        assert [(window.kind, window.limit, window.remaining) for window in opened.windows] == [("tokens", 1_000, 999)]
        attempt = opened.attempt(Purpose.ANSWER, "m", DEPLOYMENT, 0)
        attempt.close(Usage(600, 400), Basis.REPORTED, Outcome.ANSWERED)
    assert (await refused(limits, record(clock, [team]))).details["limited_by"] == "tokens"


async def test_a_call_holds_its_bound_and_in_the_end_only_its_cost_is_spent(
    database: Database, number: str, limits: Limits, clock: ManualClock
) -> None:
    scopes = [
        allowance(budgets=[Budget(10 * BOUND, "month"), Budget(5 * BOUND, "day")]),
        allowance(ScopeKind.KEY, [Budget(3 * BOUND, "day")]),
    ]
    frames = Frames()
    with record(clock, scopes, frames=frames) as opened:
        async with limits.admit(opened):
            assert len(opened.hold.accounts) == 3
            assert limits.figures().held == 3 * BOUND
            await opened.hold.cover(BOUND)
            assert limits.figures().held == 3 * BOUND
            attempt = opened.attempt(Purpose.ANSWER, "m", DEPLOYMENT, BOUND)
            attempt.close(Usage(10, 10), Basis.REPORTED, Outcome.ANSWERED)
            await opened.hold.cover(BOUND)
            assert limits.figures().held == 3 * BOUND
    assert limits.figures().held == 0
    async with database.system() as connection:
        await settle(connection, number, frames.closes())
    await limits.close()
    assert [(spent, leased) for _, _, spent, leased, _ in await books(database)] == [(20_000, 0)] * 3


async def test_a_second_attempt_that_does_not_fit_is_refused_and_the_call_still_ends_clean(
    limits: Limits, clock: ManualClock
) -> None:
    opened = record(clock, [allowance(budgets=[Budget(BOUND, "day")])])
    async with limits.admit(opened):
        await opened.hold.cover(BOUND)
        attempt = opened.attempt(Purpose.ANSWER, "m", DEPLOYMENT, BOUND)
        attempt.close(Usage(1, 0), Basis.REPORTED, Outcome.FAILED)
        with pytest.raises(Refusal) as caught:
            await opened.hold.cover(BOUND)
        assert caught.value.code == "estimate_exceeds_budget"
    assert limits.figures().held == 0


async def test_a_bound_that_does_not_fit_is_refused_with_what_is_left(limits: Limits, clock: ManualClock) -> None:
    team = allowance(budgets=[Budget(BOUND - 1, "day")], owner="lead@example.org")
    refusal = await refused(limits, record(clock, [team]))
    assert (refusal.code, refusal.status) == ("estimate_exceeds_budget", 402)
    assert refusal.sentence == (
        "This call may cost up to 0.001064 USD, but only 0.001063999 USD of the 0.001063999 USD/day budget of "
        "team 'team-1' is neither spent nor held for calls under way; lower the output limit (max_tokens), shorten "
        "the request, or ask lead@example.org to raise the budget, which starts anew at 2027-01-16T00:00:00Z."
    )


async def test_a_spent_budget_is_refused_before_the_requests_own_mistakes(limits: Limits, clock: ManualClock) -> None:
    team = allowance(budgets=[Budget(BOUND, "day")])
    opened = record(clock, [team])
    async with limits.admit(opened):
        await opened.hold.cover(BOUND)
        attempt = opened.attempt(Purpose.ANSWER, "m", DEPLOYMENT, BOUND)
        attempt.close(Usage(), Basis.RESERVED, Outcome.FAILED)
    for body in (Refusal("invalid_request", "No."), request(model="unknown"), request()):
        refusal = await refused(limits, record(clock, [team], body))
        assert refusal.code == "budget_exceeded"
    assert refusal.details == {
        "scope": "team:team-1",
        "limit": "0.001064 USD/day",
        "used": "0.001064 USD",
        "resets_at": "2027-01-16T00:00:00Z",
        "owner": None,
        "limit_nano_usd": BOUND,
        "used_nano_usd": BOUND,
    }
    clock.advance(86_400)
    async with limits.admit(record(clock, [team])):
        pass


async def test_a_mistake_is_told_within_the_budget_and_after_the_rates(limits: Limits, clock: ManualClock) -> None:
    wrong = Refusal("invalid_request", "No.")
    team = allowance(limits=RateLimits(requests_per_minute=1), budgets=[Budget(BOUND, "day")])
    for _ in range(3):  # a refused call costs nothing
        assert (await refused(limits, record(clock, [team], wrong))) is wrong
    assert (await refused(limits, record(clock, [team], request(model="unknown")))).code == "model_not_found"
    async with limits.admit(record(clock, [team])):
        pass
    assert (await refused(limits, record(clock, [team], wrong))).code == "rate_limited"


async def test_a_caller_who_leaves_leaves_nothing_behind(limits: Limits, clock: ManualClock) -> None:
    team = allowance(limits=RateLimits(parallel=1), budgets=[Budget(100 * BOUND, "day")])
    inside = asyncio.Event()

    async def call() -> None:
        async with limits.admit(record(clock, [team])):
            inside.set()
            await asyncio.Event().wait()

    for _ in range(2):
        inside.clear()
        task = asyncio.create_task(call())
        await inside.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert limits.figures().held == 0


async def test_without_postgresql_a_call_that_nothing_was_leased_for_is_told_so(
    database: Database, limits: Limits, clock: ManualClock
) -> None:
    await database.close()
    refusal = await refused(limits, record(clock, [allowance(budgets=[Budget(100 * BOUND, "day")])]))
    assert (refusal.status, refusal.retry_after_s) == (402, 5.0)
    assert refusal.sentence.startswith("PostgreSQL is away")
