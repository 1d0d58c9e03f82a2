"""What a model costs, asked of genai-prices once, when a policy is compiled or a pattern's name is first used."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices, TimeOfDateConstraint

from headgate.domain.money import Price, pico_per_token

DEMO_PRICE: Final = Price(input_pico=pico_per_token(1), output_pico=pico_per_token(2))
"""1 USD per million tokens in, 2 out."""

_EMBEDS: Final = "embed"
"""Stands in the names of models that embed; they put nothing out, and genai-prices has no price for that."""
_PROVIDER_OF_KIND: Final = {
    "openai": "openai",
    "azure-openai": "azure",
    "anthropic": "anthropic",
    "bedrock": "aws",
    "gemini": "google",
    "groq": "groq",
    "openrouter": "openrouter",
    "mistral": "mistral",
    "deepseek": "deepseek",
    "xai": "x-ai",
    "together": "together",
    "fireworks": "fireworks",
    "cerebras": "cerebras",
}


class KnownModel(msgspec.Struct, frozen=True):
    """What is known of a provider's model without the configuration."""

    price: Price | None
    """None where the model's price is unknown or cannot be held by one figure a direction."""
    context_tokens: int | None
    """The most tokens that a request and its answer may hold together."""


UNKNOWN: Final = KnownModel(price=None, context_tokens=None)


def known_model(kind: str, base_url: str, model_id: str) -> KnownModel:
    """What genai-prices knows of `model_id` at a provider of `kind`; about 75 microseconds.

    A provider of a kind that genai-prices does not know is recognised by its `base_url`.
    """
    if kind == "demo":
        return KnownModel(price=DEMO_PRICE, context_tokens=None)
    snapshot, provider_id = get_snapshot(), _PROVIDER_OF_KIND.get(kind)
    try:
        # Asked for the provider alone: what it remembers of models grows with every name that a caller makes up.
        provider = snapshot.find_provider(None, provider_id, None if provider_id else base_url)
    except LookupError:
        return UNKNOWN
    model = provider.find_model(model_id, all_providers=snapshot.providers)
    return UNKNOWN if model is None else KnownModel(price=_price(model), context_tokens=model.context_window)


def _price(model: ModelInfo) -> Price | None:
    """The price in force now; None where it changes with the hour, or where a direction has no price."""
    if isinstance(model.prices, list) and any(
        isinstance(condition.constraint, TimeOfDateConstraint) for condition in model.prices
    ):
        return None
    prices = model.get_prices(datetime.now(UTC))
    starts = {tier.start for price in vars(prices).values() if isinstance(price, TieredPrices) for tier in price.tiers}
    found: Price | None = None
    above = 0
    for start in sorted({0, *starts}, reverse=True):
        found = _from(prices, start, above, found, free_output=_EMBEDS in model.id.lower())
        above = start
    return found


def _from(prices: ModelPrice, start: int, above: int, dearer: Price | None, *, free_output: bool) -> Price | None:
    """The price of calls with more input tokens than `start`, up to `above`, from where on `dearer` holds."""

    def pico(price: Any) -> int | None:
        if isinstance(price, TieredPrices):
            reached = {0: price.base} | {tier.start: tier.price for tier in price.tiers if tier.start <= start}
            return pico_per_token(reached[max(reached)])
        return pico_per_token(price) if isinstance(price, Decimal) else None

    input_pico, output_pico = pico(prices.input_mtok), pico(prices.output_mtok)
    if prices.output_mtok is None and free_output:
        output_pico = 0
    if input_pico is None or output_pico is None:
        return None
    return Price(
        input_pico,
        output_pico,
        pico(prices.cache_read_mtok),
        pico(prices.cache_write_5m_mtok or prices.cache_write_mtok),
        pico(prices.cache_write_1h_mtok),
        pico(prices.input_audio_mtok),
        pico(prices.output_audio_mtok),
        pico(prices.web_searches_kcount) or 0,  # USD a thousand in nano-USD apiece is the same figure
        above if dearer else 0,
        dearer,
    )
