"""Projection: what the journal says is in PostgreSQL exactly once, whoever is killed, away or in the way."""

import asyncio
import logging
import os
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.rooms.journal.samples import NOW_MS, Settled, closed, ended, opened, request

from headgate.journal import store
from headgate.journal.frames import encode
from headgate.journal.projection import SLICE_BYTES, Projection
from headgate.journal.projector import Projector
from headgate.journal.records import Admin, Body, Unauthenticated
from headgate.journal.segments import Position, Segments
from headgate.kit.clock import ManualClock
from headgate.kit.ids import uuid7
from headgate.storage.postgres.database import Database, DatabaseAway

INCARNATION = "6b1f3f5e-8d0e-4b43-9a39-3f5a2f4f8e11"
DEADLINE_S = 10.0


class Scene:
    """One registered incarnation with its segments, and what was settled."""

    def __init__(self, database: Database, directory: Path, segment_bytes: int = 16 << 20) -> None:
        self.database = database
        self.clock = ManualClock()
        self.segments = Segments(directory, self.clock, segment_bytes=segment_bytes)
        self.settled = Settled()

    async def register(self) -> "Scene":
        async with self.database.system() as connection:
            await store.register(connection, INCARNATION, "node", "directory")
        return self

    def append(self, *bodies: Body) -> None:
        for body in bodies:
            self.segments.append(encode(body), opens=False)

    def projection(self) -> Projection:
        return Projection(self.database, INCARNATION, self.segments, self.settled.books(), self.clock)

    def projector(self, projection: Projection, **options: Any) -> Projector:
        return Projector(projection, self.segments, self.clock, **options)

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        async with self.database.system() as connection:
            return await (await connection.execute(query)).fetchall()  # type: ignore[arg-type]

    async def count(self, table: str) -> int:
        return int((await self.rows(f"SELECT count(*) FROM {table}"))[0][0])


@pytest.fixture
async def scene(database: Database, tmp_path: Path) -> Scene:
    return await Scene(database, tmp_path).register()


async def drain(projection: Projection) -> None:
    while await projection.step():
        pass


async def test_every_kind_of_record_reaches_its_table(scene: Scene) -> None:
    one, act = uuid7(NOW_MS), uuid7(NOW_MS)
    close = closed(one, sentence='a "quote", a \0 and a \\u0000')
    scene.append(opened(one), ended(one), close)
    scene.append(Admin(act, NOW_MS, "admin", 5, "create_key", "keys/1"))
    scene.append(Unauthenticated(NOW_MS, "10.0.0.1", 3, "invalid_key"))
    scene.append(Unauthenticated(NOW_MS, "10.0.0.1", 4, "invalid_key"))
    await drain(scene.projection())
    ((*row,),) = await scene.rows(
        "SELECT request_id::text, extract(epoch FROM at) * 1000, team_key, project_key, user_key, virtual_key, wire,"
        " outcome, status, input_tokens, output_tokens, cost_nano, latency_us, own_us, salt, request_digest,"
        " answer_digest, steps->0->>2 FROM requests"
    )
    assert row == [
        *(one, NOW_MS, 1, 2, 3, 4, "openai-chat", "answered", 200, 100, 20, 4_000, 12_345, 321),
        *(close.salt, close.request_digest, close.answer_digest, "12"),
    ]
    assert (await scene.rows("SELECT steps->0->>1 FROM requests"))[0][0].startswith('a "quote", a \ufffd and a ')
    assert await scene.count("ledger_entries") == 1
    assert [close.request_id for close in scene.settled.settled] == [one]
    assert await scene.rows("SELECT request_id::text, team_key, action FROM administrative_acts") == [
        (act, 5, "create_key")
    ]
    assert await scene.rows("SELECT source, count, incarnation::text FROM unauthenticated_calls") == [
        ("10.0.0.1", 7, INCARNATION)
    ]


async def test_a_close_without_a_team_is_projected(scene: Scene) -> None:
    scene.append(closed(uuid7(NOW_MS)).__class__(uuid7(NOW_MS), NOW_MS, None, *_tail()))
    await drain(scene.projection())
    assert await scene.rows("SELECT team_key, virtual_key FROM requests") == [(None, None)]


def _tail() -> list[Any]:
    close = closed(uuid7(NOW_MS))
    return [getattr(close, name) for name in close.__struct_fields__[3:]]


async def test_projecting_again_from_the_start_changes_nothing(scene: Scene) -> None:
    for _ in range(50):
        scene.append(*request())
    await drain(scene.projection())
    async with scene.database.system() as connection:
        await connection.execute("UPDATE incarnations SET segment = 0, byte_offset = 0")
    await drain(scene.projection())
    assert await scene.count("requests") == await scene.count("ledger_entries") == 50
    assert len(scene.settled.settled) == 50


