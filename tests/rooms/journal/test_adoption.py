"""Adoption: what a killed worker left open is closed, charged and projected once, however often adoption is killed."""

import asyncio
import contextlib
import os
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crc32c import crc32c
from tests.rooms.journal.samples import HOLD_NANO, NOW_MS, Settled, ended, opened, request, spend

from headgate.domain.call import Call, WireFormat
from headgate.domain.policy import Policy
from headgate.domain.refusal import Refusal
from headgate.journal.adoption import adopt_orphans, close_unfinished
from headgate.journal.frames import encode
from headgate.journal.incarnation import Incarnation
from headgate.journal.journal import MAX_SOURCES, Journal
from headgate.journal.records import Body, Close
from headgate.journal.segments import Segments
from headgate.kit.clock import ManualClock
from headgate.kit.ids import uuid7
from headgate.storage.postgres.connecting import Connection
from headgate.storage.postgres.database import Database

ROOT = Path(__file__).resolve().parents[3]
CYCLES = 200 if os.environ.get("HEADGATE_SOAK") else 6


def dead(root: Path, *bodies: Body, torn: bytes = b"") -> Path:
    """The journal of a worker that appended `bodies` and was killed."""
    incarnation = Incarnation.begin(root)
    segments = Segments(incarnation.directory, ManualClock())
    for body in bodies:
        segments.append(encode(body), opens=False)
    segments.close()
    with segments.path(1).open("ab") as file:
        file.write(torn)
    incarnation.release()
    return incarnation.directory


def directories(root: Path) -> list[str]:
    """What is left of journals."""
    return os.listdir(root)


async def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    async with database.system() as connection:
        return await (await connection.execute(query)).fetchall()  # type: ignore[arg-type]


ENTRIES = "SELECT request_id::text, attempt, cost_nano, basis, outcome, code FROM ledger_entries ORDER BY 1, 2"
REQUESTS = "SELECT request_id::text, outcome, code, attempts, input_tokens, cost_nano FROM requests ORDER BY 1"


async def test_open_attempts_are_charged_at_their_bound_and_their_requests_closed(
    database: Database, tmp_path: Path
) -> None:
    whole, cut, half = sorted(uuid7(NOW_MS) for _ in range(3))
    torn = encode(opened(uuid7(NOW_MS)))[:-3]
    directory = dead(
        tmp_path, *request(whole), opened(cut), ended(cut), opened(cut, 2), opened(half), ended(half), torn=torn
    )
    settled = Settled()
    assert await adopt_orphans(tmp_path, database, settled.books(), ManualClock()) == 1
    assert await rows(database, ENTRIES) == [
        (whole, 1, 4_000, "reported", "answered", ""),
        (cut, 1, 4_000, "reported", "answered", ""),
        (cut, 2, HOLD_NANO, "reserved", "failed", "interrupted"),
        (half, 1, 4_000, "reported", "answered", ""),
    ]
    assert await rows(database, REQUESTS) == [
        (whole, "answered", "", 1, 100, 4_000),
        (cut, "failed", "interrupted", 2, 100, 4_000 + HOLD_NANO),
        (half, "failed", "interrupted", 1, 100, 4_000),
    ]
    assert len(settled.settled) == 4
    assert settled.released == [directory.name]
    assert not directory.exists()
    closed_at = await rows(database, "SELECT incarnation::text FROM incarnations WHERE closed_at IS NOT NULL")
    assert closed_at == [(directory.name,)]


def test_looking_for_what_is_missing_twice_finds_it_once(tmp_path: Path) -> None:
    directory = dead(tmp_path, opened(uuid7(NOW_MS)), opened(uuid7(NOW_MS)))
    assert [close_unfinished(Segments(directory, ManualClock()), ManualClock()) for _ in range(3)] == [2, 0, 0]


async def fail(*_: Any) -> None:
    raise ConnectionError("killed here")


