"""What goes wrong: before the first byte a status, after it an event, and never a silent cut."""

import asyncio
from typing import Any

import pytest
from msgspec import structs
from tests.surfaces.house import CHAT_FRAMES, CHAT_WHOLE, NARROW, ByHost, Caller, House, Script, policy

from headgate.domain.policy import Chain
from headgate.pool.transport import TransportFailed

ASK = {"model": "gpt", "messages": [{"role": "user", "content": "Say hello"}]}
BODIES = {
    "/v1/generate": {"prompt": "Say hello", "model": "gpt"},
    "/v1/chat/completions": ASK,
    "/v1/messages": {**ASK, "max_tokens": 50},
}
SURFACES = sorted(BODIES)


def code_of(path: str, body: Any) -> str:
    assert body["error"]["message"]
    if path == "/v1/messages":
        assert body["type"] == "error"
    return str(body["headgate"]["code"])


@pytest.mark.parametrize("path", SURFACES)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_stream_that_breaks_ends_with_the_surfaces_error_event(path: str, stream: bool) -> None:
    script = Script([CHAT_FRAMES[0], TransportFailed("reset by peer")] if stream else [TransportFailed("reset")])
    house = House(script)
    response = await house.call("POST", path, {**BODIES[path], "stream": stream})
    assert response.whole
    if not stream:
        assert response.status == 502
        assert code_of(path, response.json) == "provider_error"
        return
    assert response.status == 200
    name, data = response.frames[-1]
    assert name == ("" if path == "/v1/chat/completions" else "error")
    assert data["headgate"]["code"] == "provider_error"
    assert [close.outcome for close in house.closes] == ["failed"]


@pytest.mark.parametrize("path", SURFACES)
async def test_a_stream_that_breaks_before_its_first_event_is_a_status(path: str) -> None:
    house = House(Script([TransportFailed("reset by peer")]))
    response = await house.call("POST", path, {**BODIES[path], "stream": True})
    assert response.status == 502
    assert code_of(path, response.json) == "provider_error"


async def test_a_providers_error_reaches_a_caller_of_the_same_wire_format_unchanged() -> None:
    raw = b'{"error": {"message": "bad tool", "type": "invalid_request_error", "param": "tools", "code": null}, "x": 1}'
    house = House(Script([raw], status=400))
    response = await house.call("POST", "/v1/chat/completions", ASK)
    assert (response.status, response.body) == (400, raw)
    house = House(Script([raw], status=400))
    response = await house.call("POST", "/v1/messages", BODIES["/v1/messages"])
    assert response.status == 400
    assert "bad tool" in response.json["error"]["message"]
    assert response.json["type"] == "error"


@pytest.mark.parametrize("path", SURFACES)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_caller_who_hangs_up_ends_the_call_and_closes_the_upstream(path: str, stream: bool) -> None:
    chunks: list[Any] = [CHAT_FRAMES[0], asyncio.Event()] if stream else [asyncio.Event()]
    house = House(Script(chunks))
    caller = Caller(house, "POST", path, {**BODIES[path], "stream": stream}, {})
    running = asyncio.create_task(caller.run())
    if stream:
        await asyncio.wait_for(caller.got_some.wait(), 5)
    else:
        await asyncio.wait_for(house.script.asked.wait(), 5)
    caller.hang_up()
    await asyncio.wait_for(running, 5)
    assert house.script.closed.is_set()
    assert [(close.outcome, close.code) for close in house.closes] == [("abandoned", "caller_left")]
    assert not caller.response.whole


@pytest.mark.parametrize("connects", [True, False])
async def test_who_leaves_before_a_byte_went_out_is_charged_nothing(connects: bool) -> None:
    house = House(Script([asyncio.Event()], connects=connects))
    caller = Caller(house, "POST", "/v1/generate", {**BODIES["/v1/generate"], "stream": True}, {})
    running = asyncio.create_task(caller.run())
    await asyncio.wait_for(house.script.asked.wait(), 5)
    caller.hang_up()
    await asyncio.wait_for(running, 5)
    [record] = house.journal.records
    assert (record.cost_nano() > 0) is connects


async def test_a_provider_that_takes_no_connection_in_time_is_moved_on_from_and_charges_nothing() -> None:
    hasty = structs.replace(policy().use_cases["default"], chain=Chain("default", ("gpt", "claude"), first_token_ms=50))
    under = structs.replace(policy(), use_cases={"default": hasty})
    house = House(ByHost(oai=Script([], connects=False), ant=Script([], connects=False)), under=under)
    response = await house.call("POST", "/v1/generate", {"prompt": "x", "stream": True})
    assert (response.status, response.json["error"]["code"]) == (504, "provider_timeout")
    [record] = house.journal.records
    assert [attempt.cost_nano for attempt in record.attempts] == [0, 0]


