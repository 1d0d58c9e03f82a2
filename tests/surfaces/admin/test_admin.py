"""Administration over HTTP: shapes, refusals, roles, foreign and missing ids."""

import asyncio
from typing import Any

import pytest
from tests.surfaces.admin.house import House

from headgate.api.admin.app import admin_app
from headgate.domain.policy import Policy, ScopeDefaults, Settings, TeamSettings
from headgate.domain.principal import Limits, Role
from headgate.identity import roles
from headgate.kit.clock import SystemClock
from headgate.kit.ids import uuid7

TICK_S = 0.01

ROUTES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "create_team": ("POST", "/teams", {"id": "gamma"}),
    "change_team": ("PATCH", "/teams/alpha", {"budget": "7 USD/day"}),
    "list_teams": ("GET", "/teams", {}),
    "show_team": ("GET", "/teams/alpha", {}),
    "create_project": ("POST", "/projects", {"team": "alpha", "id": "search"}),
    "change_project": ("PATCH", "/projects/alpha/default", {"limits": {"parallel": 3}}),
    "list_projects": ("GET", "/projects", {}),
    "create_user": ("POST", "/users", {"team": "alpha", "id": "ann"}),
    "change_user": ("PATCH", "/users/alpha/ann", {"budget": "1 USD/day"}),
    "list_users": ("GET", "/users", {}),
    "create_key": ("POST", "/keys", {"team": "alpha"}),
    "list_keys": ("GET", "/keys", {}),
    "change_key": ("PATCH", "/keys/{key}", {"limits": {"requests": "5/min"}}),
    "rotate_key": ("POST", "/keys/{key}/rotate", {"overlap": "1h"}),
    "revoke_key": ("DELETE", "/keys/{key}", {}),
    "list_ledger": ("GET", "/ledger", {}),
    "show_request": ("GET", "/requests/{request}", {}),
    "show_cache": ("GET", "/cache", {}),
    "purge_cache": ("POST", "/cache/purge", {"use_case": "default"}),
    "show_pool": ("GET", "/pool", {}),
    "drain_deployment": ("POST", "/pool/drain", {"deployment": "demo/demo"}),
    "restore_deployment": ("POST", "/pool/restore", {"deployment": "demo/demo"}),
}
KEYS = {
    "platform-admin": Role.PLATFORM_ADMIN,
    "team-admin": Role.TEAM_ADMIN,
    "member": Role.MEMBER,
    "team-auditor": Role.AUDITOR,
    "auditor": Role.AUDITOR,
}


def test_every_route_has_a_line_here_and_in_the_table_of_roles(house: House) -> None:
    described = admin_app(house.rooms, SystemClock(), lambda: Policy(1, "", {}, {}, {})).openapi()
    operations = [one for path in described["paths"].values() for one in path.values()]
    assert all(one["summary"] and one["description"] for one in operations)
    named = {one["operationId"].split("_admin_v1")[0] for one in operations}
    assert named == set(ROUTES) == set(roles.ACTIONS)


@pytest.mark.parametrize("key", KEYS)
async def test_a_role_may_do_what_the_table_says_and_nothing_else(house: House, key: str) -> None:
    ids = {"key": house.ids["foreign"] if key == "platform-admin" else house.ids["spare"]}
    ids["request"] = await house.spend("member")
    for action, (method, path, body) in ROUTES.items():
        answer = await house.ask(method, path.format(**ids), key, **({"json": body} if body else {}))
        if action in roles.PERMITTED[KEYS[key]]:
            assert answer.status_code in (200, 201), (action, answer.text)
        else:
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_permitted"), action


@pytest.mark.parametrize(("key", "code"), [(None, "missing_credentials"), ("hg_nobody", "invalid_key")])
async def test_without_a_key_nothing_is_told_not_even_that_the_body_is_wrong(
    house: House, key: str | None, code: str
) -> None:
    for action, (method, path, _) in ROUTES.items():
        answer = await house.ask(method, path, key, content=b"{")
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, code), action


