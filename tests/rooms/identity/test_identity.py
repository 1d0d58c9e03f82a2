"""Callers told apart: keys, projects, users, revocation, and the database's absence."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from tests.rooms.identity.parts import actor, call, identity, record

from headgate.domain.call import Call
from headgate.domain.money import Budget
from headgate.domain.policy import ScopeDefaults, Settings, TeamSettings
from headgate.domain.principal import Limits, Role, ScopeKind
from headgate.domain.refusal import Refusal
from headgate.identity import keys
from headgate.identity.directory import NewVirtualKey
from headgate.identity.freshness import IdentityState
from headgate.identity.identity import Identity
from headgate.identity.store import Page, TeamTerms, Terms
from headgate.kit.clock import ManualClock, SystemClock
from headgate.storage.postgres.database import Database

TICK_S = 0.01


@pytest.fixture
async def room(database: Database) -> AsyncIterator[Identity]:
    async with identity(database) as opened:
        yield opened


async def refused(room: Identity, asked: Call) -> str:
    with pytest.raises(Refusal) as caught:
        await room.authenticate(record(asked))
    return caught.value.code


async def until_refused(room: Identity, asked: Call) -> str:
    """The code of the refusal that comes within a second; every try in between is served."""
    async with asyncio.timeout(1):
        while True:
            try:
                await room.authenticate(record(asked))
            except Refusal as refusal:
                return refusal.code
            await asyncio.sleep(TICK_S)


async def test_the_first_start_makes_a_team_and_keys_once(room: Identity) -> None:
    first = await room.ensure_defaults()
    assert first.development
    assert first.admin
    principal = await room.authenticate(record(call(first.development)))
    assert (principal.team, principal.project, principal.role) == ("default", "default", Role.MEMBER)
    assert principal.subject is not None
    assert principal.allowances == ()
    assert (await room.identify(first.admin, 0)).role is Role.PLATFORM_ADMIN
    again = await room.ensure_defaults()
    assert (again.development, again.admin) == (None, None)


async def test_keys_that_nobody_would_see_are_not_made(room: Identity) -> None:
    assert (await room.ensure_defaults(show=False)).withheld
    assert await room.directory.list_keys(actor(), Page()) == []
    first = await room.ensure_defaults()
    assert (first.development is not None, first.admin is not None, first.withheld) == (True, True, False)


async def test_two_workers_that_start_at_once_make_one_pair_of_keys(room: Identity) -> None:
    made = await asyncio.gather(room.ensure_defaults(), room.ensure_defaults())
    assert len([first for first in made if first.development and first.admin]) == 1
    assert len(await room.directory.list_keys(actor(), Page())) == 2


async def test_the_environments_admin_key_works_and_replaces_the_one_before(room: Identity) -> None:
    first = await room.ensure_defaults("an-admin-key-of-ours")
    assert first.development
    assert first.admin is None
    assert (await room.identify("an-admin-key-of-ours", 0)).role is Role.PLATFORM_ADMIN
    await room.ensure_defaults("another-admin-key")
    assert (await room.identify("another-admin-key", 0)).key_id == "key_environment"
    assert await until_refused(room, call("an-admin-key-of-ours")) in ("invalid_key", "not_permitted")


@pytest.mark.parametrize("text", ["short", "hg_" + "a" * 36])
async def test_an_admin_key_that_cannot_be_one_is_refused_at_the_start(room: Identity, text: str) -> None:
    with pytest.raises(ValueError, match="HEADGATE_ADMIN_KEY"):
        await room.ensure_defaults(text)


async def test_what_is_no_key_is_refused_with_its_reason(room: Identity) -> None:
    first = await room.ensure_defaults()
    assert first.development
    assert first.admin
    wrong = first.development[:-1] + ("0" if first.development[-1] != "0" else "1")
    assert await refused(room, call(None)) == "missing_credentials"
    assert await refused(room, call(wrong)) == "invalid_key"
    assert await refused(room, call("sk-something-else")) == "invalid_key"
    assert await refused(room, call(keys.new_key().text)) == "invalid_key"
    assert await refused(room, call(first.admin)) == "not_permitted"
    assert await refused(room, call(first.development, team="another")) == "wrong_team"
    assert (await room.authenticate(record(call(first.development, team="default")))).team == "default"


async def test_an_expired_key_is_refused_as_such(room: Identity) -> None:
    await room.ensure_defaults()
    _, text = await room.directory.create_key(actor(), NewVirtualKey(team="default", expires_in_ms=0))
    assert await refused(room, call(text)) == "expired_token"


async def test_a_revoked_key_stops_within_a_second_at_another_worker(room: Identity, database_url: str) -> None:
    await room.ensure_defaults()
    entry, text = await room.directory.create_key(actor(), NewVirtualKey(team="default"))
    other_database = await Database.open(database_url)
    async with identity(other_database) as other:
        await other.authenticate(record(call(text)))
        await room.directory.revoke_key(actor(), entry.id)
        assert await until_refused(other, call(text)) == "invalid_key"
        assert await until_refused(room, call(text)) == "invalid_key"
    await other_database.close()


async def test_a_key_made_a_moment_after_it_was_unknown_works_within_a_second(room: Identity) -> None:
    given = "given-later-by-hand"
    assert await refused(room, call(given)) == "invalid_key"
    await room.ensure_defaults(given)
    async with asyncio.timeout(2):
        while True:
            if await refused(room, call(given)) == "not_permitted":
                return
            await asyncio.sleep(TICK_S)


async def test_a_rotated_key_works_for_its_overlap_beside_the_new_one(room: Identity) -> None:
    await room.ensure_defaults()
    entry, old = await room.directory.create_key(actor(), NewVirtualKey(team="default"))
    _, new = await room.directory.rotate_key(actor(), entry.id, 60_000)
    assert (
        (await room.authenticate(record(call(old)))).key_id
        == (await room.authenticate(record(call(new)))).key_id
        == entry.id
    )
    _, newest = await room.directory.rotate_key(actor(), entry.id, 0)
    assert (await room.authenticate(record(call(newest)))).key_id == entry.id
    assert await until_refused(room, call(old)) == "invalid_key"
    assert await until_refused(room, call(new)) == "expired_token"


async def test_project_and_user_of_a_call_are_chosen_and_bring_their_allowances(room: Identity) -> None:
    first = await room.ensure_defaults()
    terms = Terms((Budget(5, "day"),), Limits(requests_per_minute=3), "handbook")
    await room.directory.create_project(actor(), "default", "search", terms)
    principal = await room.authenticate(record(call(first.development, project="search", user="ann")))
    assert (principal.project, principal.user, principal.project_use_case) == ("search", "ann", "handbook")
    assert [(a.kind, a.name, a.budgets) for a in principal.allowances] == [
        (ScopeKind.PROJECT, "search", (Budget(5, "day"),))
    ]
    again = await room.authenticate(record(call(first.development, project="search", user="ann")))
    assert again == principal
    assert again.subject is not None
    assert again.subject.user is not None
    assert await refused(room, call(first.development, project="nowhere")) == "not_permitted"


async def test_a_key_of_a_project_and_a_user_chooses_no_other(room: Identity) -> None:
    await room.ensure_defaults()
    new = NewVirtualKey(team="default", project="default", user="ann")
    _, text = await room.directory.create_key(actor(), new)
    assert (await room.authenticate(record(call(text)))).user == "ann"
    assert (await room.authenticate(record(call(text, project="default", user="ann")))).user == "ann"
    await room.directory.create_project(actor(), "default", "search", Terms())
    assert await refused(room, call(text, project="search")) == "not_permitted"
    assert await refused(room, call(text, user="bob")) == "not_permitted"


async def test_calls_that_meet_an_unknown_user_at_once_make_one(room: Identity) -> None:
    first = await room.ensure_defaults()
    found = await asyncio.gather(*(room.authenticate(record(call(first.development, user="ann"))) for _ in range(50)))
    assert len({principal.subject for principal in found}) == 1
    assert len(await room.directory.list_users(actor(), Page())) == 1


async def test_the_files_teams_are_written_changed_and_released(room: Identity) -> None:
    team = TeamSettings("alpha", "ann", (Budget(7, "month"),), Limits(parallel=2), ("default",), "headgate.yaml:31")
    user = ScopeDefaults((Budget(1, "day"),))
    settings = Settings((team,), ScopeDefaults((Budget(9, "day"),)), user)
    assert (await room.apply(settings)).created == ("alpha",)
    assert (await room.apply(settings)).changed == ()
    _, text = await room.directory.create_key(actor(), NewVirtualKey(team="alpha"))
    principal = await room.authenticate(record(call(text, user="ann")))
    assert principal.use_cases == ("default",)
    assert [(a.kind, a.owner, a.budgets) for a in principal.allowances] == [
        (ScopeKind.TEAM, "ann", (Budget(7, "month"),)),
        (ScopeKind.USER, "ann", (Budget(1, "day"),)),
    ]
    first = await room.ensure_defaults()
    assert (first.development, first.admin is not None) == (None, True)
    synced = await room.apply(Settings((), ScopeDefaults(), ScopeDefaults()))
    assert synced.released == ("alpha",)
    released = await room.directory.show_team(actor(), "alpha")
    assert (released.origin, released.budgets) == ("store", (Budget(7, "month"),))


async def test_a_team_without_terms_of_its_own_has_the_configurations_defaults(room: Identity) -> None:
    first = await room.ensure_defaults()
    await room.authenticate(record(call(first.development)))
    await room.apply(Settings((), ScopeDefaults((Budget(9, "day"),), Limits(parallel=1)), ScopeDefaults()))
    (allowance,) = (await room.authenticate(record(call(first.development)))).allowances
    assert (allowance.name, allowance.budgets, allowance.limits) == (
        "default",
        (Budget(9, "day"),),
        Limits(parallel=1),
    )


async def test_a_team_that_shall_have_no_budget_has_none_whatever_the_defaults_say(room: Identity) -> None:
    file_team = TeamSettings("alpha", "", (), Limits(), None, "headgate.yaml:31")
    await room.apply(Settings((file_team,), ScopeDefaults((Budget(9, "day"),)), ScopeDefaults()))
    await room.directory.create_team(actor(), TeamTerms("beta", budgets=(), limits=Limits()))
    for team in ("alpha", "beta"):
        _, text = await room.directory.create_key(actor(), NewVirtualKey(team=team))
        assert (await room.authenticate(record(call(text)))).allowances == ()


async def test_acts_are_journalled_without_the_names_of_users(database: Database) -> None:
    acts: list[str] = []
    room = Identity(database, SystemClock(), lambda act: acts.append(f"{act.actor_key} {act.action} {act.resource}"))
    await room.ensure_defaults("an-admin-key-of-ours")
    await room.directory.create_user(actor(), "default", "ann@example.org", Terms())
    assert acts[-2:] == ["headgate create_key keys/key_environment", "key_test create_user users/1"]


async def test_an_act_that_cannot_be_journalled_is_not_done(database: Database) -> None:
    def full(_: object) -> None:
        raise Refusal("journal_unavailable", "The disk is full.")

    room = Identity(database, SystemClock(), full)
    team = TeamTerms("alpha")
    with pytest.raises(Refusal, match="disk"):
        await room.directory.create_team(actor(), team)
    assert await room.directory.list_teams(actor(), Page()) == []


async def test_remembered_keys_work_for_an_hour_without_the_database(database: Database, database_url: str) -> None:
    clock = ManualClock()
    async with identity(database, clock) as room:
        first = await room.ensure_defaults()
        await room.authenticate(record(call(first.development)))
        assert room.state is IdentityState.READY
        name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
        server = psycopg.conninfo.make_conninfo(database_url, dbname="postgres")
        async with await psycopg.AsyncConnection.connect(server, autocommit=True) as gate:
            await gate.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            await gate.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            await _until(room, IdentityState.GRACE)
            assert (await room.authenticate(record(call(first.development)))).team == "default"
            assert await refused(room, call(first.admin)) == "not_ready"
            assert await refused(room, call(first.development, user="somebody new")) == "not_ready"
            clock.advance(3601)
            await _until(room, IdentityState.AWAY)
            assert await refused(room, call(first.development)) == "not_ready"
            await gate.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            await _until(room, IdentityState.READY)
        assert (await room.authenticate(record(call(first.development)))).team == "default"


async def _until(room: Identity, state: IdentityState) -> None:
    async with asyncio.timeout(10):
        while True:
            if room.state is state:
                return
            await asyncio.sleep(TICK_S)


async def test_what_a_known_key_may_not_do_is_refused_under_its_own_name(room: Identity) -> None:
    first = await room.ensure_defaults()
    for asked, code in (
        (call(first.development, team="other"), "wrong_team"),
        (call(first.development, project="nowhere"), "not_permitted"),
        (call(first.admin), "not_permitted"),
    ):
        opened = record(asked)
        with pytest.raises(Refusal) as caught:
            await room.authenticate(opened)
        assert caught.value.code == code
        assert opened.principal is not None
        assert opened.principal.team == ("" if asked.credential == first.admin else "default")
