"""Routes beside the calls: models, costs, health, metrics, reference, CORS, and what is not there."""

import re
from typing import Any

import pytest
from tests.surfaces.house import ADMIN, AUDITOR, CHAT_WHOLE, House, Script

from headgate import __version__
from headgate.api.admin.app import admin_app
from headgate.api.dispatch import ROUTES
from headgate.api.front import Component, Health
from headgate.api.operations import checks, export
from headgate.api.reference import merged
from headgate.identity.freshness import IdentityState


def house(**front: Any) -> House:
    return House(Script([CHAT_WHOLE]), **front)


async def test_models_are_openais_list_and_the_tiers_and_chain_at_once() -> None:
    models = (await house().call("GET", "/v1/models")).json
    assert models["object"] == "list"
    assert [model["id"] for model in models["data"]] == ["gpt", "claude"]
    assert models["models"][0] == {"id": "gpt", "tier": "standard", "status": "available"}
    assert models["fallback_chain"] == ["gpt"]
    assert (await house().call("GET", "/v1/models", authorization="")).status == 401


@pytest.mark.parametrize("key", ["hg_member", ADMIN, AUDITOR])
async def test_a_cost_report_is_read_by_its_team_and_by_the_platform(key: str) -> None:
    response = await house().call("GET", "/v1/cost-report/alpha", authorization=f"Bearer {key}")
    assert response.status == 200
    report = response.json
    assert (report["team_id"], report["budget_usd"], report["spent_usd"]) == ("alpha", 1.0, 0.25)
    assert (report["remaining_usd"], report["utilization_pct"]) == (0.75, 25.0)


async def test_another_teams_cost_report_is_refused_whether_or_not_the_team_is_there() -> None:
    for team in ("beta", "nobody"):
        response = await house().call("GET", f"/v1/cost-report/{team}")
        assert (response.status, response.json["error"]["code"]) == (403, "wrong_team")
    response = await house().call("GET", "/v1/cost-report/nobody", authorization=f"Bearer {ADMIN}")
    assert (response.status, response.json["error"]["code"]) == (404, "not_found")


async def test_tokens_are_counted_here_and_only_for_callers_we_know() -> None:
    body = {"model": "claude", "messages": [{"role": "user", "content": "Say hello to everybody"}]}
    small = house()
    counted = await small.call("POST", "/v1/messages/count_tokens", body)
    assert counted.status == 200
    assert 5 <= counted.json["input_tokens"] <= 60
    assert small.script.sent == []
    refused = await small.call("POST", "/v1/messages/count_tokens", b"{", authorization="")
    assert (refused.status, refused.json["type"]) == (401, "error")
    assert (await small.call("POST", "/v1/messages/count_tokens", b"{")).status == 400


async def test_claude_codes_probe_is_answered() -> None:
    response = await house().call("HEAD", "/", authorization="")
    assert (response.status, response.body) == (200, b"")


async def test_health_is_that_of_the_worst_component() -> None:
    small = house()
    small.front.checks.update(checks(small.platform))  # type: ignore[attr-defined]
    response = await small.call("GET", "/health", authorization="")
    assert (response.status, response.json["status"], response.json["version"]) == (200, "healthy", __version__)
    assert set(response.json["components"]) == {"database", "journal", "providers"}
    small.platform.identity.state = IdentityState.GRACE
    response = await small.call("GET", "/health")
    assert (response.status, response.json["status"]) == (200, "degraded")
    small.platform.identity.state = IdentityState.AWAY
    assert (await small.call("GET", "/health")).status == 503
    assert (await small.call("GET", "/health/ready")).json["waiting_for"] == ["database"]
    assert (await small.call("GET", "/health/database")).status == 503
    assert (await small.call("GET", "/health/journal")).json["details"]["lag_bytes"] == 7
    assert (await small.call("GET", "/health/live")).status == 200


