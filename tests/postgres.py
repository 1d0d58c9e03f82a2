"""One PostgreSQL for a whole test run, and a fresh migrated database for each test that asks for one.

The first worker of pytest-xdist that needs it starts the server, in a directory that the controlling process made; the
controlling process stops it at the end, when all workers have gone.
"""

import fcntl
import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from headgate.storage.migrate import migrate
from headgate.storage.postgres.embedded import CLUSTER_NAME, EmbeddedPostgres, stop_orphan

RUN_DIRECTORY = "HEADGATE_TEST_RUN"
TEMPLATE = "migrated"
_PREFIX = "headgate-test-run-"
_started: list[EmbeddedPostgres] = []  # keeps the server's owner alive, where this process is it


def begin_run() -> None:
    """Make the run's directory, tell the workers, which inherit the environment, and clear up after killed runs."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        if not _is_running(int(left.name.removeprefix(_PREFIX).partition("-")[0])):
            _remove(left)
    os.environ[RUN_DIRECTORY] = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a terminated run ends as an interrupted one


def end_run() -> None:
    """Stop the run's server, whichever process started it, and remove its directory."""
    _remove(Path(os.environ.pop(RUN_DIRECTORY)))


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _remove(directory: Path) -> None:
    stop_orphan(directory / CLUSTER_NAME)
    shutil.rmtree(directory, ignore_errors=True)


def server_url() -> str:
    """The superuser's URL of the run's server; the first to ask starts it and migrates the template."""
    directory = Path(os.environ[RUN_DIRECTORY])
    written = directory / "url"
    with (directory / "starting.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not written.exists():
            server = EmbeddedPostgres(directory)
            _started.append(server)
            url = server.start()
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET fsync = off")
                connection.execute("SELECT pg_reload_conf()")
                connection.execute(f"CREATE DATABASE {TEMPLATE}")
            migrate(make_conninfo(url, dbname=TEMPLATE))
            written.write_text(url)
    return written.read_text()


@contextmanager
def fresh_database(template: str = TEMPLATE) -> Iterator[str]:
    """The URL of a database cloned from `template` (`template0` for an empty one), dropped in the end."""
    name = f"test_{uuid.uuid4().hex}"
    server = server_url()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield make_conninfo(server, dbname=name)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
