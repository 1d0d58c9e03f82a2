"""A journal belongs to one incarnation of a worker: a directory of its own, locked for as long as the worker lives."""

import fcntl
import os
import shutil
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

from headgate.journal.segments import sync_directory

LOCK_NAME: Final = "lock"
DAMAGED_SUFFIX: Final = ".damaged"
"""Ends the name of a directory that was adopted, and kept because some of its bytes could not be read."""


class Incarnation:
    """A locked directory of the journal. `id` is its UUID; the operating system frees the lock with the process."""

    def __init__(self, directory: Path, descriptor: int) -> None:
        self.id = directory.name
        self.directory = directory
        self.node = socket.gethostname()
        self._descriptor = descriptor

    @classmethod
    def begin(cls, root: Path) -> Self:
        """A new incarnation under `root`, which is made if it is not there."""
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            directory = root / str(uuid.uuid4())
            directory.mkdir(mode=0o700)
            sync_directory(root)
            if (begun := cls.seize(directory)) is not None:
                return begun  # else somebody who looks for orphans was faster, and removes it

    @classmethod
    def orphans(cls, root: Path) -> Iterator[Self]:
        """Every incarnation under `root` that no living worker holds, locked for the caller, who adopts it."""
        for directory in sorted(root.iterdir()):
            if _is_uuid(directory.name) and (orphan := cls.seize(directory)) is not None:
                yield orphan

    @classmethod
    def seize(cls, directory: Path) -> Self | None:
        """The incarnation in `directory`, locked; None where another process holds it or has just removed it."""
        try:
            descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.stat(directory / LOCK_NAME).st_ino == os.fstat(descriptor).st_ino:
                return cls(directory, descriptor)
        except (BlockingIOError, FileNotFoundError):
            pass
        os.close(descriptor)
        return None

    def remove(self) -> None:
        """Take the directory away, its lock last: it was projected."""
        for path in self.directory.iterdir():
            if path.name != LOCK_NAME:
                path.unlink()
        shutil.rmtree(self.directory)
        self.release()

    def set_aside(self) -> Path:
        """Keep the directory under a name that nobody adopts, and say which."""
        kept = self.directory.with_name(self.id + DAMAGED_SUFFIX)
        self.directory.rename(kept)
        self.release()
        return kept

    def release(self) -> None:
        """Let go of the directory; where it is still there, whoever starts next adopts it."""
        os.close(self._descriptor)


def _is_uuid(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False
