"""The embedded PostgreSQL starts under a private path, alone, whatever was left of the one before."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from headgate.storage.postgres.account import Account, account_for, binaries_for, wheel_installation
from headgate.storage.postgres.data_directory import DataDirectoryInUse, DataDirectoryLock
from headgate.storage.postgres.embedded import CLUSTER_NAME, EmbeddedPostgres, PostgresUnavailable, stop_orphan

HOLDER = """
import sys
from pathlib import Path
from headgate.storage.postgres.embedded import EmbeddedPostgres
print(EmbeddedPostgres(Path(sys.argv[1])).start(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def data_dir(tmp_path):
    """A data directory that does not exist yet, with spaces in its path, below a directory only we may enter."""
    private = tmp_path / "only ours"
    private.mkdir(mode=0o700)
    yield private / "the data"
    stop_orphan(private / "the data" / CLUSTER_NAME)


@pytest.fixture
def server(data_dir):
    server = EmbeddedPostgres(data_dir)
    yield server
    server.stop()


@pytest.fixture
def holder(data_dir):
    """Another process that runs a PostgreSQL in the data directory."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, data_dir], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline().startswith("postgresql://")
        yield process
        process.kill()


def _postmaster(data_dir: Path) -> int:
    return int((data_dir / CLUSTER_NAME / "postmaster.pid").read_text().split()[0])


def _is_running(pid: int) -> bool:
    """Whether `pid` runs; one that ended and that nobody asked about does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_it_starts_below_a_private_directory_whose_modes_stay_and_keeps_what_was_written(server, data_dir):
    parents = [(parent, parent.stat().st_mode, parent.stat().st_uid) for parent in data_dir.parents]
    for expected in (None, ("kept",)):
        with psycopg.connect(server.start()) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS words (word text)")
            assert connection.execute("SELECT word FROM words").fetchone() == expected
            connection.execute("INSERT INTO words VALUES ('kept')")
        server.stop()
    assert parents == [(parent, parent.stat().st_mode, parent.stat().st_uid) for parent in data_dir.parents]


def test_it_is_reached_through_a_private_socket_alone_and_never_runs_as_root(server, data_dir):
    with psycopg.connect(server.start()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        (sockets,) = connection.execute("SHOW unix_socket_directories").fetchone()
    assert Path(sockets).stat().st_mode & 0o777 == 0o700
    assert Path(sockets).stat().st_uid == Path(f"/proc/{_postmaster(data_dir)}").stat().st_uid != 0
    server.stop()
    assert not Path(sockets).exists()


def test_a_second_start_beside_a_running_one_is_refused_with_its_process_id(holder, server):
    with pytest.raises(DataDirectoryInUse, match=f"process id {holder.pid}") as refused:
        server.start()
    assert refused.value.pid == holder.pid


def test_the_orphan_of_a_killed_parent_is_stopped_and_its_socket_removed(holder, server, data_dir):
    orphan = _postmaster(data_dir)
    sockets = Path((data_dir / CLUSTER_NAME / "postmaster.pid").read_text().splitlines()[4])
    holder.kill()
    holder.wait()
    assert _is_running(orphan)
    with psycopg.connect(server.start()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not _is_running(orphan)
    assert not sockets.exists()


def test_a_process_that_only_took_over_the_number_of_an_old_server_is_left_alone(server, data_dir):
    server.start()
    server.stop()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        (data_dir / CLUSTER_NAME / "postmaster.pid").write_text(f"{bystander.pid}\n{data_dir / CLUSTER_NAME}\n")
        server.start()
        assert bystander.poll() is None
        bystander.kill()


def test_the_server_of_another_directory_is_left_alone(holder, data_dir, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(data_dir / CLUSTER_NAME / "postmaster.pid", other)
    stop_orphan(other)
    assert _is_running(_postmaster(data_dir))


def test_a_start_killed_while_it_made_the_cluster_leaves_nothing_in_the_way(server, data_dir):
    half = data_dir / f"{CLUSTER_NAME}.partial"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with psycopg.connect(server.start()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_one_that_ended_by_itself_is_revived_at_the_same_url(server, data_dir):
    url = server.start()
    assert server.revive() is False
    os.kill(_postmaster(data_dir), signal.SIGINT)
    server._process.wait(10)
    assert server.revive() is True
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_server_that_does_not_start_is_explained_by_its_log_and_frees_the_directory(server, data_dir):
    server.start()
    server.stop()
    (data_dir / CLUSTER_NAME / "PG_VERSION").write_text("11\n")
    with pytest.raises(PostgresUnavailable, match="initialized by PostgreSQL version 11"):
        server.start()
    lock = DataDirectoryLock(data_dir)
    lock.acquire()
    lock.release()


def test_binaries_that_the_account_cannot_reach_are_copied_where_it_can(tmp_path):
    """Only root runs PostgreSQL as somebody else; anyone else's own binaries are within reach."""
    tmp_path.chmod(0o700)
    account = account_for(tmp_path / "none")
    wheel = wheel_installation()
    hidden = tmp_path / wheel.parent.name / wheel.name
    shutil.copytree(wheel, hidden, symlinks=True)
    libraries = f"{wheel.parent.name}.libs"
    shutil.copytree(wheel.parent.parent / libraries, tmp_path / libraries, symlinks=True)
    with tempfile.TemporaryDirectory() as shared:
        Path(shared).chmod(0o755)
        found = binaries_for(account, hidden, Path(shared))
        assert (account == Account()) == (found == hidden / "bin")
        subprocess.run([found / "initdb", "--version"], cwd="/", check=True, **account.process_options())
