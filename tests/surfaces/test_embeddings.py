"""Embeddings over HTTP: passed on byte for byte, charged for their input, answered by one vector space alone."""

import json
from typing import Any

import pytest
from tests.surfaces.house import NARROW, ByHost, House, Script

from headgate.domain.money import Price
from headgate.domain.policy import Chain, Deployment, Model, Policy, Provider, UseCase
from headgate.journal.records import AttemptClose, AttemptOpen
from headgate.pool.transport import TransportFailed

PATH = "/v1/embeddings"
WHOLE = (
    b'{"object": "list", "x_unknown": {"kept": true}, "data": [{"object": "embedding", "index": 0, '
    b'"embedding": [0.25, -1e-3]}], "model": "up-1", "usage": {"prompt_tokens": 7, "total_tokens": 7}}'
)
FAILS = b'{"error": {"message": "try later"}}'


def model(name: str, *ids: str, embeds: bool = False) -> Model:
    """A model whose deployments are `provider/id`."""
    deployments = []
    for at in ids:
        provider, _, model_id = at.partition("/")
        deployments.append(Deployment(at, provider, model_id, "eu", Price(1_000_000, 9_000_000), embeds=embeds))
    return Model(name, "standard", tuple(deployments))


def under() -> Policy:
    """Two servers that embed, one that cannot; models that mix them."""
    models = [
        model("one", "first/e5", "second/e5"),
        model("mixed", "ant/claude", "first/e5", "second/bge", "second/e5"),
        model("same", "first/e5-a", "second/e5-b", embeds=True),
        model("other", "second/bge"),
        model("chat", "ant/claude"),
    ]
    providers = [
        Provider("first", "openai-like", "http://first/v1", "s"),
        Provider("second", "openai-like", "http://second/openai/v1", "s"),
        Provider("ant", "anthropic", "http://ant", "s"),
    ]
    use_cases = {
        "default": UseCase("default", ("direct",), Chain("all", ("one", "mixed", "other", "chat"))),
        "vectors": UseCase("vectors", ("direct",), Chain("v", ("one", "other"))),
        "talk": UseCase("talk", ("direct",), Chain("t", ("chat", "one"))),
    }
    return Policy(3, "digest", {one.name: one for one in providers}, {one.name: one for one in models}, use_cases)


def house(first: Script | None = None, second: Script | None = None, ant: Script | None = None) -> House:
    scripts = {"first": first or Script([WHOLE]), "second": second or Script([WHOLE]), "ant": ant or Script([b"{}"])}
    return House(ByHost(**scripts), under=under())


def sent(small: House) -> dict[str, list[Any]]:
    """What each provider was asked: the model's ids."""
    return {
        host: [json.loads(one.body)["model"] for one in script.sent] for host, script in small.script.scripts.items()
    }


async def test_request_and_answer_pass_unchanged_but_for_the_models_id() -> None:
    small = house()
    raw = b'{ "input": ["caf\\u00e9", "x"], "model":"one","dimensions": 8 , "encoding_format":"base64", "x_new": 1.50}'
    response = await small.call("POST", PATH, raw)
    assert (response.status, response.body) == (200, WHOLE)
    [upstream] = small.script.scripts["first"].sent
    assert upstream.url == "http://first/v1/embeddings"
    fields = json.loads(raw)
    assert json.loads(upstream.body) == {**fields, "model": "e5"}
    assert b'["caf\\u00e9", "x"]' in upstream.body
    assert b"1.50" in upstream.body
    headers = dict(upstream.headers)
    assert headers["authorization"] == "Bearer s"
    assert headers["x-headgate-attempt"] == f"{response.headers['x-request-id']}-1"


async def test_an_embedding_is_journalled_charged_logged_and_counted() -> None:
    small = house()
    raw = b'{"input":"hello","model":"one"}'
    response = await small.call("POST", PATH, raw)
    head = response.headers
    assert (head["x-headgate-cost-usd"], head["x-headgate-model"]) == ("0.000007", "e5")
    assert (head["x-headgate-deployment"], head["x-headgate-pipeline"]) == ("first/e5", "direct")
    assert (head["x-ratelimit-limit-requests"], head["x-ratelimit-remaining-requests"]) == ("100", "99")
    [opened] = [body for body in small.journal.bodies if isinstance(body, AttemptOpen)]
    assert (opened.purpose, opened.model, opened.deployment) == ("answer", "one", "first/e5")
    assert opened.hold_nano == (64 + len(raw)) * 1_000, "input alone, no output"
    [closed] = [body for body in small.journal.bodies if isinstance(body, AttemptClose)]
    assert (closed.usage.input_tokens, closed.usage.output_tokens, closed.basis) == (7, 0, "reported")
    assert closed.cost_nano == 7_000
    [close] = small.closes
    assert (close.wire, close.outcome, close.model, close.cost_nano) == ("openai-embeddings", "answered", "one", 7_000)
    metrics = (await small.call("GET", "/metrics")).body.decode().splitlines()
    assert 'headgate_calls_total{wire="openai-embeddings",outcome="answered"} 1' in metrics
    assert 'headgate_tokens_total{model="one",direction="input"} 7' in metrics
    line = next(line for line in small.lines() if line["type"] == "call")
    assert (line["model"], line["tokens_in"], line["tokens_out"], line["outcome"]) == ("one", 7, 0, "answered")