async def test_two_projectors_of_one_incarnation_cannot_both_win(scene: Scene) -> None:
    for _ in range(2_000):
        scene.append(*request())
    projections = [scene.projection(), scene.projection()]
    lost = 0

    async def compete(projection: Projection) -> None:
        nonlocal lost
        while True:
            try:
                if not await projection.step():
                    return
            except store.PositionMoved:
                lost += 1

    await asyncio.gather(*map(compete, projections))
    assert lost > 0
    assert len(scene.settled.settled) == 2_000
    assert await scene.rows("SELECT records FROM incarnations") == [(6_000,)]
    assert await scene.count("requests") == await scene.count("ledger_entries") == 2_000


async def test_a_failure_inside_the_transaction_leaves_nothing_and_is_made_good(scene: Scene) -> None:
    scene.append(*request())

    async def fail(*_: Any) -> None:
        raise RuntimeError("killed here")

    projection = Projection(
        scene.database, INCARNATION, scene.segments, scene.settled.books()._replace(settle=fail), scene.clock
    )
    with pytest.raises(RuntimeError):
        await projection.step()
    assert await scene.count("requests") == await scene.count("ledger_entries") == 0
    await drain(scene.projection())
    assert await scene.count("requests") == await scene.count("ledger_entries") == 1


async def test_a_commit_whose_answer_was_lost_is_not_done_twice(scene: Scene) -> None:
    for _ in range(1_200):
        scene.append(*request())
    projection = scene.projection()
    await projection.step()
    other = scene.projection()
    await other.step()  # what `projection` does not know of
    with pytest.raises(store.PositionMoved):
        await projection.step()
    await drain(projection)
    assert await scene.count("requests") == 1_200
    assert await scene.rows("SELECT records FROM incarnations") == [(3_600,)]


async def test_a_segment_goes_once_projected_and_with_no_request_open_in_it(database: Database, tmp_path: Path) -> None:
    scene = await Scene(database, tmp_path, segment_bytes=2_000).register()
    slow = uuid7(NOW_MS)
    scene.append(*request())
    await drain(projection := scene.projection())
    scene.append(opened(slow))
    held = scene.segments.end.segment
    for _ in range(20):
        scene.append(*request())
    await drain(projection)
    assert scene.segments.numbers[0] == held
    scene.append(ended(slow), closed(slow))
    await drain(projection)
    assert scene.segments.numbers == [scene.segments.end.segment]


async def test_damage_is_reported_and_everything_else_is_projected(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        scene.append(*request())
    path = scene.segments.path(1)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    projection = scene.projection()
    await drain(projection)
    assert projection.damaged_bytes > 0
    assert [entry.levelno for entry in caplog.records] == [logging.CRITICAL]
    assert await scene.count("requests") + await scene.count("ledger_entries") in (5, 6)


async def test_a_frame_longer_than_a_slice_is_projected(scene: Scene) -> None:
    scene.append(*request())
    scene.append(closed(uuid7(NOW_MS), sentence="x" * (SLICE_BYTES + 1)))
    scene.append(*request())
    await drain(scene.projection())
    assert await scene.count("requests") == 3


async def test_a_reader_finds_what_was_appended_before_it_asked(scene: Scene) -> None:
    projector = scene.projector(scene.projection())
    projector.start()
    for _ in range(10):
        scene.append(*request())
        scene.clock.advance(1)
        assert await projector.projected(DEADLINE_S) == scene.clock.now_ms()
        assert await scene.count("requests") == scene.segments.records / 3
    assert projector.lag() == (0, 0, "", 0)
    await projector.stop()


async def test_while_the_database_is_away_nothing_is_lost_and_new_calls_are_bounded(
    database_url: str, tmp_path: Path
) -> None:
    database = await Database.open(database_url)
    scene = await Scene(database, tmp_path).register()
    projector = scene.projector(scene.projection(), max_backlog_bytes=1_000)
    projector.start()
    scene.append(*request())
    before_ms = await projector.projected(DEADLINE_S)
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    async with await psycopg.AsyncConnection.connect(
        psycopg.conninfo.make_conninfo(database_url, dbname="postgres"), autocommit=True
    ) as owner:
        await owner.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")  # type: ignore[arg-type]
        await owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        for _ in range(20):
            scene.append(*request())
        scene.clock.advance(1)
        async with asyncio.timeout(DEADLINE_S):
            while not (lag := projector.lag()).trouble:
                assert await projector.projected(0.2) == before_ms
        assert lag.bytes > 1_000
        assert lag.age_ms == 1_000
        assert scene.segments.backlogged
        await owner.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")  # type: ignore[arg-type]
    assert await projector.projected(DEADLINE_S) == scene.clock.now_ms()
    assert not scene.segments.backlogged
    assert await scene.count("requests") == await scene.count("ledger_entries") == 21
    await projector.stop()
    await database.close()


async def test_an_idle_projector_leaves_the_database_alone(database: Database, tmp_path: Path) -> None:
    scene = await Scene(database, tmp_path).register()
    projection = scene.projection()
    scene.append(*request())
    await drain(projection)
    await database.close()
    with pytest.raises(DatabaseAway):
        async with database.system():
            pass
    assert not await projection.step()
    assert projection.position == Position(1, os.stat(scene.segments.path(1)).st_size)
