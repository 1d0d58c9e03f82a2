"""Models as a team is shown them: as OpenAI and as Anthropic write them, by name, by pattern, and what it may use."""

import anthropic
import msgspec
import openai
import pytest
from tests.surfaces.house import ADMIN, CHAT_WHOLE, House, Script, policy, principal
from tests.surfaces.serving import served
from tests.surfaces.test_real_clients import anthropic_client, openai_client

from headgate.domain.money import Price
from headgate.domain.policy import Deployment, Model, Policy

VERSION = {"anthropic_version": "2023-06-01"}
GONE, CHATS = "hg_gone", "hg_chats"


def under() -> Policy:
    """The house's models, one whose name holds a slash, and two patterns of which one has no price."""
    known = policy()
    price = Price(1_000_000, 2_000_000)
    models = {
        **known.models,
        "org/large": Model("org/large", "premium", (Deployment("oai/l", "oai", "l", "eu", price),)),
        "any-*": Model("any-*", "cheap", (Deployment("oai/*", "oai", "*", "eu", price),)),
        "free-*": Model("free-*", "cheap", (Deployment("ant/*", "ant", "*", "eu", None),)),
    }
    use_cases = {**known.use_cases, "chat": msgspec.structs.replace(known.use_cases["default"], name="chat")}
    return msgspec.structs.replace(known, models=models, use_cases=use_cases)


def house() -> House:
    """With a team whose only use case is gone, and one that may not use `default`."""
    small = House(Script([CHAT_WHOLE]), under=under())
    callers = small.platform.identity.callers
    callers[GONE] = msgspec.structs.replace(principal(), use_cases=("gone",))
    callers[CHATS] = msgspec.structs.replace(principal(), use_cases=("chat",))
    return small


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.mark.parametrize(
    ("name", "tier"), [("gpt", "standard"), ("claude", "premium"), ("org/large", "premium"), ("any-thing/x", "cheap")]
)
async def test_a_model_is_openais_object_with_its_tier_and_status(name: str, tier: str) -> None:
    small = house()
    response = await small.call("GET", f"/v1/models/{name}")
    assert response.status == 200
    assert response.json == {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": "headgate",
        "tier": tier,
        "status": "available",
    }
    assert response.headers["x-request-id"]


async def test_a_listed_model_is_the_one_that_is_retrieved() -> None:
    small = house()
    listed = (await small.call("GET", "/v1/models")).json["data"]
    assert [one["id"] for one in listed] == ["gpt", "claude", "org/large"]
    for one in listed:
        assert (await small.call("GET", f"/v1/models/{one['id']}")).json == one


@pytest.mark.parametrize("name", ["gptt", "free-name", "default", "auto", "any-*/" + "x" * 300, "gpt/"])
@pytest.mark.parametrize("headers", [{}, VERSION])
async def test_what_is_no_model_is_404_in_the_callers_shape(name: str, headers: dict[str, str]) -> None:
    response = await house().call("GET", f"/v1/models/{name}", **headers)
    assert response.status == 404
    error = response.json["error"]
    assert response.json["headgate"]["code"] == "model_not_found"
    if headers:
        assert (response.json["type"], error["type"]) == ("error", "not_found_error")
        assert response.json["request_id"] == response.headers["x-request-id"]
    else:
        assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", "model", "model_not_found")
    if name == "gptt":
        assert "did you mean 'gpt'?" in error["message"]


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/gpt"])
async def test_an_unknown_caller_is_told_so_in_its_own_shape(path: str) -> None:
    response = await house().call("GET", path, authorization="")
    assert (response.status, response.json["error"]["code"]) == (401, "missing_credentials")
    assert response.headers["www-authenticate"] == "Bearer"
    response = await house().call("GET", path, authorization="", **VERSION)
    assert (response.status, response.json["error"]["type"]) == (401, "authentication_error")
    assert response.json["type"] == "error"


async def test_a_team_without_a_use_case_is_shown_no_model() -> None:
    small = house()
    shown = (await small.call("GET", "/v1/models", **bearer(GONE))).json
    assert (shown["data"], shown["models"], shown["fallback_chain"]) == ([], [], [])
    response = await small.call("GET", "/v1/models/gpt", **bearer(GONE))
    assert (response.status, response.json["error"]["code"]) == (404, "model_not_found")
    assert "granted no use case" in response.json["error"]["message"]
    page = (await small.call("GET", "/v1/models", **bearer(GONE), **VERSION)).json
    assert page == {"data": [], "has_more": False, "first_id": None, "last_id": None}


async def test_a_team_without_the_default_use_case_has_no_chain_to_fall_back_to() -> None:
    shown = (await house().call("GET", "/v1/models", **bearer(CHATS))).json
    assert len(shown["data"]) == 3
    assert shown["fallback_chain"] == []


async def test_a_platform_admin_is_shown_every_model() -> None:
    shown = (await house().call("GET", "/v1/models", **bearer(ADMIN))).json
    assert [one["id"] for one in shown["data"]] == ["gpt", "claude", "org/large"]
    assert shown["fallback_chain"] == ["gpt"]


async def test_anthropics_shape_is_for_those_who_name_its_version() -> None:
    small = house()
    one = (await small.call("GET", "/v1/models/org/large", **VERSION)).json
    assert one == {
        "type": "model",
        "id": "org/large",
        "display_name": "org/large",
        "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active",
    }
    page = (await small.call("GET", "/v1/models", **VERSION)).json
    assert [entry["id"] for entry in page["data"]] == ["gpt", "claude", "org/large"]
    assert (page["has_more"], page["first_id"], page["last_id"]) == (False, "gpt", "org/large")


async def test_the_openai_sdk_lists_and_retrieves() -> None:
    async with served(house().app) as port, openai_client(port) as client:
        assert [model.id async for model in client.models.list()] == ["gpt", "claude", "org/large"]
        found = await client.models.retrieve("org/large")
        assert (found.id, found.object, found.owned_by) == ("org/large", "model", "headgate")
        assert (found.model_extra or {})["tier"] == "premium"
        with pytest.raises(openai.NotFoundError, match="did you mean") as refused:
            await client.models.retrieve("gptt")
        assert refused.value.code == "model_not_found"


async def test_the_anthropic_sdk_lists_page_by_page_and_retrieves() -> None:
    async with served(house().app) as port, anthropic_client(port) as client:
        everything = ["gpt", "claude", "org/large"]
        assert [model.id async for model in client.models.list()] == everything
        assert [model.id async for model in client.models.list(limit=1)] == everything
        first = await client.models.list(limit=2)
        assert ([model.id for model in first.data], first.has_more, first.last_id) == (everything[:2], True, "claude")
        before = await client.models.list(limit=1, before_id="org/large")
        assert ([model.id for model in before.data], before.has_more) == (["claude"], True)
        assert [model.id async for model in client.models.list(limit=1, before_id="org/large")] == ["claude", "gpt"]
        found = await client.models.retrieve("org/large")
        assert (found.type, found.id, found.display_name, found.created_at.year) == (
            "model",
            "org/large",
            "org/large",
            1970,
        )
        with pytest.raises(anthropic.NotFoundError, match="did you mean"):
            await client.models.retrieve("gptt")
        for wrong in ({"limit": 0}, {"limit": 1001}, {"after_id": "nothing"}, {"before_id": "nothing"}):
            with pytest.raises(anthropic.BadRequestError):
                await client.models.list(**wrong)  # type: ignore[arg-type]
        with pytest.raises(anthropic.BadRequestError, match="more than 100 parameters"):
            await client.models.list(extra_query={f"x{number}": number for number in range(101)})
