"""What is known of a model without the configuration: its price and its context."""

from genai_prices.data_snapshot import get_snapshot

from headgate.catalog.prices import UNKNOWN, known_model
from headgate.domain.money import Price


def test_the_demo_provider_costs_one_and_two_usd_per_million() -> None:
    assert known_model("demo", "", "anything").price == Price(1_000_000, 2_000_000)


def test_a_known_model_has_its_prices_and_context() -> None:
    known = known_model("anthropic", "https://api.anthropic.com", "claude-sonnet-4-20250514")
    assert known.price == Price(3_000_000, 15_000_000, 300_000, 3_750_000)
    assert known.context_tokens == 200_000


def test_an_unknown_model_is_not_priced_like_one_of_a_similar_name() -> None:
    assert known_model("openai", "https://api.openai.com/v1", "gpt-4o-nonsense") == UNKNOWN


def test_names_that_callers_make_up_are_not_kept() -> None:
    snapshot = get_snapshot()
    known_model("openai", "https://api.openai.com/v1", "gpt-4o")

    def remembered() -> int:
        return len(snapshot._lookup_cache) + len(snapshot._provider_cache) + len(snapshot._provider_misses)

    before = remembered()
    for number in range(100):
        known_model("openai", "https://api.openai.com/v1", f"gpt-4o-made-up-{number}")
        known_model("openai-like", "http://127.0.0.1:8000/v1", f"made-up-{number}")
    assert remembered() <= before + 1, "one for the address, none for the names"


def test_a_server_of_our_own_is_not_known() -> None:
    assert known_model("openai-like", "http://127.0.0.1:8000/v1", "gpt-4o") == UNKNOWN


def test_a_hosted_compatible_provider_is_known_by_its_address() -> None:
    assert known_model("openai-like", "https://api.groq.com/openai/v1", "llama-3.1-8b-instant").price is not None


def test_the_dearest_tier_holds_for_all_lengths() -> None:
    known = known_model("openai-like", "https://generativelanguage.googleapis.com/v1beta/openai", "gemini-2.5-pro")
    assert known.price is not None
    assert (known.price.input_pico, known.price.output_pico) == (2_500_000, 15_000_000)


def test_a_model_without_a_price_for_output_is_not_priced() -> None:
    known = known_model("openai-like", "https://api.perplexity.ai", "pplx-decider-v1-27b")
    assert known.price is None
    assert known.context_tokens is not None


def test_a_model_that_embeds_puts_nothing_out_and_has_a_price() -> None:
    known = known_model("openai", "https://api.openai.com/v1", "text-embedding-3-small")
    assert known.price == Price(20_000, 0)
