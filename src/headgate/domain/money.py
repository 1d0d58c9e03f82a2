"""Money as integers: nano-USD for amounts, pico-USD a token for prices."""

import re
from decimal import Decimal, InvalidOperation

import msgspec

from headgate.domain.usage import Usage

NANO_USD = 1_000_000_000
MAX_AMOUNT_CHARS = 40
"""Characters of an amount as people write it."""
_AMOUNT = re.compile(r"(\d+(?:\.\d{1,9})?)\s*USD\Z")
_BUDGET = re.compile(r"(.+?)\s*/\s*(day|month)\Z")


class Price(msgspec.Struct, frozen=True):
    """Prices of one deployment in pico-USD a token (1 USD per million tokens = 1,000,000 pico-USD a token)."""

    input_pico: int
    output_pico: int
    cached_pico: int | None = None
    cache_write_pico: int | None = None
    cache_write_1h_pico: int | None = None
    """None is as `cache_write_pico`, which itself is as `input_pico` where it is None, like all that follow."""
    audio_input_pico: int | None = None
    audio_output_pico: int | None = None
    tool_request_nano: int = 0
    """Nano-USD for each request of a tool that the provider runs."""
    long_from_tokens: int = 0
    """Calls with more input than this are charged by `long`, all of them and not what lies above."""
    long: "Price | None" = None

    def cost_nano(self, usage: Usage) -> int:
        """What `usage` costs, in nano-USD, rounded up."""
        if self.long is not None and usage.input_tokens > self.long_from_tokens:
            return self.long.cost_nano(usage)
        pico = usage.input_tokens * self.input_pico + usage.output_tokens * self.output_pico
        if usage.cached_tokens and self.cached_pico is not None:
            pico += usage.cached_tokens * (self.cached_pico - self.input_pico)
        if usage.cache_write_tokens:
            five_minutes, hour = self._cache_write_picos()
            pico += usage.cache_write_tokens * (five_minutes - self.input_pico)
            pico += usage.cache_write_1h_tokens * (hour - five_minutes)
        if usage.audio_input_tokens and self.audio_input_pico is not None:
            pico += usage.audio_input_tokens * (self.audio_input_pico - self.input_pico)
        if usage.audio_output_tokens and self.audio_output_pico is not None:
            pico += usage.audio_output_tokens * (self.audio_output_pico - self.output_pico)
        return -(-pico // 1000) + usage.tool_requests * self.tool_request_nano

    def bound_nano(self, input_tokens: int, output_tokens: int, tool_requests: int = 0) -> int:
        """The most that so much can cost, in nano-USD: all tokens at the dearest price of their direction."""
        dearest_in = max(self.input_pico, self.cached_pico or 0, self.audio_input_pico or 0, *self._cache_write_picos())
        dearest_out = max(self.output_pico, self.audio_output_pico or 0)
        nano = -(-(input_tokens * dearest_in + output_tokens * dearest_out) // 1000)
        nano += tool_requests * self.tool_request_nano
        if self.long is None or input_tokens <= self.long_from_tokens:
            return nano
        return max(nano, self.long.bound_nano(input_tokens, output_tokens, tool_requests))

    def _cache_write_picos(self) -> tuple[int, int]:
        """For five minutes and for an hour."""
        five_minutes = self.input_pico if self.cache_write_pico is None else self.cache_write_pico
        return five_minutes, five_minutes if self.cache_write_1h_pico is None else self.cache_write_1h_pico


class Budget(msgspec.Struct, frozen=True):
    """An amount of money for each calendar period (UTC)."""

    nano: int
    period: str
    """`day` or `month`."""


def pico_per_token(usd_per_million: Decimal | float | int | str) -> int:
    """Pico-USD a token for a price in USD per million tokens.

    Raises:
        ValueError: the price is negative, not a number, or finer than a pico-USD.
    """
    try:
        price = Decimal(str(usd_per_million)) * 1_000_000
    except InvalidOperation:
        raise ValueError(f"'{usd_per_million}' is not a price in USD per million tokens") from None
    if not price.is_finite() or price < 0:
        raise ValueError(f"'{usd_per_million}' is not a price in USD per million tokens")
    return int(price.to_integral_value())


def nano_usd(text: str) -> int:
    """Nano-USD in `text`, such as `500 USD` or `0.50 USD`.

    Raises:
        ValueError: `text` is not an amount in USD.
    """
    match = _AMOUNT.match(text.strip()) if len(text) <= MAX_AMOUNT_CHARS else None
    if match is None:
        raise ValueError(f"'{text[:MAX_AMOUNT_CHARS]}' is not an amount; write it as 500 USD or 0.50 USD")
    return int(Decimal(match[1]) * NANO_USD)


def budget(text: str) -> Budget:
    """The budget in `text`, such as `500 USD/month` or `20 USD/day`.

    Raises:
        ValueError: `text` is not an amount for a period.
    """
    match = _BUDGET.match(text.strip()) if len(text) <= MAX_AMOUNT_CHARS else None
    if match is None:
        raise ValueError(f"'{text[:MAX_AMOUNT_CHARS]}' is not a budget; write it as 500 USD/month or 20 USD/day")
    return Budget(nano=nano_usd(match[1]), period=match[2])


def decimal_usd(nano: int) -> str:
    """`nano` nano-USD as decimal USD without trailing zeros, such as `0.000038`; exact."""
    sign, nano = ("-", -nano) if nano < 0 else ("", nano)
    whole, rest = divmod(nano, NANO_USD)
    return f"{sign}{whole}.{rest:09d}".rstrip("0").rstrip(".")
