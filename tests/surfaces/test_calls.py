"""Calls over the three surfaces: what is passed on unchanged, what is written anew, and with which headers."""

import json

import pytest
from tests.surfaces.house import CHAT_FRAMES, CHAT_STREAM, CHAT_USAGE, CHAT_WHOLE, DONE, House, Script

from headgate.domain.refusal import Refusal

ASK = {"model": "gpt", "messages": [{"role": "user", "content": "Say hello"}]}
MESSAGE = {"model": "gpt", "max_tokens": 50, "messages": [{"role": "user", "content": "Say hello"}]}


async def test_a_whole_answer_on_the_same_wire_format_leaves_byte_for_byte() -> None:
    house = House(Script([CHAT_WHOLE]))
    response = await house.call("POST", "/v1/chat/completions", ASK)
    assert response.status == 200
    assert response.body == CHAT_WHOLE
    assert json.loads(house.script.sent[0].body)["model"] == "up-1"


async def test_a_stream_on_the_same_wire_format_leaves_byte_for_byte_less_the_usage_nobody_asked_for() -> None:
    asked = {**ASK, "stream": True, "stream_options": {"include_usage": True}}
    response = await House(Script(list(CHAT_STREAM))).call("POST", "/v1/chat/completions", asked)
    assert response.body == b"".join(CHAT_STREAM)
    response = await House(Script(list(CHAT_STREAM))).call("POST", "/v1/chat/completions", {**ASK, "stream": True})
    assert response.body == b"".join([*CHAT_FRAMES, DONE])
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"


async def test_a_whole_native_answer_is_the_object_of_the_contract() -> None:
    house = House(Script([CHAT_WHOLE]))
    response = await house.call("POST", "/v1/generate", {"prompt": "Say hello"})
    answer = response.json
    assert answer.pop("latency_ms") >= 0
    assert answer == {
        "request_id": response.headers["x-request-id"],
        "content": "Hello there",
        "model_used": "up-1",
        "pipeline_used": "direct",
        "tokens_in": 3,
        "tokens_out": 2,
        "cached": False,
        "cost_usd": 7e-06,
    }
    sent = json.loads(house.script.sent[0].body)
    assert sent["temperature"] == 0.3
    assert 1024 in (sent.get("max_tokens"), sent.get("max_completion_tokens"))


async def test_a_native_stream_is_deltas_and_then_the_answer_less_its_content() -> None:
    house = House(Script(list(CHAT_STREAM)))
    response = await house.call("POST", "/v1/generate", {"prompt": "Say hello", "stream": True})
    assert [frame for frame in response.frames if frame[0] == "delta"] == [
        ("delta", {"text": "Hello"}),
        ("delta", {"text": " there"}),
    ]
    name, done = response.frames[-1]
    assert name == "done"
    assert "content" not in done
    assert (done["tokens_in"], done["tokens_out"], done["cost_usd"]) == (3, 2, 7e-06)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_crosses_to_a_provider_of_another_wire_format(stream: bool) -> None:
    house = House(Script(list(CHAT_STREAM) if stream else [CHAT_WHOLE]))
    response = await house.call("POST", "/v1/messages", {**MESSAGE, "stream": stream, "top_k": 3})
    assert response.status == 200
    assert "top_k" in response.headers["x-headgate-dropped"]
    if stream:
        names = [name for name, _ in response.frames]
        assert (names[0], names[-1]) == ("message_start", "message_stop")
        texts = [data["delta"]["text"] for name, data in response.frames if name == "content_block_delta"]
        assert "".join(texts) == "Hello there"
    else:
        assert response.json["content"] == [{"type": "text", "text": "Hello there", "citations": None}]
        assert response.json["usage"]["output_tokens"] == 2


async def test_the_headers_of_an_answer_say_who_answered_and_at_what_cost() -> None:
    response = await House(Script([CHAT_WHOLE])).call("POST", "/v1/chat/completions", ASK)
    head = response.headers
    assert head["x-headgate-model"] == "up-1"
    assert head["x-headgate-deployment"] == "oai/up-1"
    assert head["x-headgate-pipeline"] == "direct"
    assert head["x-headgate-fallbacks"] == "0"
    assert head["x-headgate-cost-usd"] == "0.000007"
    assert head["x-latency-ms"].isdigit()
    assert float(head["x-headgate-overhead-ms"]) >= 0
    assert (head["x-ratelimit-limit-requests"], head["x-ratelimit-remaining-requests"]) == ("100", "99")
    assert head["x-ratelimit-reset-requests"].endswith("s")
    assert "x-ratelimit-remaining-tokens" in head


async def test_the_anthropic_surface_shows_rate_limits_under_the_names_of_its_sdks() -> None:
    response = await House(Script([CHAT_WHOLE])).call("POST", "/v1/messages", MESSAGE)
    head = response.headers
    assert head["anthropic-ratelimit-requests-limit"] == "100"
    assert head["anthropic-ratelimit-requests-remaining"] == "99"
    assert head["anthropic-ratelimit-requests-reset"].endswith("Z")