@pytest.mark.parametrize("path", SURFACES)
async def test_a_stream_that_shows_nothing_of_an_answer_is_a_failure(path: str) -> None:
    opening = b'data: {"choices":[{"index":0,"delta":{"role":"assistant"},"finish_reason":null}]}\n\n'
    response = await House(Script([opening])).call("POST", path, {**BODIES[path], "stream": True})
    assert response.status == 502
    assert "before it showed anything" in response.json["error"]["message"]


async def test_a_stop_of_the_server_is_not_taken_for_a_caller_who_left() -> None:
    house = House(Script([asyncio.Event()]))
    caller = Caller(house, "POST", "/v1/generate", BODIES["/v1/generate"], {})
    running = asyncio.create_task(caller.run())
    await asyncio.wait_for(house.script.asked.wait(), 5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert house.script.closed.is_set()


@pytest.mark.parametrize("path", SURFACES)
async def test_our_own_mistake_is_500_and_tells_nothing_of_the_inside(path: str) -> None:
    house = House(Script([ZeroDivisionError("a secret of the house")]))
    response = await house.call("POST", path, BODIES[path])
    assert response.status == 500
    assert code_of(path, response.json) == "internal_error"
    assert b"secret" not in response.body
    assert [close.code for close in house.closes] == ["internal_error"]


async def test_our_own_mistake_in_a_stream_is_an_error_event() -> None:
    house = House(Script([CHAT_FRAMES[0], ZeroDivisionError("a secret of the house")]))
    response = await house.call("POST", "/v1/generate", {"prompt": "x", "stream": True})
    assert response.frames[-1][0] == "error"
    assert response.frames[-1][1]["headgate"]["code"] == "internal_error"
    assert response.whole


@pytest.mark.parametrize("path", SURFACES)
async def test_refusals_come_in_the_order_of_the_contract(path: str) -> None:
    house = House(Script([CHAT_WHOLE]), max_body_bytes=1000)
    long, broken = b"{" + b" " * 1000, b"{"
    assert (await house.call("POST", path, long, authorization="")).status == 413
    response = await house.call("POST", path, broken, authorization="")
    assert (response.status, response.headers["www-authenticate"]) == (401, "Bearer")
    assert (await house.call("POST", path, broken, authorization="Bearer hg_unknown")).status == 401
    assert (await house.call("POST", path, broken, X_Headgate_Use_Case="nothing")).status == 404
    narrow = {"authorization": f"Bearer {NARROW}"}
    assert (await house.call("POST", path, BODIES[path], **narrow)).status == 200
    for mistake in ({}, {"X_Headgate_Pipeline": "magic"}, {"X_Headgate_User": "u" * 300}):
        response = await house.call("POST", path, broken, **narrow, **mistake)
        assert response.status == 429
        assert response.headers["retry-after"] == "60"
        limits = {name: value for name, value in response.headers.items() if "ratelimit" in name}
        assert {value for name, value in limits.items() if "remaining" in name} == {"0"}
        assert {value for name, value in limits.items() if "limit" in name.split("-")[-1] or "-limit-" in name} == {"1"}
    response = await house.call("POST", path, BODIES[path], X_Headgate_User="u" * 300)
    assert (response.status, code_of(path, response.json)) == (400, "invalid_request")
    response = await house.call("POST", path, BODIES[path], X_Headgate_Pipeline="magic")
    assert response.status == (422 if path == "/v1/generate" else 400)
    response = await house.call("POST", path, broken)
    assert response.status == 400
    assert code_of(path, response.json) == "invalid_request"


async def test_a_team_that_is_not_the_keys_own_is_refused_before_rates_are_looked_at() -> None:
    house = House(Script([CHAT_WHOLE]))
    narrow = {"authorization": f"Bearer {NARROW}"}
    await house.call("POST", "/v1/generate", BODIES["/v1/generate"], **narrow)
    response = await house.call("POST", "/v1/generate", {"prompt": "x", "team_id": "beta"}, **narrow)
    assert (response.status, response.json["error"]["code"]) == (403, "wrong_team")


@pytest.mark.parametrize("path", SURFACES)
async def test_an_idempotency_key_has_a_bound(path: str) -> None:
    response = await House(Script([CHAT_WHOLE])).call("POST", path, BODIES[path], Idempotency_Key="k" * 256)
    assert response.status == (422 if path == "/v1/generate" else 400)
    assert "255 characters" in response.json["error"]["message"]


@pytest.mark.parametrize("path", SURFACES)
async def test_a_value_out_of_range_is_422_on_the_native_surface_alone(path: str) -> None:
    house = House(Script([CHAT_WHOLE]))
    response = await house.call("POST", path, BODIES[path], X_Headgate_Priority="urgent")
    assert response.status == (422 if path == "/v1/generate" else 400)
    response = await house.call("POST", path, BODIES[path], X_Headgate_Pipeline="rag")
    assert response.status in (403, 422) if path == "/v1/generate" else response.status in (400, 403)
