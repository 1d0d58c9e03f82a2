"""Responses over HTTP: passed on byte for byte where a provider speaks them, each way they can end, and refused."""

import json
from typing import Any

import pytest
from tests.rooms.wire.golden_files import read
from tests.surfaces.house import CHAT_STREAM, ByHost, House, Script

from headgate.domain.money import Price
from headgate.domain.policy import Chain, Deployment, Model, Policy, Provider, UseCase
from headgate.journal.records import AttemptClose

PATH = "/v1/responses"
WHOLE = read("answers/responses_tools.json")
STREAM = read("answers/responses_hosted_tool.sse")
FAILED = read("answers/responses_failed_error.sse")
RAW = (
    b'{ "input": [{"role":"user","content":"caf\\u00e9"}, {"type":"x_new","role":"","n":1.50}], "model":"gpt",'
    b'"include":["x.y"], "tools" : [{"type":"web_search"}], "x_unknown":{"kept" : true}%s}'
)


def house(script: Script, chats: Script | None = None) -> House:
    """OpenAI first, a server of chats behind it."""
    price = Price(1_000_000, 2_000_000)
    models = [
        Model("gpt", "standard", (Deployment("official/gpt-1", "official", "gpt-1", "eu", price, 700),)),
        Model("llama", "standard", (Deployment("chats/llama-1", "chats", "llama-1", "eu", price),)),
    ]
    providers = [
        Provider("official", "openai", "http://official/v1", "secret"),
        Provider("chats", "openai-like", "http://chats/v1", "secret"),
    ]
    use_cases = {"default": UseCase("default", ("direct",), Chain("all", ("gpt", "llama")))}
    under = Policy(3, "digest", {one.name: one for one in providers}, {one.name: one for one in models}, use_cases)
    return House(ByHost(official=script, chats=chats or Script(list(CHAT_STREAM))), under=under)


def booked(small: House) -> list[tuple[int, int, str]]:
    closed = [body for body in small.journal.bodies if isinstance(body, AttemptClose)]
    return [(one.usage.input_tokens, one.usage.output_tokens, one.basis.value) for one in closed]


async def test_request_and_whole_answer_pass_unchanged_but_for_model_and_limit() -> None:
    small = house(Script([WHOLE]))
    raw = RAW % b""
    response = await small.call("POST", PATH, raw, openai_beta="b=1")
    assert (response.status, response.body) == (200, WHOLE)
    assert "x-headgate-dropped" not in response.headers
    [upstream] = small.script.scripts["official"].sent
    assert upstream.url == "http://official/v1/responses"
    assert dict(upstream.headers)["openai-beta"] == "b=1"
    assert json.loads(upstream.body) == {**json.loads(raw), "model": "gpt-1", "max_output_tokens": 700}
    for kept in (b'[{"role":"user","content":"caf\\u00e9"}, {"type":"x_new","role":"","n":1.50}]', b'{"kept" : true}'):
        assert kept in upstream.body
    assert booked(small) == [(25, 12, "reported")]


async def test_a_stream_passes_to_the_byte_events_that_nobody_here_knows_included() -> None:
    strange = b'event: response.new_thing\ndata: {"type":"response.new_thing","x":[1.50]}\n\n: ping\n\n'
    frames = STREAM.split(b"\n\n")
    stream = b"\n\n".join(frames[:4]) + b"\n\n" + strange + b"\n\n".join(frames[4:])
    small = house(Script([stream[:100], stream[100:101], stream[101:]]))
    response = await small.call("POST", PATH, RAW % b',"stream":true')
    assert (response.status, response.body, response.whole) == (200, stream, True)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert booked(small) == [(25, 12, "reported")]


async def test_a_stream_that_the_provider_fails_ends_with_its_own_event_alone() -> None:
    frames = [frame + b"\n\n" for frame in FAILED.split(b"\n\n")[:-1]]
    small = house(Script(frames))
    response = await small.call("POST", PATH, RAW % b',"stream":true')
    assert response.body == FAILED
    assert booked(small) == [(25, 12, "estimated")]
    assert [close.outcome for close in small.closes] == ["failed"]


async def test_a_stream_that_breaks_off_ends_with_an_error_event() -> None:
    frames = [frame + b"\n\n" for frame in FAILED.split(b"\n\n")[:-2]]
    small = house(Script(frames))
    response = await small.call("POST", PATH, RAW % b',"stream":true')
    name, last = response.frames[-1]
    assert response.body.startswith(b"".join(frames))
    assert (name, last["type"], last["code"], last["param"]) == ("error", "error", "provider_error", None)
    assert last["headgate"]["request_id"] == response.headers["x-request-id"]


async def test_where_openai_is_away_a_server_of_chats_answers_and_says_what_it_was_not_told() -> None:
    small = house(Script([b'{"error":{"message":"later"}}'], status=503))
    response = await small.call("POST", PATH, RAW % b',"stream":true')
    kinds = [name for name, _ in response.frames]
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    final = response.frames[-1][1]["response"]
    assert final["output"][0]["content"][0]["text"] == "Hello there"
    assert final["tools"] == [{"type": "web_search"}]
    assert final["usage"]["total_tokens"] == 5
    assert response.headers["x-headgate-dropped"] == "x_unknown, include.x.y, input.x_new, tools.web_search"
    assert response.headers["x-headgate-fallbacks"] == "1"


async def test_a_providers_own_error_passes_unchanged() -> None:
    error = b'{"error": {"message": "bad item", "type": "invalid_request_error", "param": "input[1]", "code": null}}'
    response = await house(Script([error], status=400)).call("POST", PATH, RAW % b"")
    assert (response.status, response.body) == (400, error)


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"previous_response_id": "resp_1"}, 422, "invalid_parameter"),
        ({"background": True}, 422, "invalid_parameter"),
        ({"max_output_tokens": 0}, 400, "invalid_request"),
        ({"model": "gpd"}, 404, "model_not_found"),
    ],
)
async def test_a_refusal_has_openais_shape_and_nothing_is_sent(fields: dict[str, Any], status: int, code: str) -> None:
    small = house(Script([WHOLE]))
    response = await small.call("POST", PATH, {"input": "hi", "model": "gpt", **fields})
    assert (response.status, response.json["error"]["code"]) == (status, code)
    assert response.json["error"]["type"] == "invalid_request_error"
    assert response.json["headgate"]["code"] == code
    assert small.script.scripts["official"].sent == []


async def test_other_methods_and_kept_responses_are_not_there() -> None:
    small = house(Script([WHOLE]))
    assert (await small.call("GET", PATH)).status == 405
    assert (await small.call("GET", f"{PATH}/resp_1")).status == 404
