"""Which deployments may serve a call, and in which order."""

import pytest

from headgate.bootstrap.config.loading import load, parse
from headgate.catalog.catalog import MAX_RESOLVED_NAMES, best_match, candidates, fallback_chain, find, listed
from headgate.domain.policy import Policy
from headgate.domain.refusal import Refusal

MODELS = """
version: 1
providers:
  openai: {kind: openai, key: "${env:KEY}"}
  near: {kind: openai-like, base_url: "http://127.0.0.1:8000/v1"}
models:
  smart:
    tier: premium
    deployments:
      - {provider: openai, id: gpt-4o, region: us}
      - {provider: near, id: large, region: on-prem, price: {in: 0, out: 0}}
  quick: {deployments: [{provider: near, id: small, region: on-prem, price: {in: 0, out: 0}}]}
  "gpt-*": {tier: premium, deployments: [{provider: openai, id: "*", region: us}]}
  "gpt-4*": {deployments: [{provider: near, id: four, region: on-prem, price: {in: 1, out: 1}}]}
chains:
  careful: {try: [quick, smart]}
use_cases:
  chat: {chain: careful}
"""


def policy(extra: str = "") -> Policy:
    return parse((MODELS + extra).encode(), "headgate.yaml", {"KEY": "k"}).policy


def tried(of: Policy, asked: str, use_case: str = "chat") -> list[tuple[str, str]]:
    return [(one.model, one.deployment.name) for one in candidates(of, of.use_cases[use_case], asked)]


QUICK = [("quick", "near/small")]
SMART = [("smart", "openai/gpt-4o"), ("smart", "near/large")]


@pytest.mark.parametrize("asked", ["", "auto", "chat"])
def test_no_name_auto_and_a_use_case_ask_for_the_chain(asked: str) -> None:
    assert tried(policy(), asked) == QUICK + SMART


def test_the_asked_model_comes_first_and_then_the_rest_of_the_chain() -> None:
    assert tried(policy(), "smart") == SMART + QUICK


def test_a_pattern_passes_the_asked_name_through_at_its_known_price() -> None:
    first = candidates(policy(), policy().use_cases["chat"], "gpt-5")[0]
    assert (first.model, first.deployment.name, first.deployment.model_id) == ("gpt-5", "openai/gpt-5", "gpt-5")
    assert first.deployment.price is not None


def test_a_longer_pattern_wins_over_a_shorter_and_an_exact_name_over_both() -> None:
    assert tried(policy(), "gpt-4o")[0] == ("gpt-4o", "near/four")
    assert best_match(["*", "gpt-*", "gpt-4o"], "gpt-4o") == "gpt-4o"
    assert best_match(["*", "gpt-*"], "gpt-4o") == "gpt-*"
    assert best_match(["gpt-*"], "xgpt-4") is None
    assert best_match(["a.c"], "abc") is None


def test_a_name_without_a_price_is_charged_the_default_or_refused_with_what_to_do() -> None:
    with pytest.raises(Refusal) as refused:
        tried(policy(), "gpt-nonsense")
    assert (refused.value.code, refused.value.status, refused.value.param) == ("model_not_found", 404, "model")
    assert "matches 'gpt-*' but has no price" in refused.value.sentence
    assert "add a price" in refused.value.sentence
    with_default = policy("prices: {default: {in: 100, out: 200}}\n")
    first = candidates(with_default, with_default.use_cases["chat"], "gpt-nonsense")[0]
    assert first.deployment.price == with_default.default_price


def test_an_unknown_name_is_refused_with_what_was_probably_meant() -> None:
    with pytest.raises(Refusal, match=r"There is no model 'smrt'; did you mean 'smart'\? GET /v1/models lists"):
        tried(policy(), "smrt")


def test_a_very_long_name_names_nothing_and_is_not_repeated_whole() -> None:
    demo = load(None, {}).policy
    with pytest.raises(Refusal) as refused:
        tried(demo, "x" * 100_000, "default")
    assert len(refused.value.sentence) < 500


def test_the_demo_answers_any_name_and_shows_itself() -> None:
    first = tried(load(None, {}).policy, "claude-anything", "default")[0]
    assert first == ("claude-anything", "demo/demo")


def test_a_use_case_without_a_chain_and_models_asks_for_a_name() -> None:
    text = MODELS.split("models:")[0] + 'models: {"gpt-*": {deployments: [{provider: openai, id: "*", region: us}]}}\n'
    patterns = parse(text.encode(), "headgate.yaml", {"KEY": "k"}).policy
    with pytest.raises(Refusal, match="must name a model"):
        tried(patterns, "", "default")
    assert tried(patterns, "gpt-4o", "default") == [("gpt-4o", "openai/gpt-4o")]


def test_the_answer_is_remembered_within_bounds_and_within_its_policy() -> None:
    demo = load(None, {}).policy
    use_case = demo.use_cases["default"]
    first = candidates(demo, use_case, "name-0")
    assert candidates(demo, use_case, "name-0") is first
    for number in range(MAX_RESOLVED_NAMES + 1):
        candidates(demo, use_case, f"name-{number}")
    again = candidates(demo, use_case, "name-0")
    assert again == first
    assert again is not first, "the oldest is forgotten first"
    other = load(None, {}).policy
    assert candidates(other, other.use_cases["default"], "name-0") is not again


def test_lists_show_names_and_no_patterns() -> None:
    assert [(one.id, one.tier, one.status) for one in listed(policy())] == [
        ("smart", "premium", "available"),
        ("quick", "standard", "available"),
    ]
    assert fallback_chain(policy(), policy().use_cases["chat"]) == ("quick", "smart")


def test_a_name_is_found_by_itself_or_by_the_pattern_that_serves_it() -> None:
    for asked, tier in (("smart", "premium"), ("gpt-5", "premium"), ("gpt-4-anything", "standard")):
        assert (find(policy(), asked).id, find(policy(), asked).tier) == (asked, tier)


@pytest.mark.parametrize("asked", ["smrt", "gpt-nonsense", "gpt-*", "chat", "auto", "", "x" * 1_000])
def test_what_serves_nothing_is_not_found(asked: str) -> None:
    with pytest.raises(Refusal) as refused:
        find(policy(), asked)
    assert (refused.value.code, refused.value.param) == ("model_not_found", "model")
