"""A configuration without mistakes: what it compiles to, and what it never shows."""

import contextlib
import json
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.bootstrap.config.document import Document, schema
from headgate.bootstrap.config.loading import Configuration, load, parse
from headgate.bootstrap.config.mistakes import ConfigurationRefused
from headgate.bootstrap.config.tree import MAX_NODES, read_tree
from headgate.domain.money import Budget, Price
from headgate.domain.policy import ScopeDefaults, TeamSettings
from headgate.domain.principal import Limits
from headgate.pool.providers.aws_signature import access_key

SECRET = "a-resolved-secret"
FULL = """
version: 1
store: {database: "${env:DATABASE}"}
server: {port: 0, cors: {origins: [https://app.example.org]}, body_limit: 1MiB, trusted_proxies: [10.0.0.1]}
providers:
  anthropic: {kind: anthropic, key: "${env:KEY}", breaker: {failures: 3, open: 10s}}
  openai: {kind: openai, key: "${env:KEY}"}
  onprem: {kind: openai-like, base_url: "http://127.0.0.1:8000/v1/"}
models:
  smart:
    tier: premium
    deployments:
      - provider: anthropic
        id: claude-sonnet-4-20250514
        region: eu
        price: {in: 3.00, out: 15, cached_in: 0.3, cache_write: 3.75}
      - {provider: openai, id: gpt-4o, region: us, max_output: 8k}
  quick: {deployments: [{provider: onprem, id: llama, region: on-prem, price: {in: 0, out: 0}}]}
  "gpt-*": {deployments: [{provider: openai, id: "*", region: us}]}
chains:
  careful: {try: [smart, gpt-4.1, quick], timeout: 60s, first_token: 8s, retries: 1}
use_cases:
  customer-chat: {chain: careful, pipeline: direct}
teams:
  defaults: {budget: [100 USD/month, 10 USD/day], limits: {requests: 100/min, tokens: 400k/min, parallel: 20}}
  alpha:
    {budget: 500 USD/month, owner: lead@example.org, use_cases: [default, customer-chat],
     limits: {requests: none, parallel: 5}}
  beta: {}
  free: {budget: none}
defaults: {user: {budget: 5 USD/day, limits: {requests: 10/min}}}
prices: {default: {in: 100, out: 200}}
journal: {durability: power}
"""


def full() -> Configuration:
    return parse(FULL.encode(), "headgate.yaml", {"KEY": SECRET, "DATABASE": f"postgresql://u:{SECRET}@db/x"})


def test_the_built_in_configuration_serves_any_name_by_the_demo_provider() -> None:
    policy = load(None, {}).policy
    assert list(policy.models) == ["demo", "*"]
    assert {deployment.name for model in policy.models.values() for deployment in model.deployments} == {"demo/demo"}
    assert policy.models["demo"].deployments[0].price == Price(1_000_000, 2_000_000)
    assert policy.models["demo"].deployments[0].region == "local"
    assert policy.use_cases["default"].chain.models == ("demo",)


def test_without_a_word_about_budgets_a_team_has_100_usd_a_month_and_no_limits() -> None:
    assert load(None, {}).settings.team_defaults == ScopeDefaults((Budget(100 * 10**9, "month"),), Limits())


def test_models_carry_their_prices_tiers_and_output_limits() -> None:
    models = full().policy.models
    first, second = models["smart"].deployments
    assert (first.name, first.region, models["smart"].tier) == ("anthropic/claude-sonnet-4-20250514", "eu", "premium")
    assert first.price == Price(3_000_000, 15_000_000, 300_000, 3_750_000)
    assert first.max_output_tokens == 4096
    assert second.price is not None, "genai-prices knows it"
    assert second.max_output_tokens == 8000
    assert models["gpt-*"].deployments[0].price is None, "priced when a name is asked for"


def test_chains_and_use_cases_refer_to_each_other() -> None:
    use_cases = full().policy.use_cases
    chat, default = use_cases["customer-chat"], use_cases["default"]
    assert (chat.chain.models, chat.chain.timeout_ms, chat.chain.first_token_ms, chat.chain.retries) == (
        ("smart", "gpt-4.1", "quick"),
        60_000,
        8_000,
        1,
    )
    assert chat.pipelines == ("direct",)
    assert default.chain.models == ("smart", "quick"), "models with names of their own, in the file's order"
    assert default.pipelines[0] == "auto"


def test_providers_have_their_address_breaker_and_secret() -> None:
    providers = full().policy.providers
    assert providers["anthropic"].base_url == "https://api.anthropic.com"
    assert (providers["anthropic"].breaker_failures, providers["anthropic"].breaker_open_ms) == (3, 10_000)
    assert providers["openai"].secret == SECRET
    assert (providers["onprem"].base_url, providers["onprem"].secret) == ("http://127.0.0.1:8000/v1", "")


