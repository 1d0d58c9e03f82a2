"""Bring a database's schema to the revision that this code needs."""

from pathlib import Path
from typing import Final

import psycopg

MIGRATIONS: Final = Path(__file__).with_name("migrations")
HEAD: Final = max(path.stem for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
"""The newest revision: revisions are numbered, and named after their files."""

MIN_SERVER_VERSION: Final = 160000
LOCK_TIMEOUT_S: Final = 60
CONNECT_TIMEOUT_S: Final = 5
_LOCK: Final = 0x68656164_67617465  # "headgate" in ASCII: the key of the advisory lock that one starter holds


class MigrationImpossible(Exception):
    """The database cannot be brought to this code's schema; the sentence says why and what to do."""


def migrate(url: str) -> None:
    """Bring the database at the libpq `url` to `HEAD`, in one transaction, while no other starter does.

    A database that is there already costs one query and no import of Alembic.

    Raises:
        MigrationImpossible: the database cannot be reached, is too old, was migrated by a newer Headgate, or refuses.
    """
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_S, autocommit=True) as connection:
            version, revision = connection.info.server_version, current_revision(connection)
    except psycopg.OperationalError as error:
        raise MigrationImpossible(f"the database cannot be reached: {error}") from error
    if version < MIN_SERVER_VERSION:
        raise MigrationImpossible(f"Headgate needs PostgreSQL 16 or newer; the database is {version // 10000}")
    if revision is not None and revision > HEAD:
        raise MigrationImpossible(
            f"the database is at revision {revision}, newer than this Headgate's {HEAD}; start the newer Headgate"
        )
    if revision != HEAD:
        try:
            _upgrade(url)
        except psycopg.Error as error:
            raise MigrationImpossible(f"the database refused the migration to {HEAD}: {error}") from error


def current_revision(connection: psycopg.Connection) -> str | None:
    """The revision that the database is at; None where Headgate was never there."""
    if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _upgrade(url: str) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import NullPool, create_engine, text

    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_S),
        poolclass=NullPool,
    )
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
