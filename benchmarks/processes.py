"""Starts the servers under measurement and reads what they cost: CPU of a whole process tree, memory."""

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks.load import Plan, Seen
from benchmarks.port import free_port

ROOT = Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")
START_TIMEOUT_S = 60


@contextmanager
def part(module: str, *arguments: str) -> Iterator[tuple[int, int]]:
    """A benchmark's own server: its pid and the port it printed; it ends with the block."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())
        wait_until(lambda: answers(port))
        yield process.pid, port
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


def answers(port: int, path: str = "/") -> bool:
    """Whether something speaks HTTP on the port."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2).close()
    except urllib.error.HTTPError:
        return path == "/"
    except OSError:
        return False
    return True


def wait_until(fact: Callable[[], bool]) -> None:
    """Ask until it is so, for at most `START_TIMEOUT_S`."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not fact():
        if time.monotonic() > deadline:
            raise TimeoutError("a server did not come up")
        time.sleep(0.02)


class Platform:
    """A Headgate under measurement."""

    def __init__(self, pid: int, port: int, key: str, started_s: float) -> None:
        self.pid = pid
        self.port = port
        self.key = key
        self.started_s = started_s


@contextmanager
def headgate(configuration: str, data_dir: Path, environment: dict[str, str] | None = None) -> Iterator[Platform]:
    """`headgate serve` with the given file, a fresh team and key, and JSON logs into a file."""
    port = free_port()
    path = data_dir / "headgate.yaml"
    path.write_text(configuration)
    settings = {**os.environ, "HEADGATE_ADMIN_KEY": "hg_bench_admin_key_of_this_run_only", **(environment or {})}
    command = [str(Path(sys.executable).with_name("headgate")), "serve", "--config", str(path), "--port", str(port)]
    begun = time.perf_counter()
    with (data_dir / "log.jsonl").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--data-dir", str(data_dir)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=settings
        )
    try:
        wait_until(lambda: process.poll() is not None or answers(port, "/health/ready"))
        if process.poll() is not None:
            raise RuntimeError((data_dir / "log.jsonl").read_text()[-2000:])
        started_s = time.perf_counter() - begun
        yield Platform(process.pid, port, _key(port, settings["HEADGATE_ADMIN_KEY"]), started_s)
    finally:
        process.terminate()
        process.wait(30)


def _key(port: int, admin: str) -> str:
    """A key of the team `bench`, which the configuration names."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/admin/v1/keys",
        data=b'{"team": "bench"}',
        headers={"authorization": f"Bearer {admin}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        key: str = msgspec.json.decode(answer.read())["key"]
    return key


def cpu_s(pid: int) -> float:
    """User and system seconds of one process with all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(pid: int) -> float:
    """Resident memory in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def load(plan: Plan) -> Seen:
    """Run the load in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.load"]
    done = subprocess.run(command, input=msgspec.json.encode(plan), stdout=subprocess.PIPE, cwd=ROOT, check=True)
    return msgspec.json.decode(done.stdout, type=Seen)


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory for one run."""
    with tempfile.TemporaryDirectory(prefix="headgate-bench-") as directory:
        yield Path(directory)