async def test_a_role_that_may_not_is_told_so_before_the_body_is_read(house: House) -> None:
    answer = await house.ask("POST", "/teams", "member", content=b"{")
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/teams/{}", None),
        ("GET", "/projects?team={}", None),
        ("GET", "/users?team={}", None),
        ("GET", "/keys?team={}", None),
        ("GET", "/ledger?team={}", None),
        ("GET", "/cache?team={}", None),
        ("POST", "/cache/purge", {"team": "{}"}),
        ("POST", "/keys", {"team": "{}"}),
        ("POST", "/projects", {"team": "{}", "id": "search"}),
        ("POST", "/users", {"team": "{}", "id": "ann"}),
    ],
)
async def test_a_foreign_team_and_a_missing_one_are_answered_alike(
    house: House, method: str, path: str, body: dict[str, str] | None
) -> None:
    answers = []
    for team in ("beta", "nowhere"):
        filled = None if body is None else {name: value.replace("{}", team) for name, value in body.items()}
        answer = await house.ask(method, path.replace("{}", team), "team-admin", json=filled)
        assert answer.status_code == 404
        shown = answer.json()
        del shown["headgate"]["request_id"], shown["headgate"]["link"]
        answers.append(str(shown).replace(team, "TEAM"))
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/keys/{}"), ("POST", "/keys/{}/rotate"), ("GET", "/requests/{}")]
)
async def test_a_foreign_key_or_request_and_a_missing_one_are_answered_alike(
    house: House, method: str, path: str
) -> None:
    foreign = await house.spend("foreign") if "requests" in path else house.ids["foreign"]
    ids = [foreign, uuid7(0)]
    answers = []
    for one in ids:
        answer = await house.ask(method, path.replace("{}", one), "team-admin")
        assert answer.status_code == 404
        shown = answer.json()
        del shown["headgate"]["request_id"], shown["headgate"]["link"]
        answers.append(str(shown).replace(one, "ID"))
    assert answers[0] == answers[1]


async def test_a_team_is_made_shown_and_made_once(house: House) -> None:
    body = {
        "id": "gamma",
        "owner": "lead@example.org",
        "budget": ["500 USD/month", "20.5 USD/day"],
        "limits": {"requests": "100/min", "tokens": "400k/min", "parallel": 20},
        "use_cases": ["default"],
    }
    made = await house.ask("POST", "/teams", json=body)
    assert made.status_code == 201
    shown = made.json()
    assert shown.pop("created_at").endswith("Z")
    assert shown == {
        "id": "gamma",
        "owner": "lead@example.org",
        "budgets": [
            {"period": "month", "usd": 500.0, "nano_usd": 500_000_000_000},
            {"period": "day", "usd": 20.5, "nano_usd": 20_500_000_000},
        ],
        "limits": {"requests": "100/min", "tokens": "400000/min", "parallel": 20},
        "use_cases": ["default"],
        "origin": "store",
    }
    assert (await house.ask("GET", "/teams/gamma")).json()["budgets"] == shown["budgets"]
    projects = (await house.ask("GET", "/projects?team=gamma")).json()
    assert [project["id"] for project in projects["data"]] == ["default"]
    again = await house.ask("POST", "/teams", json=body)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")


async def test_a_team_of_the_file_is_read_only_and_says_where_it_stands(house: House) -> None:
    team = TeamSettings("filed", "ann", (), Limits(), None, "headgate.yaml:31")
    await house.rooms.identity.apply(Settings((team,), ScopeDefaults(), ScopeDefaults()))
    answer = await house.ask("POST", "/teams", json={"id": "filed"})
    assert answer.status_code == 409
    assert "headgate.yaml:31" in answer.json()["error"]["message"]


async def test_every_wrong_field_is_named(house: House) -> None:
    body = {"id": "Gamma!", "budget": "5 EUR", "limits": {"requests": "100"}, "colour": "red"}
    answer = await house.ask("POST", "/teams", json=body)
    assert answer.status_code == 422
    shown = answer.json()
    assert (shown["error"]["type"], shown["error"]["code"]) == ("invalid_request_error", "invalid_parameter")
    fields = {field["param"]: field["message"] for field in shown["headgate"]["fields"]}
    assert set(fields) == {"id", "budget", "limits.requests", "colour"}
    assert "5 EUR" in fields["budget"]
    assert shown["headgate"]["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"{", 400), (b"\xff", 400), (b"[]", 422), (b"", 422), (b" " * (1024 * 1024 + 1), 413)],
)
async def test_a_body_that_cannot_be_read_is_refused_with_its_reason(house: House, content: bytes, status: int) -> None:
    assert (await house.ask("POST", "/teams", content=content)).status_code == status


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=9999999999"])
async def test_a_wrong_page_is_refused(house: House, query: str) -> None:
    answer = await house.ask("GET", f"/teams?{query}")
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, query.partition("=")[0])


async def test_lists_go_on_by_cursor(house: House) -> None:
    seen, cursor = [], ""
    while cursor is not None:
        shown = (await house.ask("GET", f"/keys?limit=2{cursor and '&cursor='}{cursor}")).json()
        seen += [key["id"] for key in shown["data"]]
        cursor = shown["next"]
    assert len(seen) == len(set(seen)) == 8
    assert set(house.ids.values()) < set(seen)


