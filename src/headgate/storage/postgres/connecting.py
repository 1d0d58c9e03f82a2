"""How connections to PostgreSQL are opened: with bounds, so that a server that is away is noticed in seconds."""

from typing import Final

import psycopg
from psycopg.rows import TupleRow

Connection = psycopg.AsyncConnection[TupleRow]

OPTIONS: Final = {
    "connect_timeout": 2,  # seconds; libpq knows no shorter one
    "tcp_user_timeout": 2_000,  # milliseconds that sent data may stay unacknowledged
    "keepalives_idle": 5,  # seconds of silence before the first probe
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "application_name": "headgate",
}
"""libpq's connection parameters (PostgreSQL manual, 32.1.2); TCP's do nothing on a Unix socket."""


async def connect(url: str, *, autocommit: bool = False) -> Connection:
    """A connection of its own, outside of any pool.

    Raises:
        psycopg.OperationalError: PostgreSQL is away.
    """
    return await psycopg.AsyncConnection.connect(url, autocommit=autocommit, **OPTIONS)  # type: ignore[arg-type]