PROVIDERS = """
version: 1
providers:
  groq: {kind: groq, key: "${env:KEY}", next_key: "${env:NEXT}"}
  far: {kind: groq, key: "${env:KEY}", base_url: "https://proxy.example.org/openai/v1/"}
  near: {kind: ollama}
  azure: {kind: azure-openai, base_url: "https://r.openai.azure.com", token: "${env:KEY}", api_version: "2024-10-21"}
  aws: {kind: bedrock, region: eu-central-1, key: "${env:KEY}"}
  signed:
    kind: bedrock
    region: us-gov-west-1
    access_key: {id: "${env:KEY}", secret: "${env:NEXT}"}
    next_access_key: {id: "${env:KEY}", secret: "${env:NEXT}", token: "${env:TOKEN}"}
  gemini: {kind: gemini, key: "${env:KEY}"}
  portkey: {kind: portkey, key: "${env:KEY}", headers: {X-Portkey-Config: pc-1, Authorization: "Bearer ${env:NEXT}"}}
models:
  llama: {deployments: [{provider: groq, id: llama-3.3-70b-versatile, region: us}]}
  gemini: {deployments: [{provider: gemini, id: gemini-2.5-flash, region: us}]}
  claude: {deployments: [{provider: aws, id: "anthropic.claude-3-haiku-20240307-v1:0", region: eu}]}
"""


def test_each_kind_of_provider_gets_its_address_and_its_credentials() -> None:
    loaded = parse(PROVIDERS.encode(), "headgate.yaml", {"KEY": SECRET, "NEXT": "next-secret", "TOKEN": "t"})
    providers = loaded.policy.providers
    assert {name: provider.base_url for name, provider in providers.items()} == {
        "groq": "https://api.groq.com/openai/v1",
        "far": "https://proxy.example.org/openai/v1",
        "near": "http://127.0.0.1:11434/v1",
        "azure": "https://r.openai.azure.com",
        "aws": "https://bedrock-runtime.eu-central-1.amazonaws.com",
        "signed": "https://bedrock-runtime.us-gov-west-1.amazonaws.com",
        "gemini": "https://generativelanguage.googleapis.com",
        "portkey": "https://api.portkey.ai/v1",
    }
    assert (providers["groq"].secret, providers["groq"].next_secret) == (SECRET, "next-secret")
    assert (providers["near"].secret, providers["near"].next_secret) == ("", "")
    assert (providers["azure"].bearer, providers["azure"].api_version) == (True, "2024-10-21")
    assert not providers["groq"].bearer
    assert providers["signed"].secret == access_key(SECRET, "next-secret")
    assert providers["signed"].next_secret == access_key(SECRET, "next-secret", "t")
    assert providers["portkey"].headers == (("x-portkey-config", "pc-1"), ("authorization", "Bearer next-secret"))
    shown = (loaded.text, repr(loaded), repr(loaded.policy), repr(loaded.document), str(providers))
    assert not [text for text in shown if SECRET in text or "next-secret" in text]
    assert all(model.deployments[0].price for model in loaded.policy.models.values()), "public prices know them"


def test_a_team_takes_what_it_leaves_out_from_the_defaults_and_none_lifts_them() -> None:
    defaults = (Budget(100 * 10**9, "month"), Budget(10 * 10**9, "day"))
    limits = Limits(100, 400_000, 20)
    alpha, beta, free = full().settings.teams
    line = FULL.splitlines().index("  beta: {}") + 1
    assert beta == TeamSettings("beta", "", defaults, limits, None, f"headgate.yaml:{line}")
    assert alpha.budgets == (Budget(500 * 10**9, "month"),)
    assert alpha.limits == Limits(None, 400_000, 5)
    assert (alpha.owner, alpha.use_cases) == ("lead@example.org", ("default", "customer-chat"))
    assert free.budgets == ()
    assert full().settings.user_defaults == ScopeDefaults((Budget(5 * 10**9, "day"),), Limits(10, None, None))


def test_no_resolved_secret_is_in_the_text_or_the_repr_of_anything() -> None:
    loaded = full()
    assert loaded.database_url == f"postgresql://u:{SECRET}@db/x"
    shown = (loaded.text, repr(loaded), repr(loaded.policy), repr(loaded.document), str(loaded.settings))
    assert not [text for text in shown if SECRET in text]
    assert json.loads(loaded.text)["providers"]["openai"]["key"] == "${env:KEY}"


def test_the_digest_is_of_what_the_file_says_and_not_of_how() -> None:
    one = parse(b"version: 1\nteams: {alpha: {budget: 1 USD/day}}\n", "a", {})
    same = parse(b"# a comment\nversion:   1\nteams:\n  alpha:\n    budget: '1 USD/day'\n", "b", {})
    other = parse(b"version: 1\nteams: {alpha: {budget: 2 USD/day}}\n", "a", {})
    assert one.policy.digest == same.policy.digest != other.policy.digest


def test_yaml_1_2_knows_true_and_false_alone_as_booleans() -> None:
    data = read_tree(b"{a: on, b: yes, off: 1, d: true, e: 0o17, f: 1:30, g: 2020-01-01, h: 1e3, i: ~}").data
    expected = {
        "a": "on",
        "b": "yes",
        "off": 1,
        "d": True,
        "e": 15,
        "f": "1:30",
        "g": "2020-01-01",
        "h": 1000.0,
        "i": None,
    }
    assert data == expected


