"""The schema comes up once, whoever starts first, and costs nothing when it is there."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg.conninfo import make_conninfo
from tests.postgres import fresh_database

from headgate.storage.migrate import HEAD, MIGRATIONS, MigrationImpossible, current_revision, migrate
from headgate.storage.postgres.database import Database
from headgate.storage.postgres.embedded import EmbeddedPostgres


@pytest.fixture
def empty_url():
    with fresh_database("template0") as url:
        yield url


def _revision(url):
    with psycopg.connect(url) as connection:
        return current_revision(connection)


def test_the_head_read_from_the_files_is_alembics():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_two_starters_migrate_an_empty_database_once(empty_url):
    assert _revision(empty_url) is None
    with ThreadPoolExecutor() as starters:
        list(starters.map(migrate, [empty_url] * 2))
    assert _revision(empty_url) == HEAD


def test_a_migrated_database_needs_no_alembic(database_url):
    script = (
        f"import sys; from headgate.storage.migrate import migrate; migrate({database_url!r}); "
        "sys.exit('alembic' in sys.modules or 'sqlalchemy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


def test_a_database_of_a_newer_headgate_is_refused(database_url):
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999_later'")
    with pytest.raises(MigrationImpossible, match="9999_later, newer than this Headgate's"):
        migrate(database_url)


def test_a_database_that_cannot_be_reached_is_named_so(tmp_path):
    with pytest.raises(MigrationImpossible, match="cannot be reached"):
        migrate(f"postgresql:///x?host={tmp_path}")


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO teams (id) VALUES ('beta')",
        "UPDATE teams SET limits = '{}'",
        "INSERT INTO projects (team_key, id) SELECT team_key, 'other' FROM teams",
        "DELETE FROM projects",
        "UPDATE users SET limits = '{}'",
        "INSERT INTO virtual_keys (id, role, prefix, hash) VALUES ('k', 'platform-admin', 'p', 'h')",
    ],
)
async def test_a_changed_identity_raises_the_version_even_for_a_role_that_may_not_write_it(database, change):
    async with database.system() as connection:
        await connection.execute("INSERT INTO teams (id) VALUES ('alpha')")
        await connection.execute("INSERT INTO projects (team_key, id) SELECT team_key, 'default' FROM teams")
        await connection.execute("INSERT INTO users (team_key, id) SELECT team_key, 'ada' FROM teams")
    async with database.system() as connection:
        (before,) = await (await connection.execute("SELECT version FROM identity_version")).fetchone()
        await connection.execute(change)
        assert await (await connection.execute("SELECT version FROM identity_version")).fetchone() == (before + 1,)


async def test_a_new_user_leaves_the_version_as_it_is(database):
    async with database.system() as connection:
        await connection.execute("INSERT INTO teams (id) VALUES ('alpha')")
        before = await (await connection.execute("SELECT version FROM identity_version")).fetchone()
        await connection.execute("INSERT INTO users (team_key, id) SELECT team_key, 'ada' FROM teams")
        assert await (await connection.execute("SELECT version FROM identity_version")).fetchone() == before


async def test_an_owner_who_is_no_superuser_may_bring_its_own_database(tmp_path):
    server = EmbeddedPostgres(tmp_path)
    try:
        administrator_url = server.start()
        with psycopg.connect(administrator_url, autocommit=True) as administrator:
            administrator.execute("CREATE ROLE landlord LOGIN CREATEROLE")
            administrator.execute("CREATE DATABASE given OWNER landlord")
        url = make_conninfo(administrator_url, user="landlord", dbname="given")
        migrate(url)
        database = await Database.open(url)
        async with database.system() as connection:
            cursor = await connection.execute("INSERT INTO teams (id) VALUES ('alpha'), ('beta') RETURNING team_key")
            teams = await cursor.fetchall()
        async with database.team(teams[0][0]) as connection:
            assert await (await connection.execute("SELECT team_key FROM teams")).fetchall() == teams[:1]
        await database.close()
        with psycopg.connect(url) as owner:
            assert owner.execute("SELECT * FROM teams").fetchall() == []
    finally:
        server.stop()
