"""The ledger's entries hold every part of a usage that providers bill apart."""

from pathlib import Path

from alembic import op

revision = "0002_usage"
down_revision = "0001_spine"


def upgrade() -> None:
    """Execute the SQL of this revision."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None, "revisions run on a connection, not into a script"
    connection.execute(Path(__file__).with_suffix(".sql").read_text())