@pytest.mark.parametrize(
    "failing", [Script([FAILS], status=503), Script([TransportFailed("reset")]), Script([b'{"data": []}'])]
)
async def test_another_deployment_of_the_same_id_stands_in(failing: Script) -> None:
    small = house(first=failing)
    response = await small.call("POST", PATH, {"input": "hello", "model": "one"})
    assert response.status == 200
    assert response.headers["x-headgate-fallbacks"] == "1"
    assert response.headers["x-headgate-deployment"] == "second/e5"
    assert sent(small) == {"first": ["e5"], "second": ["e5"], "ant": []}
    assert small.script.scripts["second"].sent[0].url == "http://second/openai/v1/embeddings"


async def test_no_other_vector_space_stands_in_whatever_the_chain_says() -> None:
    small = house(first=Script([FAILS], status=503), second=Script([FAILS], status=503))
    response = await small.call("POST", PATH, {"input": "hello", "model": "one"})
    assert response.status == 503
    assert response.body == FAILS
    assert sent(small) == {"first": ["e5"], "second": ["e5"], "ant": []}, "neither 'mixed' nor 'other'"


async def test_of_a_mixed_model_only_the_id_of_the_first_that_embeds_is_asked() -> None:
    small = house(first=Script([FAILS], status=503))
    response = await small.call("POST", PATH, {"input": "hello", "model": "mixed"})
    assert response.headers["x-headgate-deployment"] == "second/e5"
    assert sent(small) == {"first": ["e5"], "second": ["e5"], "ant": []}


async def test_a_model_that_embeds_has_the_same_vectors_under_other_ids() -> None:
    small = house(first=Script([FAILS], status=503))
    response = await small.call("POST", PATH, {"input": "hello", "model": "same"})
    assert response.status == 200
    assert sent(small) == {"first": ["e5-a"], "second": ["e5-b"], "ant": []}


@pytest.mark.parametrize("asked", [{"model": "vectors"}, {"model": "auto"}, {}])
async def test_where_no_model_is_named_the_first_of_the_chain_stands_alone(asked: dict[str, str]) -> None:
    small = house(first=Script([FAILS], status=503), second=Script([FAILS], status=503))
    response = await small.call("POST", PATH, {"input": "hello", **asked})
    assert response.status == 503
    assert sent(small) == {"first": ["e5"], "second": ["e5"], "ant": []}


@pytest.mark.parametrize("asked", ["chat", "talk"])
async def test_a_model_whose_provider_cannot_embed_is_refused_in_openais_shape(asked: str) -> None:
    small = house()
    response = await small.call("POST", PATH, {"input": "hello", "model": asked})
    assert response.status == 400
    error = response.json["error"]
    assert error["message"] == (
        "The model 'chat' cannot embed: none of its providers takes embeddings; name a model that embeds."
    )
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", "model", "invalid_request")
    assert response.json["headgate"]["request_id"] == response.headers["x-request-id"]
    assert not any(sent(small).values())
    assert not [body for body in small.journal.bodies if isinstance(body, AttemptOpen)]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/generate"])
async def test_a_model_that_only_embeds_is_asked_for_no_conversation(path: str) -> None:
    body = {"model": "same", "max_tokens": 9}
    body["prompt" if path == "/v1/generate" else "messages"] = (
        "hello" if path == "/v1/generate" else [{"role": "user", "content": "hello"}]
    )
    small = house()
    response = await small.call("POST", path, body)
    assert response.status == 400
    assert "only embeds; send it to /v1/embeddings" in response.json["error"]["message"]
    assert not any(sent(small).values())


@pytest.mark.parametrize("field", [{"stream": True}, {"stream_options": {"include_usage": True}}])
async def test_streaming_is_refused(field: dict[str, Any]) -> None:
    response = await house().call("POST", PATH, {"input": "hello", "model": "one", **field})
    assert response.status == 400
    assert response.json["error"]["param"] == next(iter(field))
    assert "not streamed" in response.json["error"]["message"]


async def test_refusals_come_in_the_order_of_the_contract() -> None:
    small = house()
    good, broken = {"input": "hello", "model": "one"}, b"{"
    assert (await small.call("POST", PATH, broken, authorization="")).status == 401
    assert (await small.call("POST", PATH, broken, authorization="Bearer hg_unknown")).status == 401
    assert (await small.call("POST", PATH, broken, X_Headgate_Use_Case="nothing")).status == 404
    narrow = {"authorization": f"Bearer {NARROW}"}
    assert (await small.call("POST", PATH, good, **narrow)).status == 200
    limited = await small.call("POST", PATH, broken, **narrow)
    assert (limited.status, limited.json["error"]["code"]) == (429, "rate_limited")
    assert (await small.call("POST", PATH, broken)).status == 400
    unknown = await small.call("POST", PATH, {"input": "hello", "model": "two"})
    assert (unknown.status, unknown.json["error"]["code"]) == (404, "model_not_found")
    assert (await small.call("POST", PATH, good, X_Headgate_Priority="urgent")).status == 400


async def test_a_providers_own_error_reaches_the_caller_unchanged() -> None:
    raw = b'{"error": {"message": "dimensions not supported", "type": "invalid_request_error"}, "x": 1}'
    small = house(first=Script([raw], status=400))
    response = await small.call("POST", PATH, {"input": "hello", "model": "one"})
    assert (response.status, response.body) == (400, raw)
    assert sent(small)["second"] == []


async def test_an_answer_without_usage_is_charged_by_estimate() -> None:
    small = house(first=Script([b'{"data": [{"embedding": [1.0]}]}']))
    raw = b'{"input":"hello","model":"one"}'
    assert (await small.call("POST", PATH, raw)).status == 200
    [closed] = [body for body in small.journal.bodies if isinstance(body, AttemptClose)]
    assert (closed.usage.input_tokens, closed.usage.output_tokens, closed.basis) == (len(raw) // 4 + 1, 0, "estimated")