async def test_a_component_that_is_not_there_is_404() -> None:
    async def well() -> Component:
        return Component(Health.HEALTHY)

    response = await house(checks={"database": well}).call("GET", "/health/redis")
    assert response.status == 404
    assert "database" in response.json["error"]["message"]


async def test_metrics_count_calls_errors_tokens_and_cost() -> None:
    small = house()
    export(small.platform, small.observation.metrics)
    await small.call("POST", "/v1/generate", {"prompt": "Say hello"})
    await small.call("POST", "/v1/generate", {"prompt": ""})
    response = await small.call("GET", "/metrics", authorization="")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = response.body.decode().splitlines()
    for line in (
        'headgate_http_requests_total{route="/v1/generate",status="200"} 1',
        'headgate_calls_total{wire="native",outcome="answered"} 1',
        'headgate_calls_total{wire="native",outcome="refused"} 1',
        'headgate_errors_total{code="invalid_parameter"} 1',
        'headgate_tokens_total{model="gpt",direction="input"} 3',
        'headgate_overhead_seconds_count{wire="native"} 1',
        'headgate_provider_seconds_count{provider="oai"} 1',
        'headgate_breaker_state{provider="oai"} 0.0',
        "headgate_journal_lag_bytes 7.0",
    ):
        assert line in lines
    assert any(line.startswith('headgate_cost_usd_total{model="gpt"} ') for line in lines)


async def test_what_is_not_there_is_404_and_a_wrong_method_405_in_the_native_shape() -> None:
    response = await house().call("GET", "/v1/nothing")
    assert (response.status, response.json["error"]["type"]) == (404, "not_found_error")
    response = await house().call("GET", "/v1/generate")
    assert (response.status, response.headers["allow"]) == (405, "POST")
    assert response.json["headgate"]["code"] == "method_not_allowed"


async def test_administration_is_handed_the_exchanges_id() -> None:
    response = await house().call("GET", "/admin/v1/teams")
    assert response.status == 202
    assert len(response.body) == 36


@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
async def test_pages_of_any_origin_may_call_v1_without_credentials(method: str) -> None:
    asked = {"Origin": "https://app.example", "Access_Control_Request_Headers": "authorization, content-type"}
    response = await house().call(method, "/v1/generate", {"prompt": "Say hello"}, **asked)
    assert response.status == (204 if method == "OPTIONS" else 200)
    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers
    if method == "OPTIONS":
        assert response.headers["access-control-allow-methods"] == "POST"
        assert response.headers["access-control-allow-headers"] == "authorization, content-type"


async def test_only_named_origins_are_let_in_where_some_are_named_and_none_elsewhere() -> None:
    small = house(cors_origins=("https://app.example",))
    named = await small.call("GET", "/v1/models", Origin="https://app.example")
    assert (named.headers["access-control-allow-origin"], named.headers["vary"]) == ("https://app.example", "origin")
    other = await small.call("GET", "/v1/models", Origin="https://evil.example")
    assert "access-control-allow-origin" not in other.headers
    health = await house().call("GET", "/health/live", Origin="https://app.example")
    assert "access-control-allow-origin" not in health.headers


async def test_the_reference_describes_native_and_administration_and_loads_nothing() -> None:
    small = house()
    document = merged(admin_app(small.platform, small.clock, lambda: small.policy).openapi())
    assert {"/v1/generate", "/v1/cost-report/{team_id}", "/health"} <= set(document["paths"])
    assert {path for path in ROUTES if path.startswith("/v1/")} <= set(document["paths"])
    assert any(path.startswith("/admin/v1/") for path in document["paths"])
    assert document["components"]["schemas"]["GenerateBody"]["properties"]["max_tokens"]["maximum"] == 4096
    page = (await small.call("GET", "/docs")).body.decode()
    assert "/v1/generate" in page
    assert not re.search(r"<(script|link|img|iframe)|src=|url\(|@import", page)


def test_a_parameter_stands_last_in_its_route() -> None:
    for path in ROUTES:
        assert "{" not in path or (path.endswith("}") and path.count("{") == 1)