@pytest.mark.parametrize("step", ["book", "settle", "release"])
async def test_adoption_that_failed_halfway_is_done_again_and_counts_once(
    database: Database, tmp_path: Path, step: str
) -> None:
    directory = dead(tmp_path, *request(), opened(uuid7(NOW_MS)))
    settled = Settled()
    broken = settled.books()._replace(**{step: fail})
    for _ in range(2):
        assert await adopt_orphans(tmp_path, database, broken, ManualClock()) == 0
        assert directory.exists()
    await adopt_orphans(tmp_path, database, settled.books(), ManualClock())
    assert not directory.exists()
    assert len(await rows(database, ENTRIES)) == len(await rows(database, REQUESTS)) == 2
    assert await rows(database, "SELECT records FROM incarnations") == [(6,)]


async def test_a_directory_that_outlived_its_adoption_is_only_removed(database: Database, tmp_path: Path) -> None:
    directory = dead(tmp_path, *request())
    settled = Settled()
    kept = {path.name: path.read_bytes() for path in directory.iterdir()}
    await adopt_orphans(tmp_path, database, settled.books(), ManualClock())
    directory.mkdir()
    for name, data in kept.items():
        (directory / name).write_bytes(data)
    await adopt_orphans(tmp_path, database, settled.books(), ManualClock())
    assert not directory.exists()
    assert len(settled.settled) == 1


@pytest.mark.soak
async def test_the_killed_are_adopted_by_the_killed(database: Database, database_url: str, tmp_path: Path) -> None:
    left: list[str] = []
    for cycle in range(CYCLES):
        left += [uuid7(NOW_MS) for _ in range(200)]
        dead(tmp_path, *(body for request_id in left[-200:] for body in request(request_id)[: 1 + cycle % 3]))
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.rooms.journal.adopting", database_url, str(tmp_path)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        assert child.stdout is not None
        for _ in range(1 + cycle % 4):
            await child.stdout.readline()
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
    books = Settled().books()._replace(settle=spend)
    await adopt_orphans(tmp_path, database, books, ManualClock())
    assert not directories(tmp_path)
    assert [row[0] for row in await rows(database, REQUESTS)] == sorted(left)
    assert [row[0] for row in await rows(database, ENTRIES)] == sorted(left)
    spent = await rows(database, "SELECT sum(cost_nano)::bigint FROM ledger_entries")
    assert spent == await rows(database, "SELECT sum(spent_nano)::bigint FROM budget_accounts")


