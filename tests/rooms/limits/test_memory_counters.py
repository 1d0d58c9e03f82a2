"""Rates in process: exact, together or not at all, and like a reference model on any history."""

import math
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.kit.clock import ManualClock
from headgate.storage.counters.memory import MemoryCounters, Taken
from headgate.storage.counters.rates import CONCURRENCY, MINUTE_NS, REQUESTS, TOKENS, Full, RateScope

SLACK = Fraction(1, 1_000)
"""The share of one request that rounding to whole nanoseconds may come to."""


class Model:
    """A leaky bucket for each limit, in exact fractions: it fills by what is taken, and drains in a minute."""

    def __init__(self) -> None:
        self.filled: dict[tuple[str, str], tuple[Fraction, int]] = {}
        self.active: dict[str, int] = {}

    def level(self, key: tuple[str, str], limit: int, now: int) -> Fraction:
        level, at = self.filled.get(key, (Fraction(0), now))
        return max(Fraction(0), level - Fraction((now - at) * limit, MINUTE_NS))

    def fits(self, scope: RateScope, tokens: int, now: int) -> bool:
        if scope.requests is not None and self.level((scope.key, REQUESTS), scope.requests, now) + 1 > (
            scope.requests + SLACK
        ):
            return False
        if scope.tokens is not None:
            counted = min(tokens, scope.tokens) if scope.tokens else 1
            if self.level((scope.key, TOKENS), scope.tokens, now) + counted > scope.tokens + SLACK:
                return False
        return scope.parallel is None or self.active.get(scope.key, 0) < scope.parallel

    def take(self, scope: RateScope, tokens: int, now: int) -> None:
        self.active[scope.key] = self.active.get(scope.key, 0) + 1
        if scope.requests is not None:
            self.add((scope.key, REQUESTS), scope.requests, 1, now)
        if scope.tokens is not None:
            self.add((scope.key, TOKENS), scope.tokens, min(tokens, scope.tokens), now)

    def add(self, key: tuple[str, str], limit: int, amount: int, now: int) -> None:
        self.filled[key] = (self.level(key, limit, now) + amount, now)


