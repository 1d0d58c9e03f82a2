"""One batched writer of log lines: callers never wait for whoever reads them."""

import asyncio
import os
import select
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from queue import SimpleQueue
from typing import Final

FLUSH_AFTER_S: Final = 0.05
MAX_HELD_BYTES: Final = 8 * 1024 * 1024
"""Bytes held while the reader is slow; lines beyond are dropped and counted."""
CLOSE_PATIENCE_S: Final = 2.0
BATCH_BYTES: Final = 64 * 1024


class LineWriter:
    """Writes lines to a file descriptor, batched by the event loop and written by a thread of its own.

    `write` and `close` belong to one thread. Several processes may share a pipe: into one, no write is longer than
    the kernel keeps whole (PIPE_BUF), unless a single line is.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._batch_bytes = select.PIPE_BUF if stat.S_ISFIFO(os.fstat(descriptor).st_mode) else BATCH_BYTES
        self._lines: list[bytes] = []
        self._held_bytes = 0
        self._scheduled = False
        self._batches: SimpleQueue[list[bytes] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="log lines", daemon=True)
        self._thread.start()
        self.dropped = 0
        """Lines that were lost: the reader was too slow, or gone."""

    def write(self, line: bytes) -> None:
        """Take one line, which ends with a line feed; it is out within about 50 ms."""
        held = self._held_bytes + len(line)
        if held > MAX_HELD_BYTES:
            self.dropped += 1
            return
        self._lines.append(line)
        self._held_bytes = held
        if not self._scheduled:
            self._schedule()

    def close(self) -> None:
        """Write what is left and stop; a reader that does not read is waited for two seconds at most."""
        self._hand_over()
        self._batches.put(None)
        self._thread.join(CLOSE_PATIENCE_S)

    def _schedule(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._hand_over()
            return
        self._scheduled = True
        loop.call_later(FLUSH_AFTER_S, self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        if self._batches.empty():
            self._hand_over()
        else:
            self._schedule()

    def _hand_over(self) -> None:
        if self._lines:
            self._batches.put(self._lines)
            self._lines = []
            self._held_bytes = 0

    def _run(self) -> None:
        while (lines := self._batches.get()) is not None:
            for count, batch in _batched(lines, self._batch_bytes):
                try:
                    self._write_whole(batch)
                except OSError:
                    self.dropped += count

    def _write_whole(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            with suppress(BlockingIOError):  # whoever shares the descriptor may have made it non-blocking
                rest = rest[os.write(self._descriptor, rest) :]
                continue
            select.select([], [self._descriptor], [])


def _batched(lines: list[bytes], most_bytes: int) -> Iterator[tuple[int, bytes]]:
    """`lines` joined into as few writes of at most `most_bytes` as their order allows, each with its count of lines."""
    batch: list[bytes] = []
    length = 0
    for line in lines:
        if batch and length + len(line) > most_bytes:
            yield len(batch), b"".join(batch)
            batch, length = [], 0
        batch.append(line)
        length += len(line)
    if batch:
        yield len(batch), b"".join(batch)
