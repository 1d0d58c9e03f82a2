"""Kept answers: those of the cache, and those of calls with an idempotency key."""

from pathlib import Path

from alembic import op

revision = "0003_cache"
down_revision = "0002_usage"


def upgrade() -> None:
    """Execute the SQL of this revision."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None, "revisions run on a connection, not into a script"
    connection.execute(Path(__file__).with_suffix(".sql").read_text())
