"""The SQL of the ledger: booking entries, reading them back, summing them up."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from headgate.domain.money import Budget
from headgate.journal.records import AttemptClose
from headgate.storage.postgres.connecting import Connection
from headgate.storage.postgres.rows import json_text, struct_row

_BOOK: Final = """
INSERT INTO ledger_entries (request_id, attempt, at, team_key, project_key, user_key, virtual_key, use_case, pipeline,
    purpose, model, deployment, policy_version, input_tokens, output_tokens, cached_tokens, cache_write_tokens,
    reasoning_tokens, cache_write_1h_tokens, audio_input_tokens, audio_output_tokens, tool_requests, cost_nano, basis,
    outcome, code)
SELECT request_id, attempt, to_timestamp(at_ms / 1000.0), team_key, project_key, user_key, virtual_key, use_case,
    pipeline, purpose, model, deployment, policy_version, input_tokens, output_tokens, cached_tokens,
    cache_write_tokens, reasoning_tokens, cache_write_1h_tokens, audio_input_tokens, audio_output_tokens,
    tool_requests, cost_nano, basis, outcome, code
FROM json_to_recordset(%s) AS entry (request_id uuid, attempt integer, at_ms bigint, team_key integer,
    project_key integer, user_key integer, virtual_key integer, use_case text, pipeline text, purpose text, model text,
    deployment text, policy_version integer, input_tokens bigint, output_tokens bigint, cached_tokens bigint,
    cache_write_tokens bigint, reasoning_tokens bigint, cache_write_1h_tokens bigint, audio_input_tokens bigint,
    audio_output_tokens bigint, tool_requests bigint, cost_nano bigint, basis text, outcome text, code text)
ON CONFLICT DO NOTHING RETURNING request_id, attempt
"""

_ENTRIES: Final = """
SELECT e.request_id, e.attempt, e.at, t.id AS team, p.id AS project, u.id AS "user", k.id AS key_id, e.use_case,
    e.model, e.deployment, e.pipeline, e.purpose, e.input_tokens, e.output_tokens, e.cached_tokens,
    e.cache_write_tokens, e.reasoning_tokens, e.cache_write_1h_tokens, e.audio_input_tokens, e.audio_output_tokens,
    e.tool_requests, e.cost_nano, e.basis, e.outcome, e.code
FROM ledger_entries e
JOIN teams t USING (team_key)
JOIN projects p USING (project_key)
LEFT JOIN users u USING (user_key)
LEFT JOIN virtual_keys k USING (virtual_key)
WHERE (%(team)s::text IS NULL OR e.team_key = (SELECT team_key FROM teams WHERE id = %(team)s))
  AND (%(key_id)s::text IS NULL OR k.id = %(key_id)s)
  AND (%(request_id)s::uuid IS NULL OR e.request_id = %(request_id)s)
  AND (%(since)s::timestamptz IS NULL OR e.at >= %(since)s)
  AND (%(before_at)s::timestamptz IS NULL
       OR (e.at, e.request_id, e.attempt) < (%(before_at)s, %(before_request)s::uuid, %(before_attempt)s::integer))
ORDER BY e.at DESC, e.request_id DESC, e.attempt DESC LIMIT %(limit)s
"""

_REQUEST: Final = """
SELECT r.request_id, r.at, t.id AS team, p.id AS project, u.id AS "user", k.id AS key_id, r.wire, r.use_case,
    r.pipeline, r.model, r.deployment, r.policy_version, r.outcome, r.code, r.status, r.attempts, r.input_tokens,
    r.output_tokens, r.cost_nano, r.latency_us, r.own_us, r.steps
FROM requests r
LEFT JOIN teams t USING (team_key)
LEFT JOIN projects p USING (project_key)
LEFT JOIN users u USING (user_key)
LEFT JOIN virtual_keys k USING (virtual_key)
WHERE r.request_id = %(request_id)s::uuid AND (%(team)s::text IS NULL OR t.id = %(team)s)
  AND (%(key_id)s::text IS NULL OR k.id = %(key_id)s)
"""

_SUMS: Final = """
SELECT CASE GROUPING(p.id, u.id, e.model, e.day) WHEN 7 THEN 'project' WHEN 11 THEN 'user' WHEN 13 THEN 'model'
       WHEN 14 THEN 'day' ELSE 'total' END AS kind,
    coalesce(p.id, u.id, e.model, e.day::text, '') AS name, count(*) AS calls,
    coalesce(sum(e.input_tokens), 0)::bigint AS input_tokens,
    coalesce(sum(e.output_tokens), 0)::bigint AS output_tokens, coalesce(sum(e.cost_nano), 0)::bigint AS spent_nano
