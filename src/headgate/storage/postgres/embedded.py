"""The embedded PostgreSQL: made, started and stopped by ourselves, from the binaries of a wheel.

It listens on a Unix socket in a private directory and on nothing else, so that reaching the socket is the whole
authentication. Started by root, it runs as another user (see `account`), and is handed its data directory as an open
descriptor: no directory above it need be open to that user.
"""
# ruff: noqa: S603 - what is started is fixed here or lies in the wheel

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from headgate.storage.postgres.account import (
    Account,
    PostgresUnavailable,
    account_for,
    binaries_for,
    wheel_installation,
)
from headgate.storage.postgres.data_directory import DataDirectoryLock

SUPERUSER: Final = "headgate"
CLUSTER_NAME: Final = "postgres"
LOG_NAME: Final = "postgres.log"
MAX_LOG_BYTES: Final = 1_000_000
START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 10.0
_SOCKETS: Final = Path("/tmp")  # noqa: S108 - each directory in it is made with mode 0700
_SOCKET_PREFIX: Final = "headgate-"
_POLL_S: Final = 0.005

SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "shared_buffers": "64MB",  # it shares a machine with its caller; the operating system caches the rest
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "256MB",
    "jit": "off",
    "io_method": "sync",  # saves three processes that short transactions do not need
    "max_logical_replication_workers": "0",
    # A lease of money must survive a power failure before it is spent, so commits wait for the disk. A transaction
    # that can be done again, such as the projection of the journal, may say otherwise for itself.
    "synchronous_commit": "on",
    "log_min_messages": "log",  # the server's own events, not the errors of statements: those go to who sent them
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}
"""Given on the command line at every start, so that a newer Headgate's settings hold for an older cluster too."""

INITDB_OPTIONS: Final = (
    *("--username", SUPERUSER),
    *("--auth", "trust"),
    *("--encoding", "UTF8"),
    *("--locale", "C"),
    *("--locale-provider", "builtin"),
    *("--builtin-locale", "C.UTF-8"),
    "--no-instructions",
)


class EmbeddedPostgres:
    """A PostgreSQL of our own, in the subdirectory `postgres` of a data directory, beside its lock and its log."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.absolute()
        self._cluster = self._data_dir / CLUSTER_NAME
        self._lock = DataDirectoryLock(self._data_dir)
        self._account = Account()
        self._binaries = Path()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket_dir: Path | None = None

    def start(self) -> str:
        """Start, making the cluster first where there is none, and return the superuser's libpq URL.

        What an earlier, killed Headgate left running here is stopped first. Blocks for at most `START_TIMEOUT_S`.

        Raises:
            DataDirectoryInUse: another Headgate runs in this data directory.
            PostgresUnavailable: PostgreSQL does not start; the sentence ends with what its log says.
        """
        self._lock.acquire()
        try:
            self._account = account_for(self._cluster)
            self._binaries = binaries_for(self._account, wheel_installation())
            if self._cluster.exists():
                stop_orphan(self._cluster)
            else:
                _make_cluster(self._cluster, self._account, self._binaries)
            # A socket's path holds at most 107 bytes (103 on macOS); TMPDIR may be long, or private to this user.
            self._socket_dir = Path(tempfile.mkdtemp(prefix=_SOCKET_PREFIX, dir=_SOCKETS))
            self._account.own(self._socket_dir)
            self._run(self._socket_dir)
            return f"postgresql://{SUPERUSER}@/postgres?host={quote(str(self._socket_dir), safe='')}"
        except BaseException:
            self.stop()
            raise

    def revive(self) -> bool:
        """Start again, at the same URL, a PostgreSQL that ended by itself since `start`; whether that was needed.

        Raises:
            PostgresUnavailable: it does not start, for now: what is left of the old one may still be ending.
        """
        if self._process is None or self._socket_dir is None or self._process.poll() is None:
            return False
        self._run(self._socket_dir)
        return True

    def stop(self) -> None:
        """Stop within about `STOP_TIMEOUT_S`, disconnecting clients and rolling back what is open; idempotent."""
        if self._process is not None:
            process, self._process = self._process, None
            _end(process.send_signal, lambda: process.poll() is not None)
        if self._socket_dir is not None:
            shutil.rmtree(self._socket_dir, ignore_errors=True)
            self._socket_dir = None
        self._lock.release()

    def _run(self, socket_dir: Path) -> None:
        log = self._data_dir / LOG_NAME
        if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        options = [f"--{name}={value}" for name, value in SETTINGS.items()]
        with _reachable(self._cluster, self._account) as (path, descriptors), log.open("ab") as output:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", path, "-k", socket_dir, *options],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=descriptors,
                start_new_session=True,  # a Ctrl-C in the terminal is for Headgate, which stops PostgreSQL last
                **self._account.process_options(),
            )
        self._wait_until_ready(self._process, log)

    def _wait_until_ready(self, process: subprocess.Popen[bytes], log: Path) -> None:
        """Wait for the status line of postmaster.pid, as `pg_ctl --wait` does."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while process.poll() is None and time.monotonic() < deadline:
            lines = _pid_file_lines(self._cluster)
            if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                return
            time.sleep(_POLL_S)
        raise PostgresUnavailable(f"the embedded PostgreSQL in {self._cluster} did not start: {_tail(log)}")


