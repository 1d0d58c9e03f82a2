"""Embeddings, models and forms of answers on a served platform, asked by the official SDKs; ledger and bill agree."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from tests import postgres
from tests.processes import Served, serve, simulator

pytestmark = pytest.mark.xdist_group("embeddings")  # one platform serves all of this file

CONFIGURATION = """
version: 1
providers:
  demo: {{kind: demo}}
  near: {{kind: openai-like, base_url: "{simulator}/v1"}}
  messages: {{kind: anthropic, base_url: "{simulator}", key: "${{env:SIMULATOR_KEY}}"}}
models:
  demo: {{deployments: [{{provider: demo, id: demo, region: local}}]}}
  org/near: {{embeds: true, deployments: [{{provider: near, id: embed-1, region: local, price: {{in: 1, out: 0}}}}]}}
  claude: {{deployments: [{{provider: messages, id: claude, region: local, price: {{in: 3, out: 15}}}}]}}
chains: {{alone: {{try: [claude]}}}}
use_cases: {{exact: {{chain: alone, strict: true}}}}
"""
TEXTS = ["How do I get a refund for my order?", "When is an order refunded?", "The weather in Paris is sunny today"]


class Running:
    """A served platform, the simulator behind it, and clients for a key."""

    def __init__(self, served: Served, simulator_url: str) -> None:
        self.served = served
        self._simulator_url = simulator_url

    def openai(self, key: str) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.served.url}/v1", api_key=key, max_retries=0)

    def anthropic(self, key: str) -> anthropic.Anthropic:
        return anthropic.Anthropic(base_url=self.served.url, api_key=key, max_retries=0)

    def entries(self, team: str) -> list[dict[str, Any]]:
        """The team's ledger entries, the oldest first."""
        status, answer = self.served.call("GET", f"/admin/v1/ledger?team={team}")
        assert status == 200
        return list(reversed(answer["data"]))

    def bills(self) -> dict[str, dict[str, Any]]:
        """What the simulator billed, by attempt."""
        with urllib.request.urlopen(f"{self._simulator_url}/billing") as answer:
            return {bill["request_id"]: bill for bill in json.loads(answer.read())["answers"]}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("platform")
    with simulator() as provider, postgres.fresh_database() as url:
        (directory / "headgate.yaml").write_text(CONFIGURATION.format(simulator=provider))
        served = serve(directory, {"HEADGATE_DATABASE_URL": url, "SIMULATOR_KEY": "sim"})
        try:
            yield Running(served, provider)
        finally:
            served.stop()


def nearness(one: list[float], other: list[float]) -> float:
    return sum(left * right for left, right in zip(one, other, strict=True))


@pytest.mark.parametrize("model", ["demo", "org/near"])
def test_the_sdk_embeds_in_its_base64_and_in_floats_alike(running: Running, model: str) -> None:
    with running.openai(running.served.key("alike")) as client:
        answer = client.embeddings.create(model=model, input=TEXTS)
        plain = client.embeddings.create(model=model, input=TEXTS, encoding_format="float")
        short = client.embeddings.create(model=model, input=[[1, 2, 3], [4]], dimensions=8, user="ann")
    vectors = [one.embedding for one in answer.data]
    assert [len(vector) for vector in vectors] == [256, 256, 256]
    assert nearness(vectors[0], vectors[0]) == pytest.approx(1, abs=1e-6)
    assert nearness(vectors[0], vectors[1]) > 0.3 > 0.2 > nearness(vectors[0], vectors[2])
    for packed, written in zip(answer.data, plain.data, strict=True):
        assert packed.embedding == pytest.approx(written.embedding, abs=1e-7)
    assert [len(one.embedding) for one in short.data] == [8, 8]
    assert short.usage.prompt_tokens == 4


async def test_the_asynchronous_sdk_embeds_many_at_once_and_ledger_bill_and_answers_agree(running: Running) -> None:
    key = await asyncio.to_thread(running.served.key, "many", budget="1 USD/month")
    async with openai.AsyncOpenAI(base_url=f"{running.served.url}/v1", api_key=key, max_retries=0) as client:
        calls = [
            client.embeddings.with_raw_response.create(model=("org/near", "demo")[n % 2], input=[f"text {n}"] * (1 + n))
            for n in range(20)
        ]
        raws = await asyncio.gather(*calls)
    told = {raw.headers["x-request-id"]: raw.parse().usage.prompt_tokens for raw in raws}
    status, report = await asyncio.to_thread(running.served.call, "GET", "/v1/cost-report/many")
    entries = await asyncio.to_thread(running.entries, "many")
    assert status == 200
    assert {entry["request_id"]: entry["input_tokens"] for entry in entries} == told
    assert {(entry["purpose"], entry["outcome"], entry["basis"]) for entry in entries} == {
        ("answer", "answered", "reported")
    }
    assert all(entry["output_tokens"] == 0 for entry in entries)
    assert all(entry["cost_nano_usd"] == entry["input_tokens"] * 1_000 for entry in entries)
    assert report["spent_nano_usd"] == sum(entry["cost_nano_usd"] for entry in entries)
    bills = await asyncio.to_thread(running.bills)
    of_simulator = [entry for entry in entries if entry["model"] == "org/near"]
    assert len(of_simulator) == 10
    for entry in of_simulator:
        bill = bills[f"{entry['request_id']}-1"]
        assert (bill["input_tokens"], bill["output_tokens"], bill["model"]) == (entry["input_tokens"], 0, "embed-1")