FROM (SELECT *, (at AT TIME ZONE 'UTC')::date AS day FROM ledger_entries
      WHERE team_key = %(team_key)s AND at >= %(start)s AND at < %(end)s) e
JOIN projects p USING (project_key)
LEFT JOIN users u USING (user_key)
GROUP BY GROUPING SETS ((p.id), (u.id), (e.model), (e.day), ())
ORDER BY kind, name
"""


class Entry(msgspec.Struct, frozen=True):
    """One model call as it is booked."""

    request_id: UUID
    attempt: int
    at: datetime
    team: str
    project: str
    user: str | None
    key_id: str | None
    use_case: str
    model: str
    deployment: str
    pipeline: str
    purpose: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    cache_write_1h_tokens: int
    audio_input_tokens: int
    audio_output_tokens: int
    tool_requests: int
    cost_nano: int
    basis: str
    outcome: str
    code: str


class RequestRow(msgspec.Struct, frozen=True):
    """One call as it ended, with its steps in order: name, decision, own time in microseconds."""

    request_id: UUID
    at: datetime
    team: str | None
    project: str | None
    user: str | None
    key_id: str | None
    wire: str
    use_case: str
    pipeline: str
    model: str
    deployment: str
    policy_version: int
    outcome: str
    code: str
    status: int
    attempts: int
    input_tokens: int
    output_tokens: int
    cost_nano: int
    latency_us: int
    own_us: int
    steps: tuple[tuple[str, str, int], ...]


class Wanted(msgspec.Struct, frozen=True):
    """Which entries: None leaves a bound out. `before_*` is the last entry of the page before."""

    team: str | None = None
    key_id: str | None = None
    request_id: str | None = None
    since: datetime | None = None
    before_at: datetime | None = None
    before_request: str | None = None
    before_attempt: int | None = None
    limit: int = 100


class Payer(msgspec.Struct, frozen=True):
    """A team as far as a report needs it."""

    team_key: int
    budgets: tuple[Budget, ...] | None
    """None leaves them to the configuration's default for teams."""


class Sum(msgspec.Struct, frozen=True):
    """What one project, user, model or day, or all together, has used and spent."""

    kind: str
    name: str
    calls: int
    input_tokens: int
    output_tokens: int
    spent_nano: int


async def book(connection: Connection, closes: Sequence[AttemptClose]) -> set[tuple[str, int]]:
    """Insert the entries that are not there yet; the request id and attempt of those inserted."""
    cursor = await connection.execute(_BOOK, (json_text([_columns(close) for close in closes]),))
    return {(str(row[0]), row[1]) for row in await cursor.fetchall()}


async def entries(connection: Connection, wanted: Wanted) -> list[Entry]:
    """Entries, newest first."""
    async with connection.cursor(row_factory=struct_row(Entry)) as cursor:
        await cursor.execute(_ENTRIES, msgspec.structs.asdict(wanted))
        return await cursor.fetchall()


async def request(connection: Connection, request_id: str, team: str | None, key_id: str | None) -> RequestRow | None:
    """One call, if it is of this team and key."""
    async with connection.cursor(row_factory=struct_row(RequestRow)) as cursor:
        await cursor.execute(_REQUEST, {"request_id": request_id, "team": team, "key_id": key_id})
        return await cursor.fetchone()


async def payer(connection: Connection, team: str) -> Payer | None:
    """The team of this id."""
    async with connection.cursor(row_factory=struct_row(Payer)) as cursor:
        await cursor.execute("SELECT team_key, budgets FROM teams WHERE id = %s", (team,))
        return await cursor.fetchone()


async def sums(connection: Connection, team_key: int, start: datetime, end: datetime) -> list[Sum]:
    """What a team spent from `start` to before `end`, by project, user, model and day, and in total."""
    async with connection.cursor(row_factory=struct_row(Sum)) as cursor:
        await cursor.execute(_SUMS, {"team_key": team_key, "start": start, "end": end})
        return await cursor.fetchall()


def _columns(close: AttemptClose) -> dict[str, Any]:
    subject, usage = close.subject, close.usage
    return {
        "request_id": close.request_id,
        "attempt": close.attempt,
        "at_ms": close.at_ms,
        "team_key": subject.team,
        "project_key": subject.project,
        "user_key": subject.user,
        "virtual_key": subject.key,
        "use_case": close.use_case,
        "pipeline": close.pipeline,
        "purpose": close.purpose,
        "model": close.model,
        "deployment": close.deployment,
        "policy_version": close.policy_version,
        "cost_nano": close.cost_nano,
        "basis": close.basis,
        "outcome": close.outcome,
        "code": close.code,
        **msgspec.structs.asdict(usage),
    }
