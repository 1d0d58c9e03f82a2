"""Teams and their keys, requests, ledger and budgets; roles, row-level security and change notices on them."""

from pathlib import Path

from alembic import op

revision = "0001_spine"
down_revision = None


def upgrade() -> None:
    """Execute the SQL files of this revision, in order."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None, "revisions run on a connection, not into a script"
    for name in ("0001_spine.sql", "0001_isolation.sql", "0001_notices.sql"):
        connection.execute(Path(__file__).with_name(name).read_text())
