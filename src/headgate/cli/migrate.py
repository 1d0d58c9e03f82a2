"""`headgate migrate`: bring a given database to this version's schema."""

import os

import typer

from headgate.storage.migrate import HEAD, MigrationImpossible
from headgate.storage.migrate import migrate as run


def migrate() -> None:
    """Bring the database in HEADGATE_DATABASE_URL to this version's schema; `serve` does so by itself."""
    url = os.environ.get("HEADGATE_DATABASE_URL", "")
    if not url:
        typer.echo("Set HEADGATE_DATABASE_URL; an embedded database is migrated by `headgate serve`.", err=True)
        raise typer.Exit(2)
    try:
        run(url)
    except MigrationImpossible as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    typer.echo(f"The database is at revision {HEAD}.", err=True)
