"""Leases of money: caps hold, refusals are exact, and all is settled in the end, on a real PostgreSQL."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.rooms.limits.worlds import account, books, closed, incarnation

from headgate.domain.principal import ScopeKind
from headgate.kit.clock import ManualClock
from headgate.limits.accounts import Account, period_ms
from headgate.limits.leases import Leases, Short
from headgate.limits.store import CHANNEL, Ask, agreed, release, settle
from headgate.storage.postgres.connecting import Connection
from headgate.storage.postgres.database import Database


async def opened(database: Database, clock: ManualClock) -> tuple[Leases, str]:
    number = await incarnation(database)
    return Leases(database, number, clock), number


async def held(leases: Leases, accounts: list[Account], nano: int) -> bool:
    try:
        await leases.hold(accounts, nano)
    except Short:
        return False
    return True


async def project(database: Database, number: str, accounts: list[Account], costs: list[int]) -> None:
    async with database.system() as connection:
        await settle(connection, number, [closed(accounts, cost) for cost in costs])


async def test_a_thousand_concurrent_calls_against_room_for_fifty_let_exactly_fifty_pass(database: Database) -> None:
    clock = ManualClock()
    leases, _ = await opened(database, clock)
    team = account(leases, clock, 50 * 100 + 99)
    passed = await asyncio.gather(*(held(leases, [team], 100) for _ in range(1_000)))
    assert sum(passed) == 50
    assert leases.trips < 10


class Broken:
    """A database whose first trip, once let go, ends with a mistake that is not the database's."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    @asynccontextmanager
    async def system(self) -> AsyncIterator[Connection]:
        await self.go.wait()
        raise ZeroDivisionError("a mistake of ours")
        yield


