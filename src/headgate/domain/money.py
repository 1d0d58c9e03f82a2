"""Money as integers: nano-USD for amounts, pico-USD a token for prices."""

import re
from decimal import Decimal, InvalidOperation

import msgspec

from headgate.domain.usage import Usage

NANO_USD = 1_000_000_000
_AMOUNT = re.compile(r"(\d+(?:\.\d{1,9})?)\s*USD\Z")
_BUDGET = re.compile(r"(.+?)\s*/\s*(day|month)\Z")


class Price(msgspec.Struct, frozen=True):
    """Prices of one deployment in pico-USD a token (1 USD per million tokens = 1,000,000 pico-USD a token)."""

    input_pico: int
    output_pico: int
    cached_pico: int | None = None
    cache_write_pico: int | None = None

    def cost_nano(self, usage: Usage) -> int:
        """What `usage` costs, in nano-USD, rounded up."""
        fresh = usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens
        cached = self.input_pico if self.cached_pico is None else self.cached_pico
        written = self.input_pico if self.cache_write_pico is None else self.cache_write_pico
        pico = (
            fresh * self.input_pico
            + usage.cached_tokens * cached
            + usage.cache_write_tokens * written
            + usage.output_tokens * self.output_pico
        )
        return -(-pico // 1000)

    def bound_nano(self, input_tokens: int, output_tokens: int) -> int:
        """The most that so many tokens can cost, in nano-USD: all input at the dearest input price."""
        dearest = max(self.input_pico, self.cached_pico or 0, self.cache_write_pico or 0)
        return -(-(input_tokens * dearest + output_tokens * self.output_pico) // 1000)


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
    match = _AMOUNT.match(text.strip())
    if match is None:
        raise ValueError(f"'{text}' is not an amount; write it as 500 USD or 0.50 USD")
    return int(Decimal(match[1]) * NANO_USD)


def budget(text: str) -> Budget:
    """The budget in `text`, such as `500 USD/month` or `20 USD/day`.

    Raises:
        ValueError: `text` is not an amount for a period.
    """
    match = _BUDGET.match(text.strip())
    if match is None:
        raise ValueError(f"'{text}' is not a budget; write it as 500 USD/month or 20 USD/day")
    return Budget(nano=nano_usd(match[1]), period=match[2])


def decimal_usd(nano: int) -> str:
    """`nano` nano-USD as decimal USD without trailing zeros, such as `0.000038`; exact."""
    sign, nano = ("-", -nano) if nano < 0 else ("", nano)
    whole, rest = divmod(nano, NANO_USD)
    return f"{sign}{whole}.{rest:09d}".rstrip("0").rstrip(".")