def test_a_spent_budget_ends_embeddings_as_every_call(running: Running) -> None:
    with running.openai(running.served.key("poor", budget="0.0001 USD/month")) as client:
        with pytest.raises(openai.APIStatusError, match="budget") as refused:
            client.embeddings.create(model="demo", input="refund " * 1_000)
        assert (refused.value.status_code, refused.value.code) == (402, "estimate_exceeds_budget")
    assert running.entries("poor") == []


def test_the_sdk_raises_what_a_refusal_means(running: Running) -> None:
    with running.openai(running.served.key("refused")) as client:
        with pytest.raises(openai.NotFoundError, match="There is no model 'demoo'; did you mean 'demo'"):
            client.embeddings.create(model="demoo", input="x")
        with pytest.raises(openai.BadRequestError, match="The model 'claude' cannot embed"):
            client.embeddings.create(model="claude", input="x")
        with pytest.raises(openai.BadRequestError, match="not streamed"):
            client.embeddings.create(model="demo", input="x", extra_body={"stream": True})
        with pytest.raises(openai.BadRequestError, match="only embeds"):
            client.chat.completions.create(model="org/near", messages=[{"role": "user", "content": "x"}])
        with pytest.raises(openai.BadRequestError, match="maximum context length"):
            client.embeddings.create(model="org/near", input="x " * 8_193)
        with pytest.raises(openai.InternalServerError, match="as the message directs"):
            client.embeddings.create(model="org/near", input="!fail 500\nx")
    assert [entry["cost_nano_usd"] for entry in running.entries("refused")] == [0, 0]


def test_the_sdks_list_and_retrieve_models(running: Running) -> None:
    key = running.served.key("lists")
    with running.openai(key) as client:
        assert [model.id for model in client.models.list()] == ["demo", "org/near", "claude"]
        assert client.models.retrieve("org/near").id == "org/near"
    with running.anthropic(key) as messages:
        assert [model.id for model in messages.models.list(limit=1)] == ["demo", "org/near", "claude"]
        assert messages.models.retrieve("org/near").display_name == "org/near"
        with pytest.raises(anthropic.NotFoundError):
            messages.models.retrieve("org/far")
    status, shown = running.served.call("GET", "/v1/models", key=key)
    assert (status, shown["fallback_chain"]) == (200, ["demo", "claude"]), "a model that only embeds answers nothing"


def test_a_team_without_a_use_case_is_shown_no_models(running: Running) -> None:
    with running.openai(running.served.key("nothing", use_cases=[])) as client:
        assert [model.id for model in client.models.list()] == []
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("demo")


@pytest.mark.parametrize("model", ["demo", "claude"])
def test_a_native_answer_has_the_form_that_was_asked_for(running: Running, model: str) -> None:
    key = running.served.key("forms")
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "trip", "schema": schema, "strict": True}}
    body = {"prompt": "Where?", "model": model, "response_format": wanted}
    status, answer = running.served.call("POST", "/v1/generate", body, key)
    assert status == 200
    assert list(json.loads(answer["content"])) == ["city"]


def test_a_strict_use_case_refuses_what_a_provider_cannot_be_told(running: Running) -> None:
    key = running.served.key("strict")
    with running.anthropic(key) as messages:
        answer = messages.messages.create(
            model="claude",
            max_tokens=9,
            messages=[{"role": "user", "content": "x"}],
            extra_headers={"X-Headgate-Strict": "true"},
        )
        assert answer.role == "assistant"
    with running.openai(key) as client:
        asked: Any = {"model": "claude", "messages": [{"role": "user", "content": "x"}], "seed": 7}
        lenient = client.chat.completions.with_raw_response.create(**asked)
        assert lenient.headers["x-headgate-dropped"] == "seed"
        with pytest.raises(openai.BadRequestError, match="messages/claude cannot be told seed") as refused:
            client.chat.completions.create(**asked, extra_headers={"X-Headgate-Use-Case": "exact"})
        assert refused.value.param == "seed"
    assert len(running.entries("strict")) == 2, "the refused call cost nothing"
