"""Transactions are bounded, and an absent PostgreSQL is noticed, said and got over."""

import asyncio
import os
import signal
import time

import psycopg
import pytest

from headgate.storage.postgres.database import MAX_CONNECTIONS, Database, DatabaseAway
from headgate.storage.postgres.embedded import CLUSTER_NAME, EmbeddedPostgres


async def _one(database: Database) -> int:
    async with database.system() as connection:
        (number,) = await (await connection.execute("SELECT 1")).fetchone()
    return number


async def test_what_one_transaction_writes_the_next_one_sees(database):
    async with database.system() as connection:
        cursor = await connection.execute("INSERT INTO teams (id) VALUES ('alpha') RETURNING team_key")
        (team,) = await cursor.fetchone()
    async with database.team(team) as connection:
        row = await (await connection.execute("SELECT id, current_user::text FROM teams")).fetchone()
    assert row == ("alpha", "headgate_app")


async def test_a_block_that_raises_is_rolled_back(database):
    async def fail() -> None:
        async with database.system() as connection:
            await connection.execute("INSERT INTO teams (id) VALUES ('alpha')")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await fail()
    async with database.system() as connection:
        assert await (await connection.execute("SELECT count(*) FROM teams")).fetchone() == (0,)


async def test_an_error_of_a_statement_is_the_statements_own(database):
    with pytest.raises(psycopg.errors.UndefinedTable):
        async with database.system() as connection:
            await connection.execute("SELECT * FROM nothing")
    assert database.available
    assert await _one(database) == 1


async def test_statements_are_prepared_once_they_repeat(database):
    async with database.system() as connection:
        for number in range(10):
            await connection.execute("SELECT %s::integer", (number,))
        found = await connection.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT $1%'"
        )
        assert await found.fetchone() == (1,)


async def test_more_transactions_than_connections_take_turns(database):
    assert await asyncio.gather(*(_one(database) for _ in range(MAX_CONNECTIONS * 10))) == [1] * MAX_CONNECTIONS * 10


async def test_when_every_connection_is_taken_the_next_caller_is_told_in_time(database):
    taken = [database.system() for _ in range(MAX_CONNECTIONS)]
    for transaction in taken:
        await transaction.__aenter__()
    before = time.monotonic()
    with pytest.raises(DatabaseAway, match="no free connection"):
        await _one(database)
    assert time.monotonic() - before < 2
    for transaction in taken:
        await transaction.__aexit__(None, None, None)
    assert database.available
    assert await _one(database) == 1


async def test_a_statement_that_takes_too_long_is_cut_off(database):
    before = time.monotonic()
    with pytest.raises(DatabaseAway):
        async with database.system(timeout_s=0.2) as connection:
            await connection.execute("SELECT pg_sleep(30)")
    assert time.monotonic() - before < 2


async def test_a_frozen_server_is_hung_up_on(database):
    async def ask_frozen_server() -> None:
        async with database.system(timeout_s=0.2) as connection:
            (backend,) = await (await connection.execute("SELECT pg_backend_pid()")).fetchone()
            os.kill(backend, signal.SIGSTOP)
            try:
                await connection.execute("SELECT 1")
            finally:
                os.kill(backend, signal.SIGCONT)

    before = time.monotonic()
    with pytest.raises(DatabaseAway):
        await ask_frozen_server()
    assert time.monotonic() - before < 2
    assert await _one(database) == 1


async def test_a_caller_who_leaves_gives_the_connection_back(database):
    async def wait_long() -> None:
        async with database.system(timeout_s=60) as connection:
            begun.set()
            await connection.execute("SELECT pg_sleep(60)")

    for _ in range(MAX_CONNECTIONS + 1):
        begun = asyncio.Event()
        task = asyncio.create_task(wait_long())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await _one(database) == 1


async def test_connections_cut_while_idle_are_replaced_without_the_caller_noticing(database, database_url):
    await asyncio.gather(*(_one(database) for _ in range(MAX_CONNECTIONS)))
    with psycopg.connect(database_url, autocommit=True) as administrator:
        administrator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert await _one(database) == 1


async def test_a_connection_cut_in_a_transaction_is_said_and_got_over(database, database_url):
    async def be_cut() -> None:
        async with database.system() as connection:
            (backend,) = await (await connection.execute("SELECT pg_backend_pid()")).fetchone()
            administrator.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))
            await connection.execute("SELECT 1")

    with psycopg.connect(database_url) as administrator, pytest.raises(DatabaseAway):
        await be_cut()
    assert await _one(database) == 1


async def test_a_notice_reaches_who_listens_on_its_channel(database):
    heard = {channel: asyncio.Event() for channel in ("headgate_identity", "headgate_policy")}
    for channel, event in heard.items():
        database.listen(channel, event.set)
    async with asyncio.timeout(5):
        await asyncio.gather(*(event.wait() for event in heard.values()))  # each is called once it listens
        for event in heard.values():
            event.clear()
        async with database.system() as connection:
            await connection.execute("INSERT INTO teams (id) VALUES ('alpha')")
        await heard["headgate_identity"].wait()
        assert not heard["headgate_policy"].is_set()
        async with database.system() as connection:
            await connection.execute("INSERT INTO policy_versions (digest, document, origin) VALUES ('d', '', 'test')")
        await heard["headgate_policy"].wait()


async def test_a_callback_that_fails_silences_no_other(database):
    heard = asyncio.Event()

    def fail() -> None:
        raise ValueError("this callback fails")

    database.listen("headgate_policy", fail)
    database.listen("headgate_policy", heard.set)
    async with asyncio.timeout(5):
        await heard.wait()


async def test_an_absent_server_is_refused_at_once_and_found_again_by_itself(tmp_path):
    roles = "CREATE ROLE headgate_system"
    server = EmbeddedPostgres(tmp_path)
    try:
        url = server.start()
        with psycopg.connect(url) as connection:
            connection.execute(roles)
        database = await Database.open(url)
        reconnected = asyncio.Event()
        database.listen("anything", reconnected.set)
        async with asyncio.timeout(5):
            await reconnected.wait()
        reconnected.clear()

        os.kill(int((tmp_path / CLUSTER_NAME / "postmaster.pid").read_text().split()[0]), signal.SIGINT)
        server._process.wait(10)
        for _ in range(3):
            before = time.monotonic()
            with pytest.raises(DatabaseAway):
                await _one(database)
            assert time.monotonic() - before < 2
        assert not database.available

        assert server.revive()
        async with asyncio.timeout(10):
            await reconnected.wait()
            while not database.available:  # noqa: ASYNC110 - the recovery is a task of its own
                await asyncio.sleep(0)
        assert await _one(database) == 1
        await database.close()
    finally:
        server.stop()


async def test_a_server_that_was_never_there_is_refused_on_opening(tmp_path):
    with pytest.raises(DatabaseAway):
        await Database.open(f"postgresql:///x?host={tmp_path}")