async def test_a_journal_of_a_newer_headgate_is_left_alone(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = dead(tmp_path, *request())
    frame = bytearray(encode(opened(uuid7(NOW_MS))))
    frame[9] = 9
    frame[4:8] = crc32c(bytes(frame[8:])).to_bytes(4, "little")
    with (directory / f"{1:012d}.segment").open("ab") as file:
        file.write(frame)
    assert await adopt_orphans(tmp_path, database, Settled().books(), ManualClock()) == 0
    assert directory.exists()
    assert "version 9" in caplog.text
    assert await rows(database, REQUESTS) == []


async def test_a_damaged_journal_is_adopted_as_far_as_it_can_be_read_and_kept(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = dead(tmp_path, *request(), *request())
    path = directory / f"{1:012d}.segment"
    data = bytearray(path.read_bytes())
    data[len(encode(opened(uuid7(NOW_MS)))) + 20] ^= 4  # the first request's ATTEMPT_CLOSE
    path.write_bytes(data)
    await adopt_orphans(tmp_path, database, Settled().books(), ManualClock())
    assert {row[3] for row in await rows(database, ENTRIES)} == {"reserved", "reported"}
    assert len(await rows(database, REQUESTS)) == 2
    assert not directory.exists()
    assert directory.with_name(directory.name + ".damaged").exists()
    assert "damaged" in caplog.text
    assert await adopt_orphans(tmp_path, database, Settled().books(), ManualClock()) == 0
    assert directory.with_name(directory.name + ".damaged").exists()


class Served:
    """A started journal, as a worker has it."""

    def __init__(self, database: Database, root: Path) -> None:
        self.database = database
        self.clock = ManualClock(NOW_MS)
        self.closes: list[Close] = []
        self.settled = Settled()
        self.journal = Journal(root, self.clock, policy, lambda _, close: self.closes.append(close))

    async def start(self) -> Journal:
        await self.journal.register(self.database)
        await self.journal.start(self.database, self.settled.books())
        return self.journal

    def call(self, source: str = "10.0.0.1") -> Call:
        refusal = Refusal("invalid_request", "not read")
        return Call(str(uuid.uuid4()), WireFormat.NATIVE, "/v1/generate", NOW_MS, 0, source, None, refusal)


def policy() -> Policy:
    return Policy(1, "", {}, {}, {})


@pytest.fixture
def serve(database: Database, tmp_path: Path) -> Callable[[], Served]:
    return lambda: Served(database, tmp_path)


async def test_stopping_projects_everything_releases_and_leaves_no_directory(
    serve: Callable[[], Served], tmp_path: Path
) -> None:
    served = serve()
    journal = await served.start()
    for body in (*request(), opened(uuid7(NOW_MS))):
        journal.append(body)
    await journal.stop()
    assert not directories(tmp_path)
    assert served.settled.released == [journal.incarnation.id]
    assert {row[3] for row in await rows(served.database, ENTRIES)} == {"reported", "reserved"}
    with pytest.raises(Refusal, match="stopping"):
        journal.append(opened(uuid7(NOW_MS)))


async def test_a_worker_that_stops_without_its_database_is_adopted_by_the_next(
    database_url: str, tmp_path: Path
) -> None:
    database = await Database.open(database_url)
    first = Served(database, tmp_path)
    journal = await first.start()
    await database.close()
    journal.append(opened(uuid7(NOW_MS)))
    await journal.stop()
    assert journal.incarnation.directory.exists()
    database = await Database.open(database_url)
    second = Served(database, tmp_path)
    await second.journal.register(database)
    assert await second.journal.start(database, second.settled.books()) == 0
    await second.journal.stop()
    assert [row[3] for row in await rows(database, ENTRIES)] == ["reserved"]
    assert not directories(tmp_path)
    await database.close()


async def test_calls_without_a_key_are_counted_by_source_and_minute(serve: Callable[[], Served]) -> None:
    served = serve()
    journal = await served.start()
    for source in ("a", "a", "b"):
        with pytest.raises(Refusal):
            with journal.open(served.call(source)):
                raise Refusal("invalid_key", "unknown")
    served.clock.advance(60)
    with pytest.raises(Refusal):
        with journal.open(served.call("a")):
            raise Refusal("missing_credentials", "none")
    await journal.stop()
    assert len(served.closes) == 4
    minute = NOW_MS // 60_000
    assert await rows(
        served.database,
        "SELECT (extract(epoch FROM minute) / 60)::bigint, source, count, last_code FROM unauthenticated_calls"
        " ORDER BY 1, 2",
    ) == [
        (minute, "a", 2, "invalid_key"),
        (minute, "b", 1, "invalid_key"),
        (minute + 1, "a", 1, "missing_credentials"),
    ]
    assert await rows(served.database, REQUESTS) == []


async def test_more_sources_than_are_kept_apart_are_counted_together(serve: Callable[[], Served]) -> None:
    served = serve()
    journal = await served.start()
    for number in range(MAX_SOURCES + 10):
        journal.unauthenticated(str(number), "invalid_key")
    await journal.stop()
    query = "SELECT count(*), sum(count)::bigint, max(count) FROM unauthenticated_calls"
    assert await rows(served.database, query) == [(MAX_SOURCES + 1, MAX_SOURCES + 10, 10)]


async def test_two_workers_that_start_at_once_adopt_each_orphan_once(database: Database, tmp_path: Path) -> None:
    for _ in range(5):
        dead(tmp_path, *request())
    settled = Settled()

    async def slowly(connection: Connection, incarnation: str) -> None:
        await asyncio.sleep(0)
        await settled.release(connection, incarnation)

    books = settled.books()._replace(release=slowly)
    await asyncio.gather(*(adopt_orphans(tmp_path, database, books, ManualClock()) for _ in range(3)))
    assert len(settled.settled) == len(settled.released) == 5
    assert not directories(tmp_path)
