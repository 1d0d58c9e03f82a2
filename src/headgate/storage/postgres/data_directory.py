"""One Headgate per data directory: an exclusive lock on a file that names its holder."""

import fcntl
import os
import time
from pathlib import Path
from typing import Final

LOCK_NAME: Final = "headgate.lock"
_NAME_WAIT_S: Final = 0.2


class DataDirectoryInUse(Exception):
    """Another running process holds the data directory; `pid` is its process id (0 where it did not say)."""

    def __init__(self, pid: int, directory: Path) -> None:
        super().__init__(
            f"{directory} is in use by the Headgate with process id {pid}; stop that one, or name another --data-dir"
        )
        self.pid = pid
        self.directory = directory


class DataDirectoryLock:
    """An flock on `headgate.lock` in `directory`, which holds the holder's process id in decimal.

    The operating system frees it with the process, however that ends. The descriptor is not inherited over exec.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, creating the directory (mode 0700) where it is missing.

        Raises:
            DataDirectoryInUse: another process, or another lock of this one, holds it.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _holder(descriptor)
            os.close(descriptor)
            raise DataDirectoryInUse(pid, self._directory) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; without one, nothing happens."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def _holder(descriptor: int) -> int:
    """The process id in the lock file; a holder writes it right after it took the lock."""
    deadline = time.monotonic() + _NAME_WAIT_S
    while not (text := os.pread(descriptor, 20, 0).strip()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return int(text) if text.isdigit() else 0