def stop_orphan(cluster: Path) -> None:
    """Stop the PostgreSQL that runs in the directory `cluster`, if one does, by its postmaster.pid.

    The process named there is stopped only if it is a PostgreSQL that works in this very directory. If the number
    belongs to another process by now, the file is taken away, which PostgreSQL would take for a running server.
    """
    lines = _pid_file_lines(cluster)
    pid = int(lines[0]) if lines and lines[0].isdigit() else 0
    if pid and _serves(pid, cluster):
        _end(lambda number: _signal(pid, number), lambda: not _serves(pid, cluster))
    elif pid and _exists(pid):
        (cluster / "postmaster.pid").unlink(missing_ok=True)
    socket_dir = Path(lines[4]) if len(lines) > 4 else Path()
    if socket_dir.parent == _SOCKETS and socket_dir.name.startswith(_SOCKET_PREFIX):
        shutil.rmtree(socket_dir, ignore_errors=True)


def _make_cluster(cluster: Path, account: Account, binaries: Path) -> None:
    """Run initdb beside the cluster's place and move the result there, so that a killed start leaves no half."""
    partial = cluster.with_name(f"{cluster.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    account.own(partial)
    with _reachable(partial, account) as (path, descriptors):
        made = subprocess.run(
            [binaries / "initdb", "--pgdata", path, *INITDB_OPTIONS],
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
            pass_fds=descriptors,
            **account.process_options(),
        )
    if made.returncode != 0:
        raise PostgresUnavailable(f"PostgreSQL's initdb failed in {partial}: {made.stderr.strip()}")
    partial.rename(cluster)


@contextmanager
def _reachable(directory: Path, account: Account) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A path to `directory` that works for a process of `account`, and the descriptors that it must inherit.

    On Linux a descriptor's path in /proc leads to the directory itself, whatever the modes of those above it.
    """
    if account.uid is None or sys.platform != "linux":
        yield str(directory), ()
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}", (descriptor,)
    finally:
        os.close(descriptor)


def _serves(pid: int, cluster: Path) -> bool:
    """Whether process `pid` is a living PostgreSQL whose data directory is `cluster`: it works there."""
    process = Path(f"/proc/{pid}")
    try:
        if Path("/proc/self").exists():
            is_postgres = (process / "exe").readlink().name.startswith("postgres")
            return is_postgres and (process / "cwd").samefile(cluster)
        asked = subprocess.run(
            ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, timeout=10
        )
        return "postgres" in asked.stdout and f"-D {cluster} " in asked.stdout
    except OSError:
        return False


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _end(send: Callable[[int], None], ended: Callable[[], bool]) -> None:
    """Ask a PostgreSQL to stop: fast first, then at once, leaving recovery to the next start, then by force."""
    for number, seconds in ((signal.SIGINT, STOP_TIMEOUT_S), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        if ended():
            return
        send(number)
        deadline = time.monotonic() + seconds
        while not ended() and time.monotonic() < deadline:
            time.sleep(_POLL_S)


def _pid_file_lines(cluster: Path) -> list[str]:
    try:
        return (cluster / "postmaster.pid").read_text().splitlines()
    except OSError:
        return []


def _tail(log: Path) -> str:
    text = log.read_text(errors="replace") if log.exists() else ""
    return " | ".join(text.splitlines()[-5:]) or "its log is empty"