async def test_a_trip_that_fails_by_our_own_mistake_leaves_nobody_waiting() -> None:
    clock, database = ManualClock(), Broken()
    leases = Leases(database, "", clock)
    team = account(leases, clock, 1_000)
    first = asyncio.create_task(leases.hold([team], 1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second = asyncio.create_task(leases.hold([team], 1))  # comes while the trip is under way
    await asyncio.sleep(0)
    database.go.set()
    async with asyncio.timeout(5):
        for waiting in (first, second):
            with pytest.raises(ZeroDivisionError):
                await waiting
    assert team.held == 0


async def test_a_refusal_comes_only_when_spent_and_holds_and_bound_pass_the_cap(database: Database) -> None:
    clock, chance = ManualClock(), random.Random(7)
    leases, number = await opened(database, clock)
    team = account(leases, clock, 10_000)
    spent, holds, refused = 0, [], 0
    for _ in range(400):
        bound = chance.randint(0, 900)
        fits = spent + sum(holds) + bound <= 10_000
        assert await held(leases, [team], bound) == fits
        if fits:
            holds.append(bound)
        refused += not fits
        if holds and chance.random() < 0.6:
            covered = holds.pop(chance.randrange(len(holds)))
            cost = chance.randint(0, covered // 4)
            leases.spend([team], cost, covered)
            spent += cost
            if chance.random() < 0.5:
                await project(database, number, [team], [cost])
        if chance.random() < 0.1:
            await leases.tidy()
    assert refused > 10


async def test_an_excess_over_a_bound_is_booked_and_counts_against_the_cap(database: Database) -> None:
    clock = ManualClock()
    leases, number = await opened(database, clock)
    team = account(leases, clock, 1_000)
    await leases.hold([team], 100)
    leases.spend([team], 300, 100)
    await project(database, number, [team], [300])
    assert leases.figures().excess == 200
    assert await held(leases, [team], 700)
    assert not await held(leases, [team], 1)
    leases.spend([team], 700, 700)
    await project(database, number, [team], [700])
    assert await books(database) == [(team.id, 1_000, 1_000, 0, 0)]


async def test_idle_chunks_come_back_by_tidying_and_at_the_end(database: Database) -> None:
    clock = ManualClock()
    leases, _ = await opened(database, clock)
    team = account(leases, clock, 1_000_000)
    await leases.hold([team], 10)
    assert (await books(database))[0][3] > 10
    await leases.tidy()
    assert (await books(database))[0][3] > 10
    await leases.tidy()
    assert (await books(database))[0][3] == 10
    leases.free([team], 10)
    await leases.close()
    assert (await books(database))[0][3] == 0


async def test_what_one_worker_leases_but_does_not_hold_is_recalled_for_another(database: Database) -> None:
    clock = ManualClock()
    first, _ = await opened(database, clock)
    second, _ = await opened(database, clock)
    theirs, ours = account(first, clock, 1_000), account(second, clock, 1_000)
    await first.hold([theirs], 900)
    first.free([theirs], 900)
    database.listen(CHANNEL, first.recalled)
    assert await held(second, [ours], 950)
    assert not await held(first, [theirs], 100)


async def test_a_dead_workers_lease_is_freed_once_its_journal_is_settled(database: Database) -> None:
    clock = ManualClock()
    dead, number = await opened(database, clock)
    team = account(dead, clock, 1_000)
    await dead.hold([team], 600)
    await project(database, number, [team], [200])
    survivor, _ = await opened(database, clock)
    ours = account(survivor, clock, 1_000)
    assert not await held(survivor, [ours], 801)
    async with database.system() as connection:
        await release(connection, number)
    assert await held(survivor, [ours], 800)


async def test_a_changed_cap_is_in_force_with_the_next_call(database: Database) -> None:
    clock = ManualClock()
    leases, _ = await opened(database, clock)
    team = account(leases, clock, 1_000_000)
    assert await held(leases, [team], 100)
    account(leases, clock, 150)
    assert not await held(leases, [team], 51)
    assert await held(leases, [team], 50)
    account(leases, clock, 200)
    assert await held(leases, [team], 50)
    assert (await books(database))[0][1:4] == (200, 0, 200)


async def test_scopes_in_opposite_order_do_not_deadlock(database: Database) -> None:
    clock = ManualClock()
    workers = [await opened(database, clock) for _ in range(2)]
    pairs = []
    for leases, _ in workers:
        team = account(leases, clock, 100_000)
        pairs.append([team, account(leases, clock, 100_000, kind=ScopeKind.PROJECT)])
    pairs[1].reverse()

    async def busy(leases: Leases, number: str, pair: list[Account]) -> None:
        for _ in range(15):
            await leases.hold(pair, 1_500)
            leases.spend(pair, 1_000, 1_500)
            await project(database, number, pair, [1_000])
            await leases.tidy()
            await leases.tidy()

    await asyncio.gather(*(busy(leases, number, pair) for (leases, number), pair in zip(workers, pairs, strict=True)))
    assert [row[2] for row in await books(database)] == [30_000, 30_000]


@pytest.mark.parametrize("turns", range(12))
async def test_a_call_that_is_cancelled_anywhere_leaves_nothing_held(database: Database, turns: int) -> None:
    clock = ManualClock()
    leases, _ = await opened(database, clock)
    team = account(leases, clock, 1_000_000)
    call = asyncio.create_task(leases.hold([team], 100))
    for _ in range(turns):
        await asyncio.sleep(0)
    call.cancel()
    result = (await asyncio.gather(call, return_exceptions=True))[0]
    assert team.held == (100 if result is None else 0)
    leases.free([team], team.held)
    await leases.close()
    assert all(row[3] == 0 for row in await books(database))


async def test_a_call_cancelled_between_its_answer_and_its_waking_gives_its_hold_back(database: Database) -> None:
    clock = ManualClock()
    leases, _ = await opened(database, clock)
    team = account(leases, clock, 1_000_000)

    async def first_to_wake() -> None:
        await leases.hold([team], 100)
        second.cancel()

    first = asyncio.create_task(first_to_wake())
    second = asyncio.create_task(leases.hold([team], 100))  # answered in the same step of the trip
    results = await asyncio.gather(first, second, return_exceptions=True)
    assert isinstance(results[1], asyncio.CancelledError)
    assert team.held == 100


async def test_without_postgresql_a_worker_spends_what_it_has_leased_and_says_why_it_refuses(
    database: Database,
) -> None:
    clock = ManualClock()
    leases, _ = await opened(database, clock)
    team = account(leases, clock, 10_000)
    await leases.hold([team], 100)
    leases.free([team], 100)
    free = team.free
    await database.close()
    with pytest.raises(Short) as short:
        await leases.hold([team], free + 1)
    assert short.value.away
    assert leases.figures().away
    await leases.hold([team], free)
    await leases.tidy()
    assert team.held == free


async def test_a_month_begins_with_the_whole_budget_again(database: Database) -> None:
    clock = ManualClock()
    leases, _ = await opened(database, clock)
    before = account(leases, clock, 1_000)
    assert await held(leases, [before], 1_000)
    clock.advance((before.end_ms - clock.now_ms()) / 1000 + 1)
    after = account(leases, clock, 1_000)
    assert after is not before
    assert await held(leases, [after], 1_000)
    leases.spend([before], 1_000, 1_000)
    await leases.tidy()
    assert leases.figures().accounts == 1


def test_periods_are_calendar_days_and_months_in_utc() -> None:
    leap_day = 1_709_210_096_000  # 2024-02-29 12:34:56
    assert period_ms("day", leap_day) == (1_709_164_800_000, 1_709_251_200_000)
    assert period_ms("month", leap_day) == (1_706_745_600_000, 1_709_251_200_000)


@given(
    st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**5), st.integers(1, 10**4)
)
def test_a_grant_never_passes_the_cap_and_falls_short_only_with_no_room_left(
    for_us: int, granted: int, settled: int, least: int, one_call: int
) -> None:
    given_back, taken = agreed(Ask(0, 0, False, least, one_call), for_us, granted, settled)
    holds_before, holds = max(0, granted - settled), max(0, granted + taken - settled)
    assert given_back == 0
    assert holds <= max(for_us, holds_before)
    assert taken >= least or holds >= for_us


plan = st.lists(
    st.tuples(
        st.sampled_from(["hold", "hold", "hold", "hold", "close", "close", "project", "tidy", "die"]),
        st.integers(0, 2),
        st.integers(1, 900),
    ),
    min_size=15,
    max_size=40,
)
numbers = itertools.count(1)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan)
async def test_any_history_of_three_workers_keeps_the_caps_and_ends_settled(
    database: Database, history: list[tuple[str, int, int]]
) -> None:
    """Each example uses scopes of its own in the same database."""
    clock, scope, total = ManualClock(), next(numbers), 0
    workers = [Worker(database, await incarnation(database), clock, scope) for _ in range(3)]
    for act, place, amount in history:
        worker = workers[place]
        if act == "hold":
            others = sum(sum(one.holds) for one in workers) + total
            assert await worker.hold(amount) <= (others + amount <= SMALLER_CAP)
        elif act == "close":
            total += worker.close(amount)
        elif act == "project":
            await worker.project()
        elif act == "tidy":
            await worker.leases.tidy()
        else:
            total += await worker.die()
            workers[place] = Worker(database, await incarnation(database), clock, scope)
        for _, cap, spent, leased, of_leases in await books(database):
            assert leased == of_leases
            assert spent + leased <= cap
    for worker in workers:
        while worker.holds:
            total += worker.close(1)
        await worker.project()
        await worker.leases.close()
    own = {one.id for worker in workers for one in worker.accounts}
    assert all((row[2], row[3]) == (total, 0) for row in await books(database) if row[0] in own)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan)
