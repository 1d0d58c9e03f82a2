"""Versions of the configuration are rows: the same document has one number, on every worker."""

import asyncio

from headgate.governance.store import record_version
from headgate.storage.postgres.database import Database


async def test_the_same_digest_keeps_its_number(database: Database) -> None:
    first = await record_version(database, "a", "{}", "built-in")
    second = await record_version(database, "b", '{"version":1}', "headgate.yaml")
    assert first != second
    assert await record_version(database, "a", "{}", "built-in") == first


async def test_workers_that_start_together_agree(database: Database) -> None:
    versions = await asyncio.gather(*(record_version(database, "a", "{}", "built-in") for _ in range(8)))
    assert len(set(versions)) == 1