def test_aliases_cannot_multiply_without_end() -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 9))
    tree = read_tree(f"l0: &l0 x\n{levels}".encode())
    assert tree.data is None
    assert f"more than {MAX_NODES} values" in tree.mistakes[0].sentence


def test_an_alias_that_holds_itself_is_refused() -> None:
    with pytest.raises(ConfigurationRefused, match="nested more than"):
        parse(b"version: 1\nteams: &a {alpha: *a}", "a", {})


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "the key 'version' is missing; write version: 1"),
        (b"~", "the key 'version' is missing; write version: 1"),
        (b"\xff\xfe", "not UTF-8"),
        (b"a\x00: 1", "a control character"),
        (b"version: true", "the version of this shape is 1"),
        (b'version: 1\nteams: {alpha: {owner: "\\ud800"}}', "cannot be seen"),
        (b"version: 1\nproviders: {demo: {kind: demo}}", "no models that use them"),
        (b"version: 1\nteams: {defaults: {owner: x}}", "unknown key 'owner'"),
        (b"version: 1\nserver: {cors: {origin: []}}", "did you mean 'origins'?"),
    ],
)
def test_a_wrong_file_is_refused_with_a_sentence(raw: bytes, sentence: str) -> None:
    with pytest.raises(ConfigurationRefused) as refused:
        parse(raw, "headgate.yaml", {})
    assert sentence in refused.value.render()


def test_a_file_that_is_not_there_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationRefused, match=r"none\.yaml:1:1: error: the file cannot be read: No such file"):
        load(tmp_path / "none.yaml", {})


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_a_configuration_or_refused(raw: bytes) -> None:
    with contextlib.suppress(ConfigurationRefused):
        parse(raw, "headgate.yaml", {})


PIECES = re.split(r"([\s{}\[\],:]+)", FULL)
SLIPS = (
    "~",
    "{}",
    "[]",
    "[1]",
    "{a: b}",
    "'*'",
    '""',
    "-1",
    "1e999",
    "true",
    "none",
    "auto",
    "9" * 60,
    "&a [*a]",
    "!x y",
)


@given(st.lists(st.tuples(st.sampled_from(range(0, len(PIECES), 2)), st.sampled_from(SLIPS)), max_size=4))
@settings(max_examples=150, deadline=None)
def test_any_slip_in_a_right_file_is_refused_or_taken_and_never_breaks_the_check(slips: list[tuple[int, str]]) -> None:
    pieces = list(PIECES)
    for index, slip in slips:
        pieces[index] = slip
    with contextlib.suppress(ConfigurationRefused):
        parse("".join(pieces).encode(), "headgate.yaml", {"KEY": "k", "DATABASE": "d"})


def _without_descriptions(node: object, path: str = "") -> list[str]:
    found = []
    if isinstance(node, dict):
        for name, entry in node.get("properties", {}).items():
            if not {"description", "$ref"} & set(entry):
                found.append(f"{path}.{name}")
        for key, value in node.items():
            found += _without_descriptions(value, f"{path}.{key}")
    return found


def test_the_schema_is_json_and_describes_every_key() -> None:
    made = json.loads(json.dumps(schema()))
    assert made["additionalProperties"] is False
    assert set(made["properties"]) == set(Document.model_fields)
    assert _without_descriptions(made) == []
    assert made["$defs"]["ChainSection"]["properties"]["timeout"]["default"] == "600s"


def test_numbering_changes_the_version_alone() -> None:
    loaded = full()
    numbered = loaded.numbered(7)
    assert numbered.policy.version == 7
    assert msgspec.structs.asdict(numbered.policy) == {**msgspec.structs.asdict(loaded.policy), "version": 7}


EMBEDS = """
version: 1
providers:
  near: {kind: openai-like, base_url: "http://127.0.0.1:8000/v1"}
models:
  meaning:
    embeds: true
    deployments:
      - {provider: near, id: a, region: eu, price: {in: 1, out: 0}}
      - {provider: near, id: b, region: eu, price: {in: 1, out: 0}}
  quick: {deployments: [{provider: near, id: llama, region: eu, price: {in: 0, out: 0}}]}
use_cases: {exact: {strict: true}, loose: {}}
"""


def test_a_model_that_embeds_says_so_at_each_deployment_and_is_in_no_chain_of_its_own_accord() -> None:
    policy = parse(EMBEDS.encode(), "headgate.yaml", {}).policy
    assert [one.embeds for one in policy.models["meaning"].deployments] == [True, True]
    assert [one.embeds for one in policy.models["quick"].deployments] == [False]
    assert policy.use_cases["default"].chain.models == ("quick",)


def test_a_use_case_is_strict_where_it_says_so() -> None:
    use_cases = parse(EMBEDS.encode(), "headgate.yaml", {}).policy.use_cases
    assert {name: one.strict for name, one in use_cases.items()} == {"default": False, "exact": True, "loose": False}
