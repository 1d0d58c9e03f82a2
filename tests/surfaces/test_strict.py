"""Strict calls: what a provider cannot be told is refused and named before anything is sent, or told elsewhere."""

from typing import Any

import msgspec
import pytest
from tests.surfaces.house import CHAT_STREAM, CHAT_WHOLE, ByHost, House, Script, policy

from headgate.domain.policy import Policy
from headgate.journal.records import AttemptOpen
from headgate.pool.transport import TransportFailed

MESSAGE_WHOLE = (
    b'{"id":"m1","type":"message","role":"assistant","model":"up-2","content":[{"type":"text","text":"Hello"}],'
    b'"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":1}}'
)
HELLO = [{"role": "user", "content": "hello"}]
CHAT = {"model": "claude", "messages": HELLO, "seed": 7, "logit_bias": {"1": 2}}
MESSAGES = {"model": "gpt", "max_tokens": 9, "messages": HELLO, "top_k": 3}
NATIVE = {"model": "claude", "prompt": "hello", "response_format": {"type": "json_object"}}
STRICT = {"X_Headgate_Strict": "true"}
SURFACES = [
    ("/v1/chat/completions", CHAT, ["logit_bias", "seed"], "anthropic-messages"),
    ("/v1/messages", MESSAGES, ["top_k"], "openai-chat"),
    ("/v1/generate", NATIVE, ["response_format.json_object"], "anthropic-messages"),
]


def both() -> Policy:
    """The house's models under a strict use case, and one whose deployments speak two formats."""
    known = policy()
    default = known.use_cases["default"]
    models = {**known.models, "pair": known.models["claude"]}
    pair = models["pair"]
    models["pair"] = msgspec.structs.replace(
        pair, name="pair", deployments=pair.deployments + known.models["gpt"].deployments
    )
    use_cases = {"default": default, "exact": msgspec.structs.replace(default, name="exact", strict=True)}
    chain = msgspec.structs.replace(default.chain, models=())
    use_cases["alone"] = msgspec.structs.replace(default, name="alone", chain=chain, strict=True)
    return msgspec.structs.replace(known, models=models, use_cases=use_cases)


def house(oai: Script | None = None, ant: Script | None = None) -> House:
    return House(ByHost(oai=oai or Script([CHAT_WHOLE]), ant=ant or Script([MESSAGE_WHOLE])), under=both())


def asked(small: House) -> dict[str, int]:
    return {host: len(script.sent) for host, script in small.script.scripts.items()}


@pytest.mark.parametrize(("path", "body", "names", "wire"), SURFACES)
async def test_what_cannot_be_told_is_named_and_nothing_is_sent_or_charged(
    path: str, body: dict[str, Any], names: list[str], wire: str
) -> None:
    small = house()
    response = await small.call("POST", path, body, X_Headgate_Use_Case="alone")
    assert response.status == 400
    said = response.json["headgate"]
    assert said["code"] == "invalid_request"
    assert [field["param"] for field in said["fields"]] == names
    message = response.json["error"]["message"]
    assert f"cannot be told {', '.join(names)}: its provider speaks {wire}." in message
    assert asked(small) == {"oai": 0, "ant": 0}
    assert not [frame for frame in small.journal.bodies if isinstance(frame, AttemptOpen)]
    [close] = small.closes
    assert (close.outcome, close.code, close.attempts, close.cost_nano) == ("refused", "invalid_request", 0, 0)


@pytest.mark.parametrize(("path", "body", "names", "wire"), SURFACES)
async def test_without_the_wish_it_stays_behind_and_is_named(
    path: str, body: dict[str, Any], names: list[str], wire: str
) -> None:
    for lenient in ({}, {"X_Headgate_Strict": "false"}):
        response = await house().call("POST", path, body, **lenient)
        assert response.status == 200
        assert set(names) <= set(response.headers["x-headgate-dropped"].split(", "))


@pytest.mark.parametrize("wish", [STRICT, {"X_Headgate_Use_Case": "exact"}])
async def test_a_header_and_a_use_case_ask_for_it_alike(wish: dict[str, str]) -> None:
    small = house(oai=Script([TransportFailed("away")]))
    response = await small.call("POST", "/v1/messages", MESSAGES, **wish)
    assert (response.status, response.json["headgate"]["code"]) == (400, "invalid_request")
    assert asked(small) == {"oai": 0, "ant": 0}


async def test_a_caller_cannot_loosen_what_the_use_case_asks_for() -> None:
    lenient = {"X_Headgate_Use_Case": "exact", "X_Headgate_Strict": "false"}
    assert (await house().call("POST", "/v1/messages", MESSAGES, **lenient)).status == 400


@pytest.mark.parametrize("stream", [False, True])
async def test_another_deployment_that_can_be_told_all_answers(stream: bool) -> None:
    small = house(oai=Script(list(CHAT_STREAM) if stream else [CHAT_WHOLE]))
    body = {**CHAT, "model": "pair", "stream": stream}
    response = await small.call("POST", "/v1/chat/completions", body, **STRICT)
    assert response.status == 200
    assert response.headers["x-headgate-deployment"] == "oai/up-1"
    assert response.headers["x-headgate-fallbacks"] == "0", "the first was not tried"
    assert asked(small) == {"oai": 1, "ant": 0}
    steps = [step.sentence for step in small.journal.records[0].steps if step.name == "run"]
    assert steps[0].startswith(
        "ant/up-2 was not asked: The call is strict, and ant/up-2 cannot be told logit_bias, seed"
    )


async def test_a_deployment_that_could_be_told_and_failed_is_what_the_caller_hears_of() -> None:
    small = house(oai=Script([TransportFailed("away")]))
    response = await small.call("POST", "/v1/chat/completions", {**CHAT, "model": "pair"}, **STRICT)
    assert (response.status, response.json["error"]["code"]) == (502, "provider_error")


async def test_a_deployment_that_could_be_told_and_is_held_back_makes_it_a_matter_of_time() -> None:
    small = house(oai=Script([TransportFailed("away")]))
    for _ in range(5):
        await small.call("POST", "/v1/chat/completions", {**CHAT, "model": "gpt"})
    response = await small.call("POST", "/v1/chat/completions", {**CHAT, "model": "pair"}, **STRICT)
    assert (response.status, response.json["error"]["code"]) == (503, "no_deployment_available")


async def test_what_is_told_whole_passes_strictly_and_a_label_is_no_loss() -> None:
    schema = {"name": "answer", "schema": {"type": "object"}, "strict": True}
    body = {"model": "claude", "prompt": "x", "response_format": {"type": "json_schema", "json_schema": schema}}
    response = await house().call("POST", "/v1/generate", body, **STRICT)
    assert response.status == 200
    assert response.headers["x-headgate-dropped"] == "response_format.json_schema.name"
    same = {"model": "gpt", "messages": HELLO, "seed": 7, "logit_bias": {"1": 2}}
    response = await house().call("POST", "/v1/chat/completions", same, **STRICT)
    assert response.status == 200
    assert "x-headgate-dropped" not in response.headers


@pytest.mark.parametrize(("path", "body", "names", "wire"), SURFACES)
async def test_the_header_is_true_or_false(path: str, body: dict[str, Any], names: list[str], wire: str) -> None:
    response = await house().call("POST", path, body, X_Headgate_Strict="yes")
    assert response.status == (422 if path == "/v1/generate" else 400)
    assert "X-Headgate-Strict is true or false" in response.json["error"]["message"]