async def test_a_stream_says_everything_but_its_cost_before_it_begins() -> None:
    response = await House(Script(list(CHAT_STREAM))).call("POST", "/v1/chat/completions", {**ASK, "stream": True})
    assert "x-headgate-cost-usd" not in response.headers
    assert response.headers["x-headgate-model"] == "up-1"
    assert response.headers["x-ratelimit-limit-tokens"] == "400000"


@pytest.mark.parametrize("name", ["authorization", "x_api_key", "api_key", "x_goog_api_key"])
async def test_a_key_may_come_in_any_of_four_headers(name: str) -> None:
    sent = {"authorization": "", name: "Bearer hg_member" if name == "authorization" else "hg_member"}
    response = await House(Script([CHAT_WHOLE])).call("POST", "/v1/chat/completions", ASK, **sent)
    assert response.status == 200


async def test_every_answer_has_one_close_and_one_line_for_the_call_and_one_for_the_exchange() -> None:
    house = House(Script([CHAT_WHOLE]))
    response = await house.call("POST", "/v1/generate", {"prompt": "Say hello"})
    assert [close.outcome for close in house.closes] == ["answered"]
    call, exchange = house.lines()
    request_id = response.headers["x-request-id"]
    assert (call["type"], call["request_id"], call["team"], call["project"]) == ("call", request_id, "alpha", "default")
    assert (call["model"], call["model_version"], call["use_case"], call["pipeline"]) == (
        "gpt",
        "up-1",
        "default",
        "direct",
    )
    assert (call["tokens_in"], call["tokens_out"], call["cost_usd"], call["outcome"]) == (3, 2, 7e-06, "answered")
    assert (exchange["type"], exchange["request_id"], exchange["team"]) == ("http", request_id, "alpha")
    assert (exchange["method"], exchange["path"], exchange["status"]) == ("POST", "/v1/generate", 200)


async def test_the_usage_chunk_alone_is_what_is_taken_out() -> None:
    response = await House(Script(list(CHAT_STREAM))).call("POST", "/v1/chat/completions", {**ASK, "stream": True})
    assert CHAT_USAGE not in response.body


async def test_of_two_choices_the_one_that_goes_on_after_the_other_finished_is_not_cut() -> None:
    def frame(choice: int, delta: str, finish: str = "null") -> bytes:
        return b'data: {"id":"c1","choices":[{"index":%d,"delta":{%s},"finish_reason":%s}]}\n\n' % (
            choice,
            delta.encode(),
            finish.encode(),
        )

    said = '"content":"x"'
    frames = [frame(0, said), frame(1, said), frame(0, "", '"stop"'), *[frame(1, said)] * 200, frame(1, "", '"stop"')]
    house = House(Script([*frames, b"data: [DONE]\n\n"]))
    body = {"model": "gpt", "n": 2, "stream": True, "messages": [{"role": "user", "content": "Say hello"}]}
    response = await house.call("POST", "/v1/chat/completions", body)
    assert response.body == b"".join(frames) + b"data: [DONE]\n\n"
    assert [close.outcome for close in house.closes] == ["answered"]


async def test_a_users_name_is_read_in_utf_8() -> None:
    house = House(Script([CHAT_WHOLE]))
    body = {"model": "gpt", "messages": [{"role": "user", "content": "Say hello"}]}
    assert (await house.call("POST", "/v1/chat/completions", body, x_headgate_user="jürgen")).status == 200
    assert house.journal.records[0].call.user == "jürgen"


async def test_a_drained_deployment_gets_no_calls_until_it_is_restored() -> None:
    house = House(Script([CHAT_WHOLE]))
    pool, body = house.platform.pool, {"model": "gpt", "messages": [{"role": "user", "content": "Say hello"}]}
    pool.drain(house.policy, "oai/up-1", drained=True)
    refused = await house.call("POST", "/v1/chat/completions", body)
    assert (refused.status, refused.headers["retry-after"], house.script.sent) == (503, "30", [])
    pool.drain(house.policy, "oai/up-1", drained=False)
    assert (await house.call("POST", "/v1/chat/completions", body)).status == 200
    with pytest.raises(Refusal, match="no deployment 'oai/nobody'"):
        pool.drain(house.policy, "oai/nobody", drained=True)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_attempts_end_is_written_together_with_what_follows_it(stream: bool) -> None:
    house = House(Script(list(CHAT_STREAM) if stream else [CHAT_WHOLE]))
    assert (await house.call("POST", "/v1/chat/completions", {**ASK, "stream": stream})).status == 200
    assert house.journal.writes == [["AttemptOpen"], ["AttemptClose", "Close"]]
