"""Numbered segment files of bounded size in one directory, written by one thread of one process.

Writes are placed at their offset (`pwrite`), so that the rest of a short or failed write is overwritten by the next.
"""

import errno
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from headgate.domain.refusal import Refusal
from headgate.kit.clock import Clock

SEGMENT_BYTES: Final = 16 << 20
RESERVE_BYTES: Final = 4 << 20
"""What a full disk still takes: the ends of about 7,000 calls under way."""
RETRY_NS: Final = 1_000_000_000
"""How long a full disk is left alone before room is looked for again."""

_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_SUFFIX: Final = ".segment"
_RESERVE: Final = "reserve"
_sync_data = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync
_log = logging.getLogger(__name__)


class Position(NamedTuple):
    """A place in a journal: a segment's number and a byte offset in it."""

    segment: int
    offset: int


class SyncPoint(NamedTuple):
    """What was written when a sync began; owns `descriptor`."""

    descriptor: int
    end: Position
    records: int

    def sync(self) -> None:
        """Bring it to the disk; blocks. Raises OSError."""
        try:
            _sync_data(self.descriptor)
        finally:
            os.close(self.descriptor)


class Segments:
    """The segments of one directory: those found, to be read, and a new one to append to.

    Args:
        directory: exists; nobody else writes in it.
        clock: says when a full disk is tried again.
        synced: whether frames count as written only once `confirm`ed, and are kept in memory until then.
        segment_bytes: a segment is followed by the next before it grows larger.
        reserve_bytes: size of the reserve.

    Raises:
        OSError: the directory cannot be written.
    """

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        *,
        synced: bool = False,
        segment_bytes: int = SEGMENT_BYTES,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> None:
        self.directory = directory
        self.records = 0
        """Frames appended."""
        self.confirmed = 0
        """Frames of those that a sync confirmed."""
        self.backlogged = False
        """Set by the projector: too much waits for the database, so that nothing new may be opened."""
        self._clock = clock
        self._synced = synced
        self._segment_bytes = segment_bytes
        self._reserve_bytes = reserve_bytes
        self._sizes = {int(path.stem): path.stat().st_size for path in sorted(directory.glob("*" + _SUFFIX))}
        self._number = max(self._sizes, default=0)
        self._descriptor = -1
        self._offset = 0
        self._limit = segment_bytes
        self._unconfirmed: list[bytes] = []
        self._confirmed_offset = 0
        self._poisoned = False
        self._closed = False
        self._disk_full = False
        self._retry_at_ns = 0
        self._open_next()
        try:
            self._make_reserve()
        except OSError as error:
            if not self._is_full(error):
                raise

    def append(self, *frames: bytes, opens: bool) -> None:
        """Write `frames` whole, in one piece. `opens` tells whether the last of them opens something new.

        Raises:
            Refusal: `journal_unavailable`, nothing is written: the disk is full or the backlog too long, and something
                new is opened; or the disk fails and no new segment could be begun.
        """
        if opens and (self._disk_full or self.backlogged):
            self._admit_new()
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        if self._offset + len(data) > self._limit:
            self._roll()
        try:
            self._write(data)
        except OSError as error:
            self._rescue(data, error, opens)
        self._offset += len(data)
        self.records += len(frames)
        if self._synced:
            self._unconfirmed += frames

    @property
    def end(self) -> Position:
        """Where the next frame goes."""
        return Position(self._number, self._offset)

    @property
    def numbers(self) -> list[int]:
        """The segments that are there, oldest first."""
        return list(self._sizes)

    def size(self, number: int) -> int:
        """How many bytes of the segment are to be read."""
        return self._offset if number == self._number else self._sizes[number]

    def behind(self, position: Position) -> int:
        """How many bytes lie after `position`."""
        later = sum(self.size(number) for number in self._sizes if number > position.segment)
        return later + max(0, self.size(position.segment) - position.offset if position.segment in self._sizes else 0)

    def after(self, position: Position) -> Position:
        """`position`, or the beginning of the next segment where its own has no more."""
        if position.segment in self._sizes and position.offset < self.size(position.segment):
            return position
        return next((Position(number, 0) for number in self._sizes if number > position.segment), position)

    def path(self, number: int) -> Path:
        """The file of a segment."""
        return self.directory / f"{number:012d}{_SUFFIX}"

    def discard(self, before: int) -> None:
        """Remove the segments with lower numbers than `before`."""
        for number in [n for n in self._sizes if n < min(before, self._number)]:
            self.path(number).unlink(missing_ok=True)
            del self._sizes[number]

    def fileno(self) -> int:
        """The descriptor of the segment being written."""
        return self._descriptor

    def close(self) -> None:
        """Take no more frames; what was written can still be read."""
        if not self._closed:
            self._closed = True
            self._limit = -1  # the next append looks why
            self._sizes[self._number] = self._offset
            with suppress(OSError):
                os.close(self._descriptor)

    def sync_point(self) -> SyncPoint:
        """What is written now, ready to be synced in a thread. Raises OSError."""
        return SyncPoint(os.dup(self._descriptor), self.end, self.records)

    def confirm(self, point: SyncPoint) -> None:
        """`point` is on the disk; it counts only where its segment is still the one being written."""
        if point.end.segment == self._number and point.records > self.confirmed:
            del self._unconfirmed[: point.records - self.confirmed]
            self.confirmed, self._confirmed_offset = point.records, point.end.offset

    def replace(self) -> None:
        """Begin a new segment with everything unconfirmed from memory: the old one failed and is not trusted.

        Raises:
            OSError: that failed too; the next append tries again.
        """
        _log.error("a write to segment %d failed; it is replaced", self._number)
        self._poisoned, self._limit = True, -1
        self._open_next()

    def _write(self, frame: bytes) -> None:
        done = os.pwrite(self._descriptor, frame, self._offset)
        while done < len(frame):
            written = os.pwrite(self._descriptor, frame[done:], self._offset + done)
            if not written:
                raise OSError(errno.ENOSPC, "nothing was written")
            done += written

    def _rescue(self, frame: bytes, error: OSError, opens: bool) -> None:
        """Write a frame that could not be written: into the reserve, or into a new segment."""
        full = self._is_full(error)
        if full and opens:
            raise _full()
        try:
            if full:
                self._use_reserve()
            else:
                self.replace()
            self._write(frame)
        except OSError as second:
            raise _broken(second) from second

    def _is_full(self, error: OSError) -> bool:
        """Whether there is no room; if so, nothing new is opened for `RETRY_NS`."""
        if error.errno not in _DISK_FULL:
            return False
        if not self._disk_full:
            _log.error("the journal's disk is full: %s", error)
        self._disk_full, self._retry_at_ns = True, self._clock.monotonic_ns() + RETRY_NS
        return True

    def _admit_new(self) -> None:
        """Let something new be opened if there is room again."""
        if self.backlogged:
            raise Refusal(
                "journal_unavailable",
                "The journal is too far ahead of the database; calls are taken again once PostgreSQL has caught up.",
                retry_after_s=5,
            )
        if self._clock.monotonic_ns() < self._retry_at_ns:
            raise _full()
        try:
            self._make_reserve()
            self._open_next()
        except OSError as error:
            self._is_full(error)
            raise _full() from error
        _log.warning("the journal's disk has room again")
        self._disk_full = False

    def _roll(self) -> None:
        """Go on in a new segment; where none can be made, in the old one."""
        if self._closed:
            raise Refusal("journal_unavailable", "Headgate is stopping; send the call again.", retry_after_s=1)
        try:
            self._open_next()
        except OSError as error:
            if self._poisoned:
                raise _broken(error) from error
            _log.warning("no new segment, so the old one grows: %s", error)
            self._limit += self._segment_bytes

    def _open_next(self) -> None:
        self._begin(os.open(self.path(self._number + 1), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))

    def _use_reserve(self) -> None:
        """Make the reserve, whose space the disk has given already, the next segment."""
        reserve, path = self.directory / _RESERVE, self.path(self._number + 1)
        if not reserve.exists():
            raise OSError(errno.ENOSPC, "the reserve is used up")
        reserve.rename(path)
        self._begin(os.open(path, os.O_WRONLY))

    def _begin(self, descriptor: int) -> None:
        """Write into `descriptor`, the next segment, from now on; what is unconfirmed of the old one comes first."""
        try:
            sync_directory(self.directory)
        except OSError:
            os.close(descriptor)
            raise
        if self._descriptor >= 0:
            self._leave()
        self._descriptor = descriptor
        self._number += 1
        self._offset = self._confirmed_offset = self._sizes[self._number] = 0
        tail = b"".join(self._unconfirmed)
        if tail:
            self._poisoned, self._limit = True, -1
            self._write(tail)
        self._offset, self._limit, self._poisoned = len(tail), self._segment_bytes, False

    def _leave(self) -> None:
        """Close the segment; it holds what is confirmed of it, which is all unless it failed."""
        if self._synced and not self._poisoned:
            try:
                _sync_data(self._descriptor)
            except OSError:
                self._poisoned = True
            else:
                self.confirmed, self._confirmed_offset = self.records, self._offset
                self._unconfirmed.clear()
        self._sizes[self._number] = self._confirmed_offset if self._synced else self._offset
        with suppress(OSError):
            os.ftruncate(self._descriptor, self._offset)  # a reserve is longer than what it was used for
        with suppress(OSError):
            os.close(self._descriptor)

    def _make_reserve(self) -> None:
        """Take the reserve's space from the disk; whole or not at all."""
        reserve, partial = self.directory / _RESERVE, self.directory / (_RESERVE + ".partial")
        if reserve.exists():
            return
        try:
            with partial.open("wb") as file:
                file.write(bytes(self._reserve_bytes))
            partial.rename(reserve)
        except OSError:
            partial.unlink(missing_ok=True)
            raise


def _full() -> Refusal:
    return Refusal(
        "journal_unavailable",
        "The disk of the journal is full, so nothing new may be spent; free some space.",
        retry_after_s=1,
    )


def _broken(error: OSError) -> Refusal:
    return Refusal(
        "journal_unavailable",
        f"The journal cannot be written ({error.strerror}); see Headgate's log and check the disk.",
        retry_after_s=1,
    )


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` last."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
