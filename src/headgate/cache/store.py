"""The SQL of kept answers."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from headgate.storage.postgres.connecting import Connection

CHANNEL: Final = "headgate_cache"
PAGE: Final = 500
_MOMENT: Final = "to_timestamp(%s / 1000.0)"

_PUT: Final = f"""
INSERT INTO cache_entries (team_key, key, scope, use_case, request_id, expires_at, stale_until, cost_nano, asked,
    answer)
VALUES (%s, %s, %s, %s, %s, {_MOMENT}, {_MOMENT}, %s, %s, %s)
ON CONFLICT (team_key, key) DO UPDATE SET scope = EXCLUDED.scope, use_case = EXCLUDED.use_case,
    request_id = EXCLUDED.request_id, expires_at = EXCLUDED.expires_at, stale_until = EXCLUDED.stale_until,
    cost_nano = EXCLUDED.cost_nano, asked = EXCLUDED.asked, answer = EXCLUDED.answer, changed_at = clock_timestamp()
"""  # noqa: S608 - of constants
_REMOVE: Final = """
UPDATE cache_entries SET asked = NULL, answer = NULL, changed_at = clock_timestamp()
WHERE team_key = %s AND key = %s AND request_id = %s
"""
_ANSWER: Final = "SELECT answer FROM cache_entries WHERE key = %s AND answer IS NOT NULL"
_CHANGED: Final = """
SELECT team_key, key, scope, use_case, request_id::text, (extract(epoch FROM expires_at) * 1000)::bigint,
    (extract(epoch FROM stale_until) * 1000)::bigint, cost_nano, coalesce(length(answer), 0), asked,
    extract(epoch FROM changed_at)::float8
FROM cache_entries WHERE changed_at >= to_timestamp(%s) AND (changed_at, team_key, key) > (to_timestamp(%s), %s, %s)
ORDER BY changed_at, team_key, key LIMIT %s
"""
_PURGE: Final = """
UPDATE cache_entries SET asked = NULL, answer = NULL, changed_at = clock_timestamp()
WHERE answer IS NOT NULL
  AND (%(team)s::text IS NULL OR team_key = (SELECT team_key FROM teams WHERE id = %(team)s))
  AND (%(use_case)s::text IS NULL OR use_case = %(use_case)s)
  AND (%(request_id)s::uuid IS NULL OR request_id = %(request_id)s::uuid)
"""
_SUMS: Final = """
SELECT t.team_key, t.id, e.use_case, count(*), coalesce(sum(length(e.answer)), 0)::bigint
FROM cache_entries e JOIN teams t USING (team_key)
WHERE e.answer IS NOT NULL AND e.expires_at > to_timestamp(%(now_ms)s / 1000.0)
  AND (%(team)s::text IS NULL OR t.id = %(team)s)
GROUP BY t.team_key, t.id, e.use_case ORDER BY t.id, e.use_case LIMIT 1000
"""
_SWEEP: Final = f"""
DELETE FROM cache_entries WHERE stale_until < {_MOMENT}
    OR (answer IS NULL AND changed_at < clock_timestamp() - interval '1 hour')
"""  # noqa: S608 - of constants
_CLAIM: Final = f"""
INSERT INTO idempotent_answers (team_key, key, digest, request_id, expires_at) VALUES (%s, %s, %s, %s, {_MOMENT})
ON CONFLICT (team_key, key) DO UPDATE SET digest = EXCLUDED.digest, request_id = EXCLUDED.request_id,
    expires_at = EXCLUDED.expires_at, answer = NULL
