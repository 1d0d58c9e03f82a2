"""Load over a model's deployments: by weight, latency and cost; the chain's order of models always stays."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.call import Request, WireFormat
from headgate.domain.money import Price
from headgate.domain.policy import Candidate, Deployment, Spread
from headgate.domain.prompt import Prompt
from headgate.kit.clock import ManualClock
from headgate.pool.breaker import Breaker
from headgate.pool.spread import spread
from headgate.pool.standing import Standing
from headgate.pool.states import provider_state

ASK = Request(WireFormat.NATIVE, b"{}", lambda _: Prompt(()), text_bytes=1_000, max_output_tokens=1_000)


def candidate(model: str, name: str, how: Spread, *, weight: int = 1, price: int = 1) -> Candidate:
    return Candidate(model, Deployment(name, "p", name, "eu", Price(price, price), weight=weight), how)


def standing(latency_ms: float = 0.0, under_way: int = 0) -> Standing:
    found = Standing(Breaker(ManualClock(), 5, 30_000))
    found.latency_ms, found.under_way = latency_ms, under_way
    return found


def firsts(found: list[Candidate], standings: dict[str, Standing], rounds: int) -> Counter[str]:
    random = Random(7)
    return Counter(
        spread(found, ASK, lambda one: standings[one.deployment.name], random)[0].deployment.name for _ in range(rounds)
    )


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(list(Spread)), st.integers(1, 9)), max_size=8))
def test_every_candidate_is_tried_once_and_models_keep_their_order(drawn: list[tuple[str, Spread, int]]) -> None:
    of_model = {model: how for model, how, _ in drawn}
    found = [
        candidate(model, f"{model}{place}", of_model[model], weight=weight, price=weight)
        for place, (model, _, weight) in enumerate(sorted(drawn, key=lambda one: one[0]))
    ]
    standings = {one.deployment.name: standing(place * 10.0) for place, one in enumerate(found)}
    ordered = spread(found, ASK, lambda one: standings[one.deployment.name], Random(1))
    assert sorted(one.deployment.name for one in ordered) == sorted(one.deployment.name for one in found)
    assert [one.model for one in ordered] == [one.model for one in found]


def test_by_order_nothing_is_moved() -> None:
    found = [candidate("m", name, Spread.ORDER) for name in "abc"]
    assert spread(found, ASK, lambda one: standing(), Random(1)) is found


def test_by_weight_each_comes_first_as_often_as_its_weight_says() -> None:
    found = [candidate("m", "a", Spread.WEIGHT, weight=9), candidate("m", "b", Spread.WEIGHT)]
    seen = firsts(found, {"a": standing(), "b": standing()}, 4_000)
    assert seen["a"] / 4_000 == pytest.approx(0.9, abs=0.02)


def test_by_latency_the_slow_and_the_busy_get_less_and_the_slowest_of_all_nothing() -> None:
    found = [candidate("m", name, Spread.LATENCY) for name in "abc"]
    seen = firsts(found, {"a": standing(300), "b": standing(100), "c": standing(40, under_way=4)}, 3_000)
    assert seen["a"] == 0
    assert seen["b"] / 3_000 == pytest.approx(2 / 3, abs=0.04)  # c would be faster, but has five times the load


def test_by_latency_one_that_never_answered_is_tried_once_and_then_only_behind_those_that_did() -> None:
    found = [candidate("m", name, Spread.LATENCY) for name in "ab"]
    fresh, failing = standing(), standing(under_way=1)
    assert firsts(found, {"a": standing(100), "b": fresh}, 100) == {"b": 100}
    failing.failed("refused")
    assert firsts(found, {"a": standing(100), "b": failing}, 100) == {"a": 100}


def test_by_cost_the_cheapest_for_the_request_comes_first() -> None:
    found = [candidate("m", name, Spread.COST, price=price) for name, price in (("a", 3), ("b", 1), ("c", 2))]
    ordered = spread(found, ASK, lambda one: standing(), Random(1))
    assert [one.deployment.name for one in ordered] == ["b", "c", "a"]


def test_a_standing_remembers_the_newer_calls_more() -> None:
    found = standing()
    for _ in range(40):
        assert found.allows()
        found.succeeded(100.0)
    assert (found.availability, found.latency_ms, found.under_way, found.calls) == (1.0, 100.0, 0, 40)
    assert found.allows()
    found.failed("down")
    assert (found.availability, found.last_error, found.under_way) == (0.9, "down", 0)
    assert found.allows()
    found.undecided()
    assert (found.under_way, found.calls) == (0, 41)


def test_a_provider_stands_as_its_deployments_each_by_its_calls() -> None:
    breaker = Breaker(ManualClock(), 5, 1_000)
    quick, broken = Standing(breaker), Standing(breaker)
    for _ in range(3):
        assert quick.allows()
        quick.succeeded(100.0)
    assert broken.allows()
    broken.failed("status 500")
    state = provider_state("p", breaker, [quick, broken])
    assert state.availability == pytest.approx((3 * 1.0 + 0.9) / 4)
    assert state.latency_ms == pytest.approx(75.0)
    assert provider_state("p", breaker, []).availability == 1.0
