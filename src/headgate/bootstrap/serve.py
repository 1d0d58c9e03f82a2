"""`headgate serve`: brings every part up in order, serves until told to stop, and takes everything down again."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

import uvicorn
import uvloop

from headgate.api.protocol import CallerProtocol
from headgate.bootstrap.app import application
from headgate.bootstrap.build import ADMIN_KEY, Built, Ground, build
from headgate.bootstrap.config.loading import Configuration, load
from headgate.bootstrap.discovery import discover
from headgate.bootstrap.transcript import Started, transcript
from headgate.storage.migrate import migrate
from headgate.storage.postgres.account import PostgresUnavailable
from headgate.storage.postgres.data_directory import DataDirectoryLock
from headgate.storage.postgres.database import Database
from headgate.storage.postgres.embedded import EmbeddedPostgres
from headgate.telemetry.lines import LineWriter
from headgate.telemetry.logs import JsonHandler, Log

DATABASE_URL: Final = "HEADGATE_DATABASE_URL"
"""Names a PostgreSQL to use in place of the embedded one; it wins over the file."""
DEFAULT_FILE: Final = Path("headgate.yaml")
SHUTDOWN_S: Final = 30
"""How long requests under way may take to finish after the signal to stop."""
GC_THRESHOLD: Final = 50_000
"""Objects between two collections; with the default of 700 they take a fifth of a request's time, and find nothing."""
REVIVE_EVERY_S: Final = 1.0
KEEP_ALIVE_S: Final = 75
"""Longer than common load balancers' 60 s, so that they and not we close idle connections."""

log = logging.getLogger("headgate")


class Options(NamedTuple):
    """What the command line says; None leaves it to the file."""

    config: Path | None
    host: str | None
    port: int | None
    data_dir: Path


def serve(options: Options, environment: Mapping[str, str]) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        ConfigurationRefused, DataDirectoryInUse, PostgresUnavailable, MigrationImpossible, DatabaseAway, OSError: why
            it does not start; whatever was up already is taken down.
    """
    path = options.config or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    configuration = load(path, environment)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(options, path, configuration, environment))


async def _serve(
    options: Options, path: Path | None, configuration: Configuration, environment: Mapping[str, str]
) -> None:
    terminal = sys.stderr.isatty()
    async with AsyncExitStack() as stack:
        lines = stack.enter_context(_log_lines(configuration.document.telemetry.log_level))
        listener = _listen(configuration, options)
        stack.callback(listener.close)
        url, store = await stack.enter_async_context(_postgres(configuration, options.data_dir, environment))
        database = await Database.open(url)
        stack.push_async_callback(database.close)
        ground = Ground(database, options.data_dir.absolute() / "journal", environment, lines)
        built = await stack.enter_async_context(build(path, configuration, ground, show_keys=terminal))
        reloading: set[asyncio.Task[Any]] = set()

        def reload() -> None:
            task = asyncio.get_running_loop().create_task(built.reload.reload())
            reloading.add(task)
            task.add_done_callback(reloading.discard)

        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
        gc.collect()
        gc.freeze()  # what is loaded stays: no collection has to look at it again
        gc.set_threshold(GC_THRESHOLD)
        await _say(built, listener, store, terminal=terminal, admin_key_given=bool(environment.get(ADMIN_KEY)))
        server = _server(built, configuration)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, server.handle_exit, number, None)
        await server.serve(sockets=[listener])
        log.info("requests under way are finished; stopping")


@contextlib.contextmanager
def _log_lines(level: str) -> Iterator[Log]:
    """The log on stdout, with what Python's own `logging` says."""
    lines = Log(LineWriter(sys.stdout.fileno()))
    handler = JsonHandler(lines)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level.upper())
    for noisy in ("psycopg.pool", "uvicorn.error", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        lines.close()


@contextlib.asynccontextmanager
async def _postgres(
    configuration: Configuration, data_dir: Path, environment: Mapping[str, str]
) -> AsyncIterator[tuple[str, str]]:
    """The migrated database's URL, and where it is in words; a data directory belongs to one process."""
    url = environment.get(DATABASE_URL) or configuration.database_url
    if url is not None:
        lock = DataDirectoryLock(data_dir)
        lock.acquire()
        try:
            await asyncio.to_thread(migrate, url)
            yield url, f"the given PostgreSQL; journal in {data_dir}"
        finally:
            lock.release()
        return
    postgres = EmbeddedPostgres(data_dir)
    url = await asyncio.to_thread(postgres.start)
    reviving = asyncio.create_task(_keep_alive(postgres))
    try:
        await asyncio.to_thread(migrate, url)
        yield url, f"embedded PostgreSQL and journal in {data_dir}"
    finally:
        reviving.cancel()
        await asyncio.gather(reviving, return_exceptions=True)
        await asyncio.to_thread(postgres.stop)


async def _keep_alive(postgres: EmbeddedPostgres) -> None:
    """Start an embedded PostgreSQL again that ended by itself."""
    while True:
        await asyncio.sleep(REVIVE_EVERY_S)
        try:
            if await asyncio.to_thread(postgres.revive):
                log.warning("the embedded PostgreSQL had ended and was started again")
        except PostgresUnavailable as error:
            log.error("the embedded PostgreSQL ended and does not start: %s", error)


def _listen(configuration: Configuration, options: Options) -> socket.socket:
    server = configuration.document.server
    host = options.host or server.host
    port = server.port if options.port is None else options.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if options.data_dir.exists():  # whoever holds the port may be the Headgate of this very directory
            lock = DataDirectoryLock(options.data_dir)
            lock.acquire()
            lock.release()
        raise OSError(
            error.errno, f"{host}:{port} cannot be listened on: {error.strerror}; choose another --port"
        ) from None
    return listener


class Server(uvicorn.Server):
    """uvicorn's server without its signals, which it raises anew when it is done and so kills what is left to do."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def _server(built: Built, configuration: Configuration) -> Server:
    return Server(
        uvicorn.Config(
            application(built, configuration.document.server),
            http=CallerProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(configuration.document.server.trusted_proxies),
            forwarded_allow_ips=configuration.document.server.trusted_proxies,
            backlog=2048,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
    )


async def _say(built: Built, listener: socket.socket, store: str, *, terminal: bool, admin_key_given: bool) -> None:
    host, port = listener.getsockname()[:2]
    shown = "127.0.0.1" if host == "0.0.0.0" else f"[{host}]" if ":" in host else host  # noqa: S104
    current = built.reload.current
    started = Started(
        url=f"http://{shown}:{port}",
        store=store,
        providers=tuple(current.policy.providers),
        origin=f"version {current.policy.version}, {current.origin}",
        found=await discover() if terminal else (),
        development_key=built.first_keys.development,
        admin_key=built.first_keys.admin,
        admin_key_given=admin_key_given,
        reserved=built.reserved,
    )
    if terminal:
        sys.stderr.write(transcript(started))
        return
    log.info("ready at %s (%s; policy %s)", started.url, started.store, started.origin)
    if built.first_keys.withheld:
        log.warning("no keys were made, for nobody would see them: start once on a terminal, or set HEADGATE_ADMIN_KEY")