WHERE idempotent_answers.expires_at < {_MOMENT} RETURNING 1
"""  # noqa: S608 - of constants
_CLAIMED: Final = "SELECT digest, answer FROM idempotent_answers WHERE key = %s"
_FULFIL: Final = f"""
UPDATE idempotent_answers SET answer = %s, expires_at = {_MOMENT} WHERE key = %s AND request_id = %s
"""  # noqa: S608 - of constants
_RELEASE: Final = "DELETE FROM idempotent_answers WHERE key = %s AND request_id = %s AND answer IS NULL"
_FORGET: Final = f"DELETE FROM idempotent_answers WHERE expires_at < {_MOMENT}"  # noqa: S608 - of constants


class Row(msgspec.Struct, frozen=True):
    """An entry to be written."""

    team: int
    key: bytes
    scope: bytes
    use_case: str
    request_id: str
    expires_ms: int
    stale_until_ms: int
    cost_nano: int
    asked: bytes
    answer: bytes


class Changed(msgspec.Struct, frozen=True):
    """An entry as another worker sees it; `asked` is None where it was removed."""

    team: int
    key: bytes
    scope: bytes
    use_case: str
    request_id: str
    expires_ms: int
    stale_until_ms: int
    cost_nano: int
    size: int
    asked: bytes | None
    changed_s: float


async def put(connection: Connection, rows: Sequence[Row]) -> None:
    """Write entries, over those that are there."""
    cursor = connection.cursor()
    await cursor.executemany(_PUT, [msgspec.structs.astuple(row) for row in rows])


async def remove(connection: Connection, places: Sequence[tuple[int, bytes, str]]) -> None:
    """Remove entries by team, key and the call that they were made for; a newer one in their place stays."""
    await connection.cursor().executemany(_REMOVE, places)


async def answer(connection: Connection, key: bytes) -> bytes | None:
    """The sealed answer of one of the transaction's team's entries."""
    row = await (await connection.execute(_ANSWER, (key,))).fetchone()
    return None if row is None else bytes(row[0])


async def changed(connection: Connection, since_s: float, after: Changed | None) -> list[Changed]:
    """Entries changed from `since_s` on, a page at a time, behind `after`."""
    place: tuple[Any, ...] = (0, -1, b"") if after is None else (after.changed_s, after.team, after.key)
    cursor = await connection.execute(_CHANGED, (since_s, *place, PAGE))
    return [Changed(*row) for row in await cursor.fetchall()]


async def purge(connection: Connection, team: str | None, use_case: str | None, request_id: str | None) -> int:
    """Remove the answers that all of these name, where they name anything; how many there were."""
    cursor = await connection.execute(_PURGE, {"team": team, "use_case": use_case, "request_id": request_id})
    return cursor.rowcount


async def sums(connection: Connection, team: str | None, now_ms: int) -> list[tuple[int, str, str, int, int]]:
    """Team key, team, use case, answers in time and their bytes, of a team or of all."""
    cursor = await connection.execute(_SUMS, {"team": team, "now_ms": now_ms})
    return [tuple(row) for row in await cursor.fetchall()]


async def sweep(connection: Connection, now_ms: int) -> None:
    """Delete what nobody will be given any more."""
    await connection.execute(_SWEEP, (now_ms,))
    await connection.execute(_FORGET, (now_ms,))


async def claim(
    connection: Connection, place: tuple[int, bytes], digest: bytes, request_id: str, times_ms: tuple[int, int]
) -> tuple[bytes, bytes | None] | None:
    """Claim an idempotency key until the second of `times_ms`, where the first is now.

    Returns:
        None where it was free; else the digest of the call that has it, and its sealed answer, if it is there yet.
    """
    now_ms, until_ms = times_ms
    cursor = await connection.execute(_CLAIM, (*place, digest, request_id, until_ms, now_ms))
    if await cursor.fetchone() is not None:
        return None
    row = await (await connection.execute(_CLAIMED, (place[1],))).fetchone()
    return (b"", None) if row is None else (bytes(row[0]), None if row[1] is None else bytes(row[1]))


async def fulfil(connection: Connection, key: bytes, request_id: str, sealed: bytes, until_ms: int) -> None:
    """Keep the answer of the call that claimed a key."""
    await connection.execute(_FULFIL, (sealed, until_ms, key, request_id))


async def release(connection: Connection, key: bytes, request_id: str) -> None:
    """Give a claimed key back, for its call was not answered."""
    await connection.execute(_RELEASE, (key, request_id))