async def test_one_worker_refuses_exactly_what_does_not_fit_whatever_came_before(
    database: Database, history: list[tuple[str, int, int]]
) -> None:
    worker, total = Worker(database, await incarnation(database), ManualClock(), next(numbers)), 0
    for act, _, amount in history:
        if act == "hold":
            fits = total + sum(worker.holds) + amount <= SMALLER_CAP
            assert await worker.hold(amount) == fits
        elif act == "close":
            total += worker.close(amount)
        elif act == "project":
            await worker.project()
        elif act == "tidy":
            await worker.leases.tidy()


SMALLER_CAP = 2_000


class Worker:
    """A worker that holds, spends and projects on two accounts of different caps."""

    def __init__(self, database: Database, number: str, clock: ManualClock, scope: int) -> None:
        self.database = database
        self.leases = Leases(database, number, clock, recall_wait_s=0.001)
        self.number = number
        team = account(self.leases, clock, SMALLER_CAP + 500, key=scope)
        self.accounts = [team, account(self.leases, clock, SMALLER_CAP, key=scope, kind=ScopeKind.KEY)]
        self.holds: list[int] = []
        self.unprojected: list[int] = []

    async def hold(self, nano: int) -> bool:
        fits = await held(self.leases, self.accounts, nano)
        if fits:
            self.holds.append(nano)
        return fits

    def close(self, amount: int) -> int:
        if not self.holds:
            return 0
        covered = self.holds.pop(0)
        cost = min(amount, covered)
        self.leases.spend(self.accounts, cost, covered)
        self.unprojected.append(cost)
        return cost

    async def project(self) -> None:
        costs, self.unprojected = self.unprojected, []
        await project(self.database, self.number, self.accounts, costs)

    async def die(self) -> int:
        """Go without a word; the journal charges what was open as reserved, and the lease is released."""
        self.unprojected += self.holds
        await self.project()
        async with self.database.system() as connection:
            await release(connection, self.number)
        return sum(self.holds)
