"""Administration served in process over a real database and journal, with a key for every role."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.surfaces.admin.house import ADMIN_KEY, DEMO, House

from headgate.api.admin.app import admin_app
from headgate.cache.cache import Cache
from headgate.cache.idempotency import Idempotency
from headgate.cache.shelf import Shelf
from headgate.domain.policy import Model, Policy, Provider
from headgate.identity.identity import Identity
from headgate.journal.journal import Journal
from headgate.journal.projection import Books
from headgate.kit.clock import SystemClock
from headgate.ledger.ledger import Ledger
from headgate.pool.pool import Pool
from headgate.storage.postgres.database import Database
from headgate.storage.sealing import Seal


async def _nothing(*_: object) -> None:
    """No money is leased here."""


@dataclass(frozen=True)
class Rooms:
    """The rooms that administration needs."""

    identity: Identity
    journal: Journal
    ledger: Ledger
    cache: Cache
    pool: Pool


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> AsyncIterator[House]:
    """A house with teams `alpha` and `beta` and a key of every role in `alpha`."""
    clock = SystemClock()
    provider = Provider("demo", "demo", "http://demo", "")
    policy = Policy(1, "", {"demo": provider}, {"demo": Model("demo", "standard", (DEMO,))}, {})
    journal = Journal(tmp_path / "journal", clock, lambda: policy, lambda record, close: None)
    ledger = Ledger(database, clock)
    await journal.register(database)
    await journal.start(database, Books(ledger.book, _nothing, _nothing))
    identity = Identity(database, clock, journal.append)
    await identity.start()
    await identity.ensure_defaults(ADMIN_KEY)
    seal = Seal(b"a key of tests")
    cache = Cache(Shelf(database, seal, clock), Idempotency(database, seal, clock), clock)
    rooms = Rooms(identity, journal, ledger, cache, Pool({}, clock))
    transport = httpx.ASGITransport(admin_app(rooms, clock, lambda: policy))
    async with httpx.AsyncClient(transport=transport, base_url="http://headgate.test/admin/v1") as client:
        opened = House(client, rooms, {"platform-admin": ADMIN_KEY}, {})
        await opened.furnish()
        yield opened
    await identity.stop()
    await journal.stop()
