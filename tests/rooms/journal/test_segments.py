"""Segments: an acknowledged frame is found again, whatever the disk or a signal does."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.rooms.journal.samples import NOW_MS, closed, ended, opened

from headgate.domain.refusal import Refusal
from headgate.journal.commit import GroupCommit
from headgate.journal.frames import Frame, Gap, decode, encode, survey
from headgate.journal.incarnation import Incarnation
from headgate.journal.records import Body
from headgate.journal.segments import RETRY_NS, Position, Segments
from headgate.kit.clock import ManualClock
from headgate.kit.ids import uuid7

KILLS = 1_000 if os.environ.get("HEADGATE_SOAK") else 20
ROOT = Path(__file__).resolve().parents[3]
CHILD = [sys.executable, "-m", "tests.rooms.journal.appending"]


def written(segments: Segments) -> list[Body]:
    """All that the segments hold, as they are to be read."""
    bodies = []
    for number in segments.numbers:
        data = segments.path(number).read_bytes()[: segments.size(number)]
        for item in survey(data):
            assert isinstance(item, Frame) or item.torn
            if isinstance(item, Frame):
                bodies.append(decode(item))
    return bodies


def opens(segments: Segments, count: int) -> list[str]:
    """Append so many ATTEMPT_OPENs."""
    ids = [uuid7(NOW_MS) for _ in range(count)]
    for request_id in ids:
        segments.append(encode(opened(request_id)), opens=True)
    return ids


def break_descriptor(segments: Segments) -> None:
    """Let every write and sync of the segment fail, as a pipe's do at an offset."""
    reading, writing = os.pipe()
    os.dup2(writing, segments.fileno())
    os.close(reading)
    os.close(writing)


def fill_descriptor(segments: Segments) -> None:
    """Let every write to the segment find the disk full."""
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, segments.fileno())
    os.close(full)


def test_segments_are_bounded_numbered_and_continued_by_the_next_writer(tmp_path: Path) -> None:
    first = Segments(tmp_path, ManualClock(), segment_bytes=1_000)
    ids = opens(first, 50)
    assert max(first.size(number) for number in first.numbers) <= 1_000
    assert first.numbers == list(range(1, first.end.segment + 1))
    first.close()
    second = Segments(tmp_path, ManualClock(), segment_bytes=1_000)
    assert second.end == Position(first.end.segment + 1, 0)
    ids += opens(second, 1)
    assert [body.request_id for body in written(second) if hasattr(body, "request_id")] == ids


def test_segments_before_a_number_are_removed_but_never_the_one_being_written(tmp_path: Path) -> None:
    segments = Segments(tmp_path, ManualClock(), segment_bytes=1_000)
    opens(segments, 50)
    segments.discard(3)
    assert segments.numbers[0] == 3
    segments.discard(1_000)
    assert segments.numbers == [segments.end.segment]
    assert len(list(tmp_path.glob("*.segment"))) == 1


@pytest.mark.soak
def test_an_acknowledged_frame_survives_kill_9(tmp_path: Path) -> None:
    for cycle in range(KILLS):
        root = tmp_path / str(cycle)
        child = subprocess.Popen([*CHILD, str(root)], stdout=subprocess.PIPE, cwd=ROOT)
        assert child.stdout is not None
        acknowledged = [child.stdout.readline() for _ in range(1 + cycle * 37 % 400)]
        child.send_signal(signal.SIGKILL)
        acknowledged += child.stdout.read().splitlines(keepends=True)
        child.wait()
        child.stdout.close()
        (orphan,) = Incarnation.orphans(root)
        segments = Segments(orphan.directory, ManualClock())
        found = written(segments)
        closes = {body.request_id for body in found if type(body).__name__ == "Close"}
        assert {line.decode().strip() for line in acknowledged if line.endswith(b"\n")} <= closes
        segments.close()
        orphan.remove()
        assert not any(root.iterdir())


def test_a_full_disk_refuses_new_calls_lets_those_in_flight_close_and_recovers(tmp_path: Path) -> None:
    child = subprocess.run([*CHILD, "fill", tmp_path], cwd=ROOT, capture_output=True, text=True, check=True)
    told = child.stdout.split()
    assert told[:3] == ["journal_unavailable", "journal_unavailable", "accepted"]
    reader = Segments(tmp_path, ManualClock())
    bodies = written(reader)
    assert len(bodies) == int(told[3])
    assert sum(type(body).__name__ == "Close" for body in bodies) == 20


def test_when_the_reserve_too_is_used_up_even_an_end_is_refused(tmp_path: Path) -> None:
    segments = Segments(tmp_path, ManualClock())
    (request_id,) = opens(segments, 1)
    fill_descriptor(segments)
    segments.append(encode(ended(request_id)), opens=False)
    fill_descriptor(segments)
    with pytest.raises(Refusal, match="the reserve is used up"):
        segments.append(encode(closed(request_id)), opens=False)
    assert len(written(segments)) == 2