scopes = st.lists(
    st.builds(
        RateScope,
        st.sampled_from(["team:1", "project:1", "user:1", "key:1"]),
        st.sampled_from([None, 0, 1, 3, 7, 60]),
        st.sampled_from([None, 0, 10, 100, 777]),
        st.sampled_from([None, 0, 1, 3]),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda scope: scope.key,
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(0, 200)),
        st.tuples(st.just("wait"), st.integers(0, 90)),
        st.tuples(st.just("close"), st.integers(0, 300)),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(scopes, steps)
async def test_a_history_is_decided_as_the_model_decides_it(
    bound_by: list[RateScope], history: list[tuple[str, int]]
) -> None:
    clock, model = ManualClock(), Model()
    counters = MemoryCounters(clock)
    under_way: list[tuple[Taken, int]] = []
    for act, amount in history:
        now = clock.monotonic_ns()
        if act == "wait":
            clock.advance(amount)
        elif act == "close" and under_way:
            taken, estimated = under_way.pop(0)
            used = max(amount, estimated)
            counters.close(taken, used)
            for scope in bound_by:
                model.active[scope.key] -= 1
                if scope.tokens:
                    more = used - min(estimated, scope.tokens)
                    model.add((scope.key, TOKENS), scope.tokens, more, now)
        elif act == "take":
            found = await counters.take(bound_by, amount)
            assert isinstance(found, Taken) == all(model.fits(scope, amount, now) for scope in bound_by)
            if isinstance(found, Taken):
                under_way.append((found, amount))
                for scope in bound_by:
                    model.take(scope, amount, now)


@settings(max_examples=100, deadline=None)
@given(scopes, st.lists(st.tuples(st.integers(0, 20), st.integers(0, 50)), max_size=40), st.integers(0, 50))
async def test_a_call_is_taken_after_exactly_retry_and_not_a_nanosecond_before(
    bound_by: list[RateScope], before: list[tuple[int, int]], tokens: int
) -> None:
    bound_by = [scope._replace(parallel=None) for scope in bound_by if scope.requests != 0 and scope.tokens != 0]
    clock = ManualClock()
    counters = MemoryCounters(clock)
    for wait, amount in before:
        clock.advance(wait)
        await counters.take(bound_by, amount)
    found = await counters.take(bound_by, tokens)
    if isinstance(found, Full):
        clock._elapsed_ns += found.retry_ns - 1
        assert isinstance(await counters.take(bound_by, tokens), Full)
        clock._elapsed_ns += 1
        assert isinstance(await counters.take(bound_by, tokens), Taken)


async def test_a_burst_of_one_minutes_allowance_passes_and_the_next_call_waits_for_its_share() -> None:
    counters = MemoryCounters(ManualClock())
    scope = [RateScope("team:1", 100, None, None)]
    for _ in range(100):
        assert isinstance(await counters.take(scope, 1), Taken)
    assert await counters.take(scope, 1) == Full(0, REQUESTS, 100, 100, 600_000_000, 60_000_000_000)


async def test_a_refusal_by_one_scope_counts_in_none() -> None:
    counters = MemoryCounters(ManualClock())
    wide, narrow = RateScope("team:1", 2, None, None), RateScope("key:1", 1, None, None)
    assert isinstance(await counters.take([wide, narrow], 1), Taken)
    assert isinstance(await counters.take([wide, narrow], 1), Full)
    assert isinstance(await counters.take([wide], 1), Taken)


async def test_slots_are_freed_once_however_often_a_call_is_closed() -> None:
    counters = MemoryCounters(ManualClock())
    scope = [RateScope("team:1", None, None, 2)]
    first, second = await counters.take(scope, 1), await counters.take(scope, 1)
    assert isinstance(first, Taken)
    assert isinstance(second, Taken)
    full = await counters.take(scope, 1)
    assert isinstance(full, Full)
    assert (full.kind, full.limit, full.used) == (CONCURRENCY, 2, 2)
    counters.close(first, 1)
    counters.close(first, 1)
    assert isinstance(await counters.take(scope, 1), Taken)
    assert isinstance(await counters.take(scope, 1), Full)


async def test_tokens_are_corrected_to_what_was_used() -> None:
    clock = ManualClock()
    counters = MemoryCounters(clock)
    scope = [RateScope("team:1", None, 100, None)]
    first = await counters.take(scope, 10)
    assert isinstance(first, Taken)
    counters.close(first, 90)
    assert isinstance(await counters.take(scope, 11), Full)
    second = await counters.take(scope, 10)
    assert isinstance(second, Taken)
    counters.close(second, 0)
    assert isinstance(await counters.take(scope, 10), Taken)


async def test_an_estimate_that_time_has_given_back_is_not_given_back_again() -> None:
    clock = ManualClock()
    counters = MemoryCounters(clock)
    scope = [RateScope("team:1", None, 100, None)]
    slow = await counters.take(scope, 100)
    clock.advance(60)
    await counters.take(scope, 100)
    assert isinstance(slow, Taken)
    counters.close(slow, 0)
    assert isinstance(await counters.take(scope, 1), Full)


async def test_an_undone_call_leaves_no_trace() -> None:
    counters = MemoryCounters(ManualClock())
    scope = [RateScope("team:1", 1, 10, 1)]
    for _ in range(3):
        taken = await counters.take(scope, 10)
        assert isinstance(taken, Taken)
        assert taken.requests_room is not None
        assert taken.requests_room.remaining == 0
        counters.undo(taken)


async def test_scopes_that_are_wholly_free_are_forgotten_above_the_bound_and_others_never() -> None:
    clock = ManualClock()
    counters = MemoryCounters(clock, max_scopes=10)
    busy = [RateScope("team:busy", None, None, 1)]
    assert isinstance(await counters.take(busy, 1), Taken)
    for number in range(100):
        taken = await counters.take([RateScope(f"key:{number}", 60, None, None)], 1)
        assert isinstance(taken, Taken)
        counters.close(taken, 1)
        clock.advance(1.1)
    assert len(counters) <= 12
    assert isinstance(await counters.take(busy, 1), Full)


async def test_the_tightest_limit_is_the_one_shown() -> None:
    counters = MemoryCounters(ManualClock())
    taken = await counters.take([RateScope("team:1", 100, 1_000, None), RateScope("key:1", 5, None, None)], 100)
    assert isinstance(taken, Taken)
    assert taken.requests_room is not None
    assert (taken.requests_room.limit, taken.requests_room.remaining) == (5, 4)
    assert taken.tokens_room is not None
    assert (taken.tokens_room.limit, taken.tokens_room.remaining) == (1_000, 900)
    assert math.isclose(taken.tokens_room.reset_ns, 6e9)
