"""A process that appends to a journal until it is killed: `python -m tests.rooms.journal.appending [fill] ROOT`."""

import os
import resource
import sys
from pathlib import Path

from tests.rooms.journal.samples import NOW_MS, closed, ended, opened, request

from headgate.domain.refusal import Refusal
from headgate.journal.frames import encode
from headgate.journal.incarnation import Incarnation
from headgate.journal.segments import RETRY_NS, Segments
from headgate.kit.clock import ManualClock
from headgate.kit.ids import uuid7


def append_for_ever(root: Path) -> None:
    """Append whole requests; a line on stdout acknowledges one."""
    incarnation = Incarnation.begin(root)
    segments = Segments(incarnation.directory, ManualClock(), segment_bytes=64 << 10, reserve_bytes=1 << 10)
    while True:
        frames = request()
        for body in frames:
            segments.append(encode(body), opens=False)
        os.write(1, frames[0].request_id.encode() + b"\n")


def fill_the_disk(directory: Path) -> None:
    """Meet a full disk (files may not grow beyond a limit), end what is open, and go on once there is room."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (32 << 10, hard))
    clock = ManualClock()
    segments = Segments(directory, clock, reserve_bytes=16 << 10)
    begun = []
    while True:
        request_id = uuid7(NOW_MS)
        try:
            segments.append(encode(opened(request_id)), opens=True)
        except Refusal as refusal:
            print(refusal.code)
            break
        begun.append(request_id)
    for request_id in begun[:20]:
        segments.append(encode(ended(request_id)), opens=False)
        segments.append(encode(closed(request_id)), opens=False)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    for seconds in (0, RETRY_NS / 1e9):
        clock.advance(seconds)
        try:
            segments.append(encode(opened(uuid7(NOW_MS))), opens=True)
            print("accepted")
        except Refusal as refusal:
            print(refusal.code)
    print(segments.records)


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        fill_the_disk(Path(sys.argv[2]))
    else:
        append_for_ever(Path(sys.argv[1]))