def test_a_start_on_a_full_disk_refuses_until_there_is_room(tmp_path: Path) -> None:
    clock = ManualClock()
    segments = Segments(tmp_path, clock)
    (tmp_path / "reserve").unlink()
    fill_descriptor(segments)
    for _ in range(2):
        with pytest.raises(Refusal) as refused:
            opens(segments, 1)
        assert refused.value.code == "journal_unavailable"
    clock.advance(RETRY_NS / 1e9)
    assert len(opens(segments, 3)) == len(written(segments))


def test_a_backlog_refuses_what_opens_and_takes_what_ends(tmp_path: Path) -> None:
    segments = Segments(tmp_path, ManualClock())
    (request_id,) = opens(segments, 1)
    segments.backlogged = True
    with pytest.raises(Refusal, match="ahead of the database"):
        opens(segments, 1)
    segments.append(encode(closed(request_id)), opens=False)
    assert len(written(segments)) == 2


def test_a_failing_segment_is_replaced_and_the_frame_is_in_the_next(tmp_path: Path) -> None:
    segments = Segments(tmp_path, ManualClock())
    ids = opens(segments, 3)
    break_descriptor(segments)
    ids += opens(segments, 2)
    assert segments.end.segment == 2
    assert [getattr(body, "request_id", "") for body in written(segments)] == ids


def test_unconfirmed_frames_of_a_failing_segment_are_written_anew_from_memory(tmp_path: Path) -> None:
    segments = Segments(tmp_path, ManualClock(), synced=True)
    ids = opens(segments, 3)
    point = segments.sync_point()
    ids += opens(segments, 2)
    point.sync()
    segments.confirm(point)
    assert segments.confirmed == 3
    broken = segments.path(1)
    break_descriptor(segments)
    ids += opens(segments, 2)
    broken.write_bytes(broken.read_bytes()[: segments.size(1)] + b"not to be trusted")
    assert [getattr(body, "request_id", "") for body in written(segments)] == ids


def test_where_no_new_segment_can_be_made_either_the_next_append_tries_again(tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    directory.mkdir()
    segments = Segments(directory, ManualClock(), synced=True)
    ids = opens(segments, 2)
    break_descriptor(segments)
    directory.rename(tmp_path / "gone")
    for _ in range(2):
        with pytest.raises(Refusal, match="cannot be written"):
            opens(segments, 1)
    (tmp_path / "gone").rename(directory)
    ids += opens(segments, 1)
    assert [getattr(body, "request_id", "") for body in written(segments)] == ids


def test_a_closed_journal_takes_nothing(tmp_path: Path) -> None:
    segments = Segments(tmp_path, ManualClock())
    opens(segments, 1)
    segments.close()
    for _ in range(2):
        with pytest.raises(Refusal, match="stopping"):
            opens(segments, 1)
    assert len(written(segments)) == 1


async def test_one_sync_serves_all_who_wait(tmp_path: Path) -> None:
    segments = Segments(tmp_path, ManualClock(), synced=True)
    commit = GroupCommit(segments)
    synced: list[int] = []
    confirm = segments.confirm
    segments.confirm = lambda point: (synced.append(point.records), confirm(point))[1]  # type: ignore[method-assign]

    async def call() -> None:
        opens(segments, 1)
        await commit.durable()

    await asyncio.gather(*(call() for _ in range(200)))
    assert segments.confirmed == 200
    assert len(synced) <= 3
    await commit.durable()
    assert len(synced) <= 3


async def test_durable_holds_through_a_sync_that_fails_once(tmp_path: Path) -> None:
    segments = Segments(tmp_path, ManualClock(), synced=True)
    ids = opens(segments, 5)
    break_descriptor(segments)
    await GroupCommit(segments).durable()
    assert segments.confirmed == 5
    assert [getattr(body, "request_id", "") for body in written(segments)] == ids


async def test_durable_refuses_where_the_disk_is_gone(tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    directory.mkdir()
    segments = Segments(directory, ManualClock(), synced=True)
    opens(segments, 1)
    break_descriptor(segments)
    directory.rename(tmp_path / "gone")
    with pytest.raises(Refusal) as refused:
        await GroupCommit(segments).durable()
    assert refused.value.code == "journal_unavailable"


async def test_rolling_to_the_next_segment_keeps_the_promise_of_durable(tmp_path: Path) -> None:
    segments = Segments(tmp_path, ManualClock(), synced=True, segment_bytes=1_000)
    commit = GroupCommit(segments)
    for _ in range(40):
        opens(segments, 3)
        waiting = asyncio.ensure_future(commit.durable())
        await asyncio.sleep(0)
        opens(segments, 3)
        await waiting
        assert segments.confirmed >= segments.records - 3
    assert not [item for item in survey(segments.path(1).read_bytes()) if isinstance(item, Gap)]


def test_a_live_incarnation_is_nobodys_orphan(tmp_path: Path) -> None:
    living = Incarnation.begin(tmp_path)
    assert list(Incarnation.orphans(tmp_path)) == []
    living.release()
    (orphan,) = Incarnation.orphans(tmp_path)
    assert orphan.id == living.id
    assert list(Incarnation.orphans(tmp_path)) == []
    kept = orphan.set_aside()
    assert kept.is_dir()
    assert list(Incarnation.orphans(tmp_path)) == []
