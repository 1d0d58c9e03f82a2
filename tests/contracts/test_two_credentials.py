"""A provider with two credentials: the other one is tried where the first is rejected, and stays until it is too."""

import asyncio
import json
from typing import Any

import pytest
from tests.contracts.recording import OTHER, SECRET, Received, house, obliging, recording
from tests.surfaces.house import House, Response

from headgate.journal.records import AttemptClose, AttemptOpen

ASK = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
TWO = {
    "openai": 'key: "${env:KEY}", next_key: "${env:NEXT}"',
    "azure-openai": 'key: "${env:KEY}", next_key: "${env:NEXT}"',
    "bedrock": 'region: eu-central-1, key: "${env:KEY}", next_key: "${env:NEXT}"',
}


class Locks:
    """Answers the credentials that are good; each other one is rejected."""

    def __init__(self, *good: str, status: int = 401) -> None:
        self.good = set(good)
        self.status = status

    def __call__(self, received: Received) -> tuple[int, dict[str, str], bytes]:
        if self.key(received) in self.good:
            return obliging(received)
        said = f"Incorrect API key provided: {self.key(received)}{'x' * 20}"
        return self.status, {}, json.dumps({"error": {"message": said, "type": "invalid_request_error"}}).encode()

    @staticmethod
    def key(received: Received) -> str:
        fields = received.fields
        return fields.get("api-key") or fields.get("authorization", "").removeprefix("Bearer ")


async def ask(small: House, *, stream: bool = False) -> Response:
    return await small.call("POST", "/v1/chat/completions", {**ASK, "stream": stream})


def steps(small: House) -> list[str]:
    return [step.sentence for step in small.closes[-1].steps]


def provider(url: str, settings: str, kind: str = "openai") -> str:
    return f'{{kind: {kind}, base_url: "{url}", {settings}}}'


@pytest.mark.parametrize("kind", TWO)
@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("stream", [False, True])
async def test_the_other_credential_answers_and_stays_in_use(kind: str, status: int, stream: bool) -> None:
    locks = Locks(OTHER, status=status)
    async with recording(locks) as recorder, house(provider(recorder.url, TWO[kind], kind)) as small:
        first = await ask(small, stream=stream)
        assert first.status == 200
        assert first.headers["x-headgate-fallbacks"] == "1"
        assert "p/up-1 rejects a credential; the other one is tried" in steps(small)
        assert [Locks.key(received) for received in recorder.received] == [SECRET, OTHER]
        second = await ask(small, stream=stream)
        assert (second.status, second.headers["x-headgate-fallbacks"]) == (200, "0")
        assert [Locks.key(received) for received in recorder.received] == [SECRET, OTHER, OTHER]


async def test_each_try_is_an_attempt_of_its_own_and_the_first_costs_nothing() -> None:
    async with recording(Locks(OTHER)) as recorder, house(provider(recorder.url, TWO["openai"])) as small:
        await ask(small)
    opened = [frame for frame in small.journal.bodies if isinstance(frame, AttemptOpen)]
    closed = [frame for frame in small.journal.bodies if isinstance(frame, AttemptClose)]
    assert [frame.attempt for frame in opened] == [1, 2]
    assert [(frame.attempt, str(frame.outcome), frame.code) for frame in closed] == [
        (1, "failed", "provider_error"),
        (2, "answered", ""),
    ]
    assert closed[0].cost_nano == 0
    attempts = [received.fields["x-headgate-attempt"][-2:] for received in recorder.received]
    assert attempts == ["-1", "-2"]


async def test_the_one_in_use_is_left_when_it_fails_in_turn() -> None:
    locks = Locks(OTHER)
    async with recording(locks) as recorder, house(provider(recorder.url, TWO["openai"])) as small:
        await ask(small)
        locks.good = {SECRET}
        assert (await ask(small)).status == 200
        assert (await ask(small)).status == 200
    assert [Locks.key(received) for received in recorder.received] == [SECRET, OTHER, OTHER, SECRET, SECRET]


async def test_where_both_are_rejected_the_caller_hears_it_once_and_no_secret() -> None:
    async with recording(Locks()) as recorder, house(provider(recorder.url, TWO["openai"])) as small:
        response = await ask(small)
        assert response.status == 502
        assert response.json["headgate"]["code"] == "provider_error"
        assert len(recorder.received) == 2
        assert (await ask(small)).status == 502
        assert len(recorder.received) == 4
        assert small.platform.pool.states()[0].breaker == "closed"
        shown: list[Any] = [response.body, steps(small), small.policy, small.journal.bodies, small.lines()]
    for secret in (SECRET, OTHER):
        assert secret not in str(shown)


async def test_a_single_credential_is_not_tried_twice() -> None:
    async with recording(Locks()) as recorder, house(provider(recorder.url, 'key: "${env:KEY}"')) as small:
        assert (await ask(small)).status == 502
    assert len(recorder.received) == 1


@pytest.mark.parametrize("status", [400, 404, 429, 500])
async def test_other_errors_do_not_change_the_credential(status: int) -> None:
    async with (
        recording(Locks(status=status)) as recorder,
        house(provider(recorder.url, TWO["openai"])) as small,
    ):
        await ask(small)
        await ask(small)
    assert {Locks.key(received) for received in recorder.received} == {SECRET}


async def test_calls_at_once_all_find_the_good_one() -> None:
    async with recording(Locks(OTHER)) as recorder, house(provider(recorder.url, TWO["openai"])) as small:
        responses = await asyncio.gather(*(ask(small) for _ in range(8)))
        assert {response.status for response in responses} == {200}
        await ask(small)
        assert Locks.key(recorder.received[-1]) == OTHER


async def test_an_entra_token_goes_as_bearer() -> None:
    async with recording() as recorder:
        async with house(provider(recorder.url, 'token: "${env:KEY}"', "azure-openai")) as small:
            assert (await ask(small)).status == 200
    fields = recorder.received[0].fields
    assert fields["authorization"] == f"Bearer {SECRET}"
    assert "api-key" not in fields
