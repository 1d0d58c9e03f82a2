"""Alembic's entry: runs revisions on the connection that `headgate.storage.migrate` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
