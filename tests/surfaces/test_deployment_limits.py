"""Limits and breakers of single deployments: a call over them goes on to the next, and is told when none is left."""

import asyncio
from typing import Any

from tests.surfaces.house import CHAT_WHOLE, ByHost, Caller, House, Script

from headgate.domain.money import Price
from headgate.domain.policy import Chain, Deployment, Model, Policy, Provider, UseCase
from headgate.domain.principal import Limits

PRICE = Price(1_000_000, 2_000_000)
ASK = {"model": "gpt", "messages": [{"role": "user", "content": "Say hello"}]}


def policy(**terms: Any) -> Policy:
    """Two deployments of one model, of which the first has `terms`."""
    one = Deployment("one/up-1", "one", "up-1", "eu", PRICE, **terms)
    other = Deployment("two/up-1", "two", "up-1", "eu", PRICE, limits=Limits(2, None, None))
    providers = {name: Provider(name, "openai-like", f"http://{name}", "secret") for name in ("one", "two")}
    models = {"gpt": Model("gpt", "standard", (one, other))}
    return Policy(3, "digest", providers, models, {"default": UseCase("default", ("direct",), Chain("c", ("gpt",)))})


async def answered_by(house: House) -> str:
    response = await house.call("POST", "/v1/chat/completions", ASK)
    assert response.status == 200
    return response.headers["x-headgate-deployment"]


async def test_a_full_deployment_is_passed_over_and_is_no_failure() -> None:
    scripts = ByHost(one=Script([CHAT_WHOLE]), two=Script([CHAT_WHOLE]))
    house = House(scripts, under=policy(limits=Limits(1, None, None)))
    assert [await answered_by(house) for _ in range(3)] == ["one/up-1", "two/up-1", "two/up-1"]
    response = await house.call("POST", "/v1/chat/completions", ASK)
    assert (response.status, response.json["headgate"]["code"]) == (503, "no_deployment_available")
    assert response.headers["retry-after"] == "30"  # two a minute: the next place is free after half of one
    assert "by its limits" in response.json["error"]["message"]
    steps = [step.sentence for step in house.closes[-1].steps if step.name == "run"]
    assert steps == ["one/up-1 is full: 1 requests a minute", "two/up-1 is full: 2 requests a minute"]
    house.clock.advance(60)
    assert await answered_by(house) == "one/up-1"
    assert all(state.breaker == "closed" for state in house.platform.pool.states())


async def test_a_place_is_taken_while_a_call_runs_and_free_when_it_ended() -> None:
    going = asyncio.Event()
    scripts = ByHost(one=Script([going, CHAT_WHOLE]), two=Script([CHAT_WHOLE]))
    house = House(scripts, under=policy(limits=Limits(None, None, 1)))
    running = asyncio.create_task(house.call("POST", "/v1/chat/completions", ASK))
    await asyncio.wait_for(scripts.scripts["one"].asked.wait(), 5)
    assert await answered_by(house) == "two/up-1"
    going.set()
    assert (await asyncio.wait_for(running, 5)).headers["x-headgate-deployment"] == "one/up-1"
    assert await answered_by(house) == "one/up-1"


async def test_a_place_of_a_caller_who_left_is_free_again() -> None:
    scripts = ByHost(one=Script([asyncio.Event()]), two=Script([CHAT_WHOLE]))
    house = House(scripts, under=policy(limits=Limits(None, None, 1)))
    caller = Caller(house, "POST", "/v1/chat/completions", ASK, {})
    running = asyncio.create_task(caller.run())
    await asyncio.wait_for(scripts.scripts["one"].asked.wait(), 5)
    caller.hang_up()
    await asyncio.wait_for(running, 5)
    scripts.scripts["one"] = Script([CHAT_WHOLE])
    assert await answered_by(house) == "one/up-1"


async def test_a_breaker_of_its_own_leaves_its_providers_other_deployments_alone() -> None:
    scripts = ByHost(one=Script([b"{}"], status=500), two=Script([CHAT_WHOLE]))
    under = policy(breaker_failures=1, breaker_open_ms=5_000)
    sibling = Deployment("one/up-2", "one", "up-2", "eu", PRICE)
    under.models["alone"] = Model("alone", "standard", (sibling,))  # type: ignore[index]
    house = House(scripts, under=under)
    assert await answered_by(house) == "two/up-1"
    states = {one.deployment.name: one.standing.breaker.state for one in house.platform.pool.deployments(under)}
    assert states == {"one/up-1": "open", "two/up-1": "closed", "one/up-2": "closed"}
    scripts.scripts["one"] = Script([CHAT_WHOLE])
    assert await answered_by(house) == "two/up-1"
    house.clock.advance(5)
    assert await answered_by(house) == "one/up-1"
