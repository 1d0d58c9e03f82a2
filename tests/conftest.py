"""What tests of every part share: a fresh database, at its newest schema, on a PostgreSQL of the run's own."""

from collections.abc import AsyncIterator, Iterator

import pytest
from tests import postgres

from headgate.storage.postgres.database import Database


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        postgres.begin_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        postgres.end_run()


@pytest.fixture
def database_url() -> Iterator[str]:
    """The owner's libpq URL of a fresh, migrated, empty database."""
    with postgres.fresh_database() as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A fresh, migrated database, opened as a worker opens it."""
    opened = await Database.open(database_url)
    yield opened
    await opened.close()
