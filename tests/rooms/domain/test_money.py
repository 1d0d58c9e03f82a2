"""Money is exact: what a usage costs, against fractions, and never above its bound."""

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.money import Price, budget, nano_usd
from headgate.domain.usage import Usage
from headgate.wire.frames import sound

PICO = st.integers(0, 10**9)
TOKENS = st.integers(0, 10**7)


@st.composite
def flat_prices(draw: st.DrawFn) -> Price:
    maybe = st.none() | PICO
    return Price(
        draw(PICO),
        draw(PICO),
        draw(maybe),
        draw(maybe),
        draw(maybe),
        draw(maybe),
        draw(maybe),
        draw(st.integers(0, 10**9)),
    )


@st.composite
def prices(draw: st.DrawFn) -> Price:
    price = draw(flat_prices())
    if draw(st.booleans()):
        return price
    fields = {"long_from_tokens": draw(TOKENS), "long": draw(flat_prices())}
    return Price(*[getattr(price, name) for name in price.__struct_fields__[:8]], **fields)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    return sound(Usage(*[draw(TOKENS) for _ in Usage.__struct_fields__]))


def exact(price: Price, usage: Usage) -> int:
    """The cost as a sum over parts that do not overlap, each at its own price."""
    if price.long is not None and usage.input_tokens > price.long_from_tokens:
        return exact(price.long, usage)

    def at(pico: int | None, otherwise: int) -> int:
        return otherwise if pico is None else pico

    write = at(price.cache_write_pico, price.input_pico)
    parts = (
        (usage.cached_tokens, at(price.cached_pico, price.input_pico)),
        (usage.cache_write_tokens - usage.cache_write_1h_tokens, write),
        (usage.cache_write_1h_tokens, at(price.cache_write_1h_pico, write)),
        (usage.audio_input_tokens, at(price.audio_input_pico, price.input_pico)),
        (
            usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens - usage.audio_input_tokens,
            price.input_pico,
        ),
        (usage.audio_output_tokens, at(price.audio_output_pico, price.output_pico)),
        (usage.output_tokens - usage.audio_output_tokens, price.output_pico),
    )
    assert all(count >= 0 for count, _ in parts)
    return (
        ceil(sum(Fraction(count * pico, 1000) for count, pico in parts)) + usage.tool_requests * price.tool_request_nano
    )


@given(prices(), usages())
def test_a_cost_is_the_sum_of_its_parts_rounded_up_once(price: Price, usage: Usage) -> None:
    assert price.cost_nano(usage) == exact(price, usage)


@given(prices(), usages(), TOKENS, TOKENS)
def test_no_usage_within_a_bound_costs_more(price: Price, usage: Usage, more_in: int, more_out: int) -> None:
    most = price.bound_nano(usage.input_tokens + more_in, usage.output_tokens + more_out, usage.tool_requests)
    assert price.cost_nano(usage) <= most


@given(st.lists(st.integers(-(10**12), 10**12), min_size=9, max_size=9))
def test_what_a_provider_says_is_made_sound_and_stays_so(counts: list[int]) -> None:
    usage = sound(Usage(*counts))
    assert sound(usage) == usage
    assert min(*usage.__reduce__()[1]) >= 0
    assert usage.cached_tokens + usage.cache_write_tokens + usage.audio_input_tokens <= usage.input_tokens
    assert usage.cache_write_1h_tokens <= usage.cache_write_tokens


def test_a_worked_example() -> None:
    """Claude Sonnet 4: 1,000 in, of these 200 read from the cache, 300 written for an hour; 100 out; two searches."""
    price = Price(3_000_000, 15_000_000, 300_000, 3_750_000, 6_000_000, tool_request_nano=10_000_000)
    usage = Usage(1_000, 100, 200, 300, cache_write_1h_tokens=300, tool_requests=2)
    assert price.cost_nano(usage) == 500 * 3_000 + 200 * 300 + 300 * 6_000 + 100 * 15_000 + 20_000_000


@pytest.mark.parametrize("text", ["1" + " " * 60_000 + "x", "9" * 900_000 + " USD", "9" * 900_000 + " USD/month"])
def test_an_amount_of_absurd_length_is_refused_in_a_short_sentence(text: str) -> None:
    for read in (nano_usd, budget):
        with pytest.raises(ValueError, match="is not a") as refused:
            read(text)
        assert len(str(refused.value)) < 200
