"""The SQL of the journal: incarnations, their projected positions, and what is projected here and in no other room.

Records are passed as one JSON text a table, an array of arrays: the structs are array-like, so a row needs no work
here, and a place in an array is a field's place in `records.py`.
"""

from collections.abc import Sequence
from typing import Final

from headgate.journal.records import Admin, Close, Unauthenticated
from headgate.journal.segments import Position
from headgate.storage.postgres.connecting import Connection
from headgate.storage.postgres.rows import json_text

_ADVANCE: Final = """
UPDATE incarnations SET segment = %s, byte_offset = %s, records = records + %s
WHERE incarnation = %s AND segment = %s AND byte_offset = %s
"""
_INSERT_REQUESTS: Final = """
INSERT INTO requests (request_id, at, team_key, project_key, user_key, virtual_key, wire, use_case, pipeline,
    model, deployment, policy_version, outcome, code, status, attempts, input_tokens, output_tokens, cost_nano,
    latency_us, own_us, salt, request_digest, answer_digest, steps)
SELECT (r->>0)::uuid, to_timestamp((r->>1)::bigint / 1000.0), (r->2->>0)::int, (r->2->>1)::int, (r->2->>2)::int,
    (r->2->>3)::int, r->>3, r->>4, r->>5, r->>6, r->>7, (r->>8)::int, r->>9, r->>10, (r->>11)::int, (r->>12)::int,
    (r->13->>0)::bigint, (r->13->>1)::bigint, (r->>14)::bigint, (r->>15)::bigint, (r->>16)::bigint,
    decode(r->>17, 'base64'), decode(r->>18, 'base64'), decode(r->>19, 'base64'), r->20
FROM jsonb_array_elements(%s::jsonb) AS r
ON CONFLICT DO NOTHING
"""
_INSERT_ACTS: Final = """
INSERT INTO administrative_acts (request_id, at, actor_key, team_key, action, resource)
SELECT (r->>0)::uuid, to_timestamp((r->>1)::bigint / 1000.0), r->>2, (r->>3)::int, r->>4, r->>5
FROM jsonb_array_elements(%s::jsonb) AS r
ON CONFLICT DO NOTHING
"""
_ADD_UNAUTHENTICATED: Final = """
INSERT INTO unauthenticated_calls AS known (minute, source, incarnation, count, last_code)
SELECT to_timestamp((r->>0)::bigint / 1000.0), r->>1, %s::uuid, sum((r->>2)::bigint), max(r->>3)
FROM jsonb_array_elements(%s::jsonb) AS r
GROUP BY r->>0, r->>1
ON CONFLICT (minute, source, incarnation)
    DO UPDATE SET count = known.count + excluded.count, last_code = excluded.last_code
"""


class PositionMoved(Exception):
    """Somebody else has projected this incarnation further; what was about to be projected is there already."""


async def register(connection: Connection, incarnation: str, node: str, directory: str) -> None:
    """Write an incarnation down, if it is not there."""
    await connection.execute(
        "INSERT INTO incarnations (incarnation, node, directory) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (incarnation, node, directory),
    )


async def position(connection: Connection, incarnation: str) -> Position:
    """How far a registered incarnation is projected."""
    found = await connection.execute(
        "SELECT segment, byte_offset FROM incarnations WHERE incarnation = %s", (incarnation,)
    )
    row = await found.fetchone()
    assert row is not None, "an incarnation is registered before it is projected"
    return Position(*row)


async def advance(connection: Connection, incarnation: str, before: Position, after: Position, records: int) -> None:
    """Move the projected position on, if it still stands at `before`.

    Raises:
        PositionMoved: it does not.
    """
    moved = await connection.execute(_ADVANCE, (*after, records, incarnation, *before))
    if moved.rowcount != 1:
        raise PositionMoved(f"incarnation {incarnation} does not stand at {before} any more")


async def mark_closed(connection: Connection, incarnation: str) -> None:
    """The incarnation is over and wholly projected."""
    await connection.execute(
        "UPDATE incarnations SET closed_at = coalesce(closed_at, now()) WHERE incarnation = %s", (incarnation,)
    )


async def insert_requests(connection: Connection, closes: Sequence[Close]) -> None:
    """One row for each CLOSE; a request that is there already stays as it is."""
    await connection.execute(_INSERT_REQUESTS, (json_text(closes),))


async def insert_acts(connection: Connection, acts: Sequence[Admin]) -> None:
    """One row for each administrative act; one that is there already stays as it is."""
    await connection.execute(_INSERT_ACTS, (json_text(acts),))


async def add_unauthenticated(connection: Connection, incarnation: str, counts: Sequence[Unauthenticated]) -> None:
    """Add to the row of each source and minute."""
    await connection.execute(_ADD_UNAUTHENTICATED, (incarnation, json_text(counts)))