async def test_a_key_is_shown_once_rotated_and_revoked(house: House) -> None:
    body = {"team": "alpha", "project": "default", "user": "ann", "role": "member", "expires_in": "30d"}
    made = await house.ask("POST", "/keys", json=body)
    assert made.status_code == 201
    assert set(made.json()) == {"id", "key", "prefix"}
    key_id, text = made.json()["id"], made.json()["key"]
    listed = (await house.ask("GET", "/keys?team=alpha")).text
    assert text not in listed
    assert key_id in listed
    rotated = await house.ask("POST", f"/keys/{key_id}/rotate", json={"overlap": "24h"})
    assert (rotated.status_code, rotated.json()["id"]) == (200, key_id)
    for works in (text, rotated.json()["key"]):
        assert (await house.ask("GET", "/keys", works)).status_code == 200
    revoked = await house.ask("DELETE", f"/keys/{key_id}")
    assert revoked.json()["revoked_at"] is not None
    async with asyncio.timeout(1):
        while True:
            if (await house.ask("GET", "/keys", text)).status_code == 401:
                break
            await asyncio.sleep(TICK_S)
    assert (await house.ask("DELETE", f"/keys/{key_id}")).status_code == 200
    assert (await house.ask("POST", f"/keys/{key_id}/rotate")).status_code == 409


async def test_a_team_admin_makes_no_key_that_reaches_beyond_its_team(house: House) -> None:
    for body in ({"role": "platform-admin"}, {"role": "auditor"}):
        assert (await house.ask("POST", "/keys", "team-admin", json=body)).status_code == 403
    answer = await house.ask("POST", "/keys", "team-admin", json={"team": "alpha", "role": "platform-admin"})
    assert answer.status_code == 422


async def test_one_reads_in_the_ledger_what_one_just_spent(house: House) -> None:
    request_id = await house.spend(user="ann")
    foreign = await house.spend("foreign")
    (entry,) = (await house.ask("GET", f"/ledger?request_id={request_id}")).json()["data"]
    assert {name: entry[name] for name in ("request_id", "team", "project", "user", "key_id", "cost_nano_usd")} == {
        "request_id": request_id,
        "team": "alpha",
        "project": "default",
        "user": "ann",
        "key_id": house.ids["member"],
        "cost_nano_usd": 20_000,
    }
    assert (entry["cost_usd"], entry["input_tokens"], entry["output_tokens"]) == (0.00002, 10, 5)
    assert (entry["basis"], entry["outcome"], entry["purpose"]) == ("reported", "answered", "answer")
    seen = (await house.ask("GET", "/ledger", "team-admin")).json()["data"]
    assert [one["request_id"] for one in seen] == [request_id]
    everything = (await house.ask("GET", "/ledger?limit=1", "auditor")).json()
    assert everything["data"][0]["request_id"] == foreign
    rest = (await house.ask("GET", f"/ledger?cursor={everything['next']}", "auditor")).json()
    assert ([one["request_id"] for one in rest["data"]], rest["next"]) == ([request_id], None)
    assert (await house.ask("GET", "/ledger?since=2999-01-01T00:00:00Z")).json()["data"] == []
    assert (await house.ask("GET", "/ledger?since=2026-01-01T00:00:00")).status_code == 422


async def test_a_member_sees_its_own_keys_entries_and_requests_alone(house: House) -> None:
    own, other = await house.spend("member"), await house.spend("team-admin")
    listed = (await house.ask("GET", "/keys", "member")).json()["data"]
    assert [key["id"] for key in listed] == [house.ids["member"]]
    entries = (await house.ask("GET", "/ledger", "member")).json()["data"]
    assert [entry["request_id"] for entry in entries] == [own]
    assert (await house.ask("GET", f"/requests/{own}", "member")).status_code == 200
    assert (await house.ask("GET", f"/requests/{other}", "member")).status_code == 404


async def test_a_request_is_explained_step_by_step(house: House) -> None:
    request_id = await house.spend()
    shown = (await house.ask("GET", f"/requests/{request_id}")).json()
    assert shown["request_id"] == request_id
    assert [(step["step"], step["decision"]) for step in shown["steps"]] == [("authenticate", "the key is known")]
    assert [(one["attempt"], one["cost_nano_usd"]) for one in shown["attempts"]] == [(1, 20_000)]
    assert (shown["team"], shown["key_id"], shown["cost_usd"]) == ("alpha", house.ids["member"], 0.00002)


