"""No team reaches another's rows: asserted of every table that has a team_key, and tried."""

import psycopg
import pytest

from headgate.storage.postgres.database import Database

ROLES = ("headgate_app", "headgate_system")


@pytest.fixture
def owner(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def _tables(owner, having_team_key):
    return {
        name
        for name, has in owner.execute(
            "SELECT relname, EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'team_key') "
            "FROM pg_class c WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace "
            "AND relname <> 'alembic_version'"
        )
        if has == having_team_key
    }


def test_every_table_with_a_team_key_has_forced_row_level_security(owner):
    forced = {
        name for (name,) in owner.execute("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
    }
    assert _tables(owner, True) == forced
    assert {"teams", "virtual_keys", "ledger_entries", "budget_leases"} <= forced


def test_every_table_with_a_team_key_has_one_policy_for_each_role_and_no_other(owner):
    expected = {
        ("headgate_app", "(team_key = headgate_team())", "(team_key = headgate_team())", "ALL", "PERMISSIVE"),
        ("headgate_system", "true", "true", "ALL", "PERMISSIVE"),
    }
    found = {name: set() for name in _tables(owner, True)}
    for table, roles, *rest in owner.execute(
        "SELECT tablename, roles::text[], qual, with_check, cmd, permissive FROM pg_policies"
    ):
        found[table].add((",".join(roles), *rest))
    assert found == dict.fromkeys(found, expected)


def test_the_teams_role_has_no_right_on_tables_of_the_platform(owner):
    for table in _tables(owner, False):
        granted = owner.execute(
            "SELECT has_table_privilege('headgate_app', %s, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')", (table,)
        ).fetchone()
        assert granted == (False,), table


def test_the_roles_own_nothing_and_cannot_bypass(owner):
    for role in ROLES:
        attributes = owner.execute(
            "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolcanlogin OR rolinherit "
            "FROM pg_roles WHERE rolname = %s",
            (role,),
        ).fetchone()
        assert attributes == (False,)
        owned = owner.execute(
            "SELECT count(*) FROM pg_shdepend d JOIN pg_roles r ON refobjid = r.oid "
            "WHERE rolname = %s AND deptype = 'o'",
            (role,),
        ).fetchone()
        assert owned == (0,)
        assert owner.execute("SELECT has_schema_privilege(%s, 'public', 'CREATE')", (role,)).fetchone() == (False,)


def test_the_books_can_be_added_to_but_not_changed(owner):
    for table in ("ledger_entries", "requests", "administrative_acts", "policy_versions"):
        for right, expected in (("SELECT", True), ("INSERT", True), ("UPDATE", False), ("DELETE", False)):
            found = owner.execute("SELECT has_table_privilege('headgate_system', %s, %s)", (table, right)).fetchone()
            assert found == (expected,), (table, right)


@pytest.fixture
async def teams(database: Database):
    """Keys of two teams, each with a project, and an entry of each in the ledger."""
    async with database.system() as connection:
        rows = await (
            await connection.execute("INSERT INTO teams (id) VALUES ('alpha'), ('beta') RETURNING team_key")
        ).fetchall()
        for (team,) in rows:
            await connection.execute("INSERT INTO projects (team_key, id) VALUES (%s, 'default')", (team,))
    return [team for (team,) in rows]


async def test_a_team_sees_only_its_own_rows(database, teams):
    for team in teams:
        async with database.team(team) as connection:
            for table in ("teams", "projects"):
                seen = await (await connection.execute(f"SELECT team_key FROM {table}")).fetchall()
                assert seen == [(team,)]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO projects (team_key, id) VALUES ({other}, 'mine')",
        "UPDATE projects SET team_key = {other}",
        "INSERT INTO virtual_keys (id, team_key, role, prefix, hash) VALUES ('k', {other}, 'member', 'p', 'h')",
        "INSERT INTO virtual_keys (id, role, prefix, hash) VALUES ('k', 'platform-admin', 'p', 'h')",
    ],
)
async def test_a_team_cannot_write_rows_of_another_or_of_the_platform(database, teams, statement):
    mine, other = teams
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        async with database.team(mine) as connection:
            await connection.execute(statement.format(other=other))


async def test_a_teams_change_of_another_teams_rows_touches_none(database, teams):
    mine, other = teams
    async with database.team(mine) as connection:
        assert (
            await connection.execute("UPDATE projects SET use_case = 'x' WHERE team_key = %s", (other,))
        ).rowcount == 0
        assert (await connection.execute("DELETE FROM projects WHERE team_key = %s", (other,))).rowcount == 0


async def test_a_key_cannot_name_a_project_of_another_team(database, teams):
    mine, other = teams
    async with database.team(other) as connection:
        (project,) = await (await connection.execute("SELECT project_key FROM projects")).fetchone()
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        async with database.team(mine) as connection:
            await connection.execute(
                "INSERT INTO virtual_keys (id, team_key, project_key, role, prefix, hash) "
                "VALUES ('k', %s, %s, 'member', 'p', 'h')",
                (mine, project),
            )


async def test_without_a_team_the_teams_role_sees_nothing(database, database_url, teams):
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        await connection.execute("SET ROLE headgate_app")
        assert await (await connection.execute("SELECT * FROM teams")).fetchall() == []
    async with database.team(teams[0]) as connection:
        await connection.execute("SELECT set_config('headgate.team', '', true)")  # what ended transactions leave
        assert await (await connection.execute("SELECT * FROM teams")).fetchall() == []


async def test_a_connection_does_not_carry_a_team_into_its_next_transaction(database, teams):
    for _ in range(12):  # more often than psycopg needs to prepare the statements
        for team in teams:
            async with database.team(team) as connection:
                assert await (await connection.execute("SELECT team_key FROM projects")).fetchall() == [(team,)]
        async with database.system() as connection:
            seen = await (await connection.execute("SELECT team_key FROM projects")).fetchall()
            assert len(seen) == len(teams)


async def test_rows_of_the_platform_are_invisible_to_teams(database, teams):
    async with database.system() as connection:
        await connection.execute(
            "INSERT INTO virtual_keys (id, role, prefix, hash) VALUES ('k', 'platform-admin', 'p', 'h')"
        )
    async with database.team(teams[0]) as connection:
        assert await (await connection.execute("SELECT id FROM virtual_keys")).fetchall() == []


def test_an_owner_without_superuser_rights_is_bound_too(owner):
    owner.execute("ALTER TABLE teams OWNER TO pg_monitor")
    owner.execute("INSERT INTO teams (id) VALUES ('alpha')")
    owner.execute("SET ROLE pg_monitor")
    assert owner.execute("SELECT * FROM teams").fetchall() == []
