"""Every part of a usage that providers bill apart reaches the ledger, at its own price, from either wire format."""

import json
import urllib.request
from collections.abc import Iterator

import pytest
from tests import postgres
from tests.processes import Served, serve, simulator

pytestmark = pytest.mark.xdist_group("usage")

CONFIGURATION = """
version: 1
providers:
  chat: {{kind: openai-like, base_url: "{simulator}/v1"}}
  messages: {{kind: anthropic, base_url: "{simulator}", key: "${{env:SIMULATOR_KEY}}"}}
models:
  chat:
    deployments:
      - provider: chat
        id: demo
        region: local
        price: {{in: 1, out: 2, cached_in: 0.1, audio_in: 30, audio_out: 60}}
  messages:
    deployments:
      - provider: messages
        id: demo
        region: local
        price: {{in: 3, out: 15, cached_in: 0.3, cache_write: 3.75, cache_write_1h: 6, tool_requests: 10}}
use_cases: {{default: {{chain: any}}}}
chains: {{any: {{try: [chat]}}}}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("platform")
    with simulator() as provider, postgres.fresh_database() as url:
        (directory / "headgate.yaml").write_text(CONFIGURATION.format(simulator=provider))
        running = serve(directory, {"HEADGATE_DATABASE_URL": url, "SIMULATOR_KEY": "sim"})
        try:
            yield running
        finally:
            running.stop()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize(
    ("model", "said", "cost_nano"),
    [
        (
            "chat",
            "in=1000 out=100 cached=400 audio_in=50 audio_out=20",
            550_000 + 40_000 + 1_500_000 + 160_000 + 1_200_000,
        ),
        (
            "messages",
            "in=1000 out=100 cached=200 cache_write=300 cache_write_1h=100 tools=2",
            1_500_000 + 60_000 + 750_000 + 600_000 + 1_500_000 + 20_000_000,
        ),
    ],
)
def test_a_usage_is_booked_whole(
    served: Served, model: str, said: str, cost_nano: int, path: str, stream: bool
) -> None:
    key = served.key("usage")
    content = f"!usage {said}\n!echo counted {path} {stream}"
    body = {"model": model, "max_tokens": 100, "stream": stream, "messages": [{"role": "user", "content": content}]}
    asked = urllib.request.Request(
        served.url + path,
        json.dumps(body).encode(),
        {"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(asked) as answer:
        request_id = answer.headers["x-request-id"]
        answer.read()
    status, found = served.call("GET", f"/admin/v1/ledger?request_id={request_id}")
    assert status == 200
    (entry,) = found["data"]
    told = dict(word.split("=") for word in said.split())
    names = {
        "in": "input_tokens",
        "out": "output_tokens",
        "cached": "cached_tokens",
        "cache_write": "cache_write_tokens",
        "cache_write_1h": "cache_write_1h_tokens",
        "audio_in": "audio_input_tokens",
        "audio_out": "audio_output_tokens",
        "tools": "tool_requests",
    }
    assert {name: entry[field] for name, field in names.items() if entry[field]} == {
        name: int(number) for name, number in told.items()
    }
    assert (entry["cost_nano_usd"], entry["basis"]) == (cost_nano, "reported")


@pytest.mark.parametrize(
    ("model", "uses", "status"), [("messages", {}, 400), ("messages", {"max_uses": 2}, 200), ("chat", {}, 200)]
)
def test_a_tool_without_a_limit_is_refused_where_its_provider_would_run_it(
    served: Served, model: str, uses: dict[str, int], status: int
) -> None:
    """Under a budget; a provider of another format is not told of the tool at all."""
    tools = [{"type": "web_search_20250305", "name": "web_search", **uses}]
    body = {"model": model, "max_tokens": 9, "tools": tools, "messages": [{"role": "user", "content": "!echo x"}]}
    found, answer = served.call("POST", "/v1/messages", body, served.key("tools"))
    assert found == status, answer
    if status == 400:
        assert "max_uses" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"model": "a\0b"}, "characters that no name has"),
        ({"max_tokens": 5 * 10**15}, "16,000,000 tokens"),
        ({"n": 1_000}, "128 answers"),
        ({"messages": [{"role": "user", "content": [{}] * 100_001}]}, "100,000 objects"),
    ],
)
def test_what_no_sum_of_money_holds_is_refused_and_the_books_go_on(
    served: Served, more: dict[str, object], said: str
) -> None:
    key = served.key("bounds")
    body = {"model": "chat", "messages": [{"role": "user", "content": "!echo x"}], **more}
    status, answer = served.call("POST", "/v1/chat/completions", body, key)
    assert status == 400
    assert said in answer["error"]["message"]
    assert served.call("GET", "/health/journal")[1]["details"]["projecting"]
