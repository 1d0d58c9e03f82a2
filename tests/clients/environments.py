"""Each client in an environment of its own under `.clients/`, installed from its lock file at first use."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
INSTALLED = HERE.parents[1] / ".clients"
NODE_MAJOR = 20
INSTALL_TIMEOUT_S = 540


def python(client: str) -> str:
    """The Python of `client`'s environment, which `tests/clients/<client>/requirements.txt` describes."""
    lock = HERE / client / "requirements.txt"
    with _installing(client, lock.read_bytes()) as folder:
        if folder is not None:
            _run([sys.executable, "-m", "venv", str(folder)], folder)
            pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "-q"]
            _run([*pip, "--require-hashes", "-r", str(lock)], folder)
    return str(INSTALLED / client / "bin" / "python")


def node(client: str) -> Path:
    """The folder of `client`'s environment, which `tests/clients/<client>/package-lock.json` describes."""
    require_node()
    files = [HERE / client / "package.json", HERE / client / "package-lock.json"]
    with _installing(client, b"".join(file.read_bytes() for file in files)) as folder:
        if folder is not None:
            for file in files:
                shutil.copy(file, folder)
            _run(["npm", "ci", "--no-audit", "--no-fund", "--no-update-notifier"], folder)
    return INSTALLED / client


def require_node() -> None:
    """Fail with what to install, where Node is not there or is too old."""
    remedy = f"install Node {NODE_MAJOR} or newer with npm, and run `make test-clients` again"
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.fail(f"There is no node or no npm on the PATH; {remedy}.", pytrace=False)
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < NODE_MAJOR:
        pytest.fail(f"The node on the PATH is {version}; {remedy}.", pytrace=False)


@contextmanager
def _installing(client: str, lock: bytes) -> Iterator[Path | None]:
    """The emptied folder to install `client` into, one process at a time; None where `lock` is installed already."""
    INSTALLED.mkdir(exist_ok=True)
    folder, digest = INSTALLED / client, hashlib.sha256(lock).hexdigest()
    stamp = folder / ".installed"
    with (INSTALLED / f"{client}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == digest:
            yield None
            return
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        yield folder
        stamp.write_text(digest)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "NODE_ENV": ""},
    )
    if done.returncode:
        pytest.fail(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-3000:]}", pytrace=False)