@pytest.mark.parametrize("header", ["x-api-key", "api-key"])
async def test_a_key_may_come_in_any_of_the_usual_headers(house: House, header: str) -> None:
    answer = await house.client.get("/teams", headers={header: house.keys["platform-admin"]})
    assert answer.status_code == 200


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("PUT", "/teams", 405)])
async def test_what_is_not_there_is_refused_in_the_native_shape(
    house: House, method: str, path: str, status: int
) -> None:
    answer = await house.ask(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert answer.json()["headgate"]["request_id"] == answer.headers["x-request-id"]


async def test_a_name_with_a_nul_is_not_found(house: House) -> None:
    assert (await house.ask("GET", "/teams/a%00b")).status_code == 404
    assert (await house.ask("GET", "/keys?team=a%00b")).status_code == 404


async def test_a_change_touches_what_it_names_and_nothing_else(house: House) -> None:
    await house.ask("POST", "/teams", json={"id": "gamma", "budget": "5 USD/day", "limits": {"requests": "10/min"}})
    changed = await house.ask("PATCH", "/teams/gamma", json={"limits": {"parallel": 2}, "owner": "lead@example.org"})
    assert changed.status_code == 200
    shown = (await house.ask("GET", "/teams/gamma")).json()
    assert shown == changed.json()
    assert shown["limits"] == {"requests": "10/min", "tokens": None, "parallel": 2}
    assert [budget["usd"] for budget in shown["budgets"]] == [5.0]
    assert shown["owner"] == "lead@example.org"
    lifted = (await house.ask("PATCH", "/teams/gamma", json={"budget": "none", "limits": None})).json()
    assert (lifted["budgets"], lifted["limits"]) == ([], None)
    assert (await house.ask("PATCH", "/teams/gamma", json={"budget": "lots"})).status_code == 422
    assert (await house.ask("PATCH", "/teams/gamma", json={"id": "delta"})).status_code == 422
    assert (await house.ask("PATCH", "/teams/nobody", json={"budget": "none"})).status_code == 404


async def test_one_limit_that_is_named_leaves_the_defaults_of_the_others(house: House) -> None:
    defaults = ScopeDefaults((), Limits(100, 400_000, 20))
    await house.rooms.identity.apply(Settings((), defaults, ScopeDefaults()))
    await house.ask("POST", "/teams", json={"id": "gamma"})
    changed = (await house.ask("PATCH", "/teams/gamma", json={"limits": {"requests": "10/min"}})).json()
    assert changed["limits"] == {"requests": "10/min", "tokens": "400000/min", "parallel": 20}


async def test_a_team_admin_changes_the_parts_of_its_team_and_not_its_own_bounds(house: House) -> None:
    asked = {"json": {"budget": "1 USD/day"}}
    assert (await house.ask("PATCH", "/teams/alpha", "team-admin", **asked)).status_code == 403
    await house.ask("POST", "/users", json={"team": "beta", "id": "bob/ops"})
    for path in ("/projects/beta/default", "/users/beta/bob/ops", f"/keys/{house.ids['foreign']}"):
        assert (await house.ask("PATCH", path, "team-admin", **asked)).status_code == 404
        assert (await house.ask("PATCH", path, **asked)).json()["budgets"][0]["usd"] == 1.0


async def test_a_team_of_the_file_is_changed_in_the_file(house: House) -> None:
    team = TeamSettings("filed", "lead", (), Limits(), None, "headgate.yaml:7")
    await house.rooms.identity.apply(Settings((team,), ScopeDefaults(), ScopeDefaults()))
    answer = await house.ask("PATCH", "/teams/filed", json={"budget": "none"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    assert "headgate.yaml:7" in answer.json()["error"]["message"]


async def test_a_key_is_made_with_terms_and_bound_by_its_changes_at_once(house: House) -> None:
    made = (await house.ask("POST", "/keys", json={"team": "alpha", "limits": {"requests": "9/min"}})).json()
    await house.ask("PATCH", f"/keys/{made['id']}", json={"budget": "2 USD/day"})
    (shown,) = [key for key in (await house.ask("GET", "/keys?team=alpha")).json()["data"] if key["id"] == made["id"]]
    assert (shown["limits"]["requests"], shown["budgets"][0]["usd"]) == ("9/min", 2.0)
    principal = await house.rooms.identity.identify(made["key"], 0)
    assert [allowance.limits.requests_per_minute for allowance in principal.allowances][-1] == 9
