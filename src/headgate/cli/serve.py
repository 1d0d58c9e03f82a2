"""`headgate serve`: run the platform."""

import os
from pathlib import Path
from typing import Annotated

import typer

from headgate.bootstrap.config.mistakes import ConfigurationRefused
from headgate.bootstrap.serve import Options
from headgate.bootstrap.serve import serve as run
from headgate.journal.frames import UnreadableFrame
from headgate.storage.migrate import MigrationImpossible
from headgate.storage.postgres.account import PostgresUnavailable
from headgate.storage.postgres.data_directory import DataDirectoryInUse
from headgate.storage.postgres.database import DatabaseAway

Config = Annotated[Path | None, typer.Option(envvar="HEADGATE_CONFIG", help="The file; headgate.yaml if it exists.")]
Host = Annotated[str | None, typer.Option(envvar="HEADGATE_HOST", help="The address to listen on [127.0.0.1].")]
Port = Annotated[
    int | None, typer.Option(min=0, max=65535, envvar="HEADGATE_PORT", help="The port [4100]; 0 takes a free one.")
]
Workers = Annotated[int, typer.Option(min=1, help="Worker processes; more than one needs Redis.")]
DataDir = Annotated[Path, typer.Option(envvar="HEADGATE_DATA_DIR", help="Holds journal and embedded database.")]


def serve(
    config: Config = None, host: Host = None, port: Port = None, workers: Workers = 1, data_dir: DataDir = Path("data")
) -> None:
    """Run the platform until it is told to stop."""
    if workers > 1:
        _stop(2, "More than one worker needs shared rates in Redis, which this version does not have; use --workers 1.")
    try:
        run(Options(config, host, port, data_dir), os.environ)
    except ConfigurationRefused as refused:
        _stop(2, refused.render())
    except (DataDirectoryInUse, PostgresUnavailable, MigrationImpossible, DatabaseAway, UnreadableFrame) as error:
        _stop(1, f"Headgate does not start: {error}")
    except (OSError, ValueError) as error:
        _stop(1, f"Headgate does not start: {error.strerror if isinstance(error, OSError) else error}")


def _stop(status: int, sentence: str) -> None:
    typer.echo(sentence, err=True)
    raise typer.Exit(status)
