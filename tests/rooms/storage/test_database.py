"""Transactions see what their role may see, and an absent PostgreSQL is noticed, said and got over."""

import asyncio
import time

import psycopg
import pytest

from headgate.storage.postgres.database import Database, DatabaseAway


async def _make_team(database: Database, name: str) -> int:
    async with database.system() as connection:
        cursor = await connection.execute("INSERT INTO teams (id) VALUES (%s) RETURNING team_key", (name,))
        (key,) = await cursor.fetchone()
    return key


async def test_what_one_transaction_writes_the_next_one_sees(database):
    team = await _make_team(database, "alpha")
    async with database.team(team) as connection:
        row = await (await connection.execute("SELECT id, current_user::text FROM teams")).fetchone()
    assert row == ("alpha", "headgate_app")


async def test_a_block_that_raises_is_rolled_back(database):
    with pytest.raises(ValueError, match="no"):
        async with database.system() as connection:
            await connection.execute("INSERT INTO teams (id) VALUES ('alpha')")
            raise ValueError("no")
    async with database.system() as connection:
        assert await (await connection.execute("SELECT count(*) FROM teams")).fetchone() == (0,)
