"""The SQL of identity: keys by hash, and the directory of teams, projects, users and keys."""

from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from headgate.domain.money import Budget
from headgate.domain.principal import Limits, Role, ScopeKind
from headgate.identity.change import Change
from headgate.storage.postgres.connecting import Connection
from headgate.storage.postgres.rows import struct_row

CHANNEL: Final = "headgate_identity"
STORE: Final = "store"
"""The origin of a team that no file names."""
DEFAULT_PROJECT: Final = "default"
"""The project that every team has; keys and calls that name none use it."""
MAX_USERS_OF_TEAM: Final = 100_000
"""Users of one team; a caller cannot fill the database with made-up names."""


class KeyRow(msgspec.Struct, frozen=True):
    """A key that is not revoked, with the team, project and user that it belongs to."""

    virtual_key: int
    id: str
    role: Role
    prefix: str
    budgets: tuple[Budget, ...] | None
    limits: Limits | None
    expires_at: datetime | None
    previous: bool
    """Whether the hash is the one before the last rotation."""
    previous_until: datetime | None
    team_key: int | None
    team: str | None
    team_owner: str | None
    team_budgets: tuple[Budget, ...] | None
    team_limits: Limits | None
    team_use_cases: tuple[str, ...] | None
    project: str | None
    user: str | None


class ScopeRow(msgspec.Struct, frozen=True):
    """A project or a user of a team."""

    key: int
    id: str
    budgets: tuple[Budget, ...] | None
    limits: Limits | None
    use_case: str | None = None


async def version(connection: Connection) -> int:
    """The number that grows with every change a cache of identities must notice."""
    cursor = await connection.execute("SELECT version FROM identity_version")
    row = await cursor.fetchone()
    assert row is not None, "the migration puts in the one row"
    return int(row[0])


async def find_key(connection: Connection, digest: bytes) -> KeyRow | None:
    """The key whose present or previous hash is `digest`, unless it is revoked."""
    async with connection.cursor(row_factory=struct_row(KeyRow)) as cursor:
        await cursor.execute(
            """
            SELECT k.virtual_key, k.id, k.role, k.prefix, k.budgets, k.limits, k.expires_at,
                   k.hash <> %(digest)s AS previous, k.previous_until,
                   t.team_key, t.id AS team, t.owner AS team_owner, t.budgets AS team_budgets,
                   t.limits AS team_limits, t.use_cases AS team_use_cases, p.id AS project, u.id AS "user"
            FROM virtual_keys k
            LEFT JOIN teams t USING (team_key)
            LEFT JOIN projects p USING (project_key)
            LEFT JOIN users u USING (user_key)
            WHERE (k.hash = %(digest)s OR k.previous_hash = %(digest)s) AND k.revoked_at IS NULL
            """,
            {"digest": digest},
        )
        return await cursor.fetchone()


async def find_project(connection: Connection, team_key: int, project: str) -> ScopeRow | None:
    """A project of a team."""
    async with connection.cursor(row_factory=struct_row(ScopeRow)) as cursor:
        await cursor.execute(
            "SELECT project_key AS key, id, budgets, limits, use_case FROM projects WHERE team_key = %s AND id = %s",
            (team_key, project),
        )
        return await cursor.fetchone()


async def find_user(connection: Connection, team_key: int, user: str) -> ScopeRow | None:
    """A user of a team, entered at first sight; None where the team has `MAX_USERS_OF_TEAM` already."""
    async with connection.cursor(row_factory=struct_row(ScopeRow)) as cursor:
        select = "SELECT user_key AS key, id, budgets, limits FROM users WHERE team_key = %s AND id = %s"
        await cursor.execute(select, (team_key, user))
        found = await cursor.fetchone()
        if found is not None:
            return found
        await cursor.execute(
            """
            INSERT INTO users (team_key, id, budgets, limits) SELECT %(team)s, %(user)s, 'null', 'null'
            WHERE (SELECT count(*) FROM (SELECT FROM users WHERE team_key = %(team)s LIMIT %(most)s) counted) < %(most)s
            ON CONFLICT DO NOTHING
            """,
            {"team": team_key, "user": user, "most": MAX_USERS_OF_TEAM},
        )
        await cursor.execute(select, (team_key, user))
        return await cursor.fetchone()


class TeamRow(msgspec.Struct, frozen=True):
    """A team."""

    team_key: int
    id: str
    owner: str
    budgets: tuple[Budget, ...] | None
    limits: Limits | None
    use_cases: tuple[str, ...] | None
    origin: str
    created_at: datetime


class PartRow(msgspec.Struct, frozen=True):
    """A project or a user as administration shows it."""

    key: int
    team: str
    id: str
    budgets: tuple[Budget, ...] | None
    limits: Limits | None
    use_case: str | None
    created_at: datetime


class VirtualKeyRow(msgspec.Struct, frozen=True):
    """A key as administration shows it; its text is nowhere."""

    virtual_key: int
    id: str
    prefix: str
    role: Role
    team_key: int | None
    team: str | None
    project: str | None
    user: str | None
    budgets: tuple[Budget, ...] | None
    limits: Limits | None
    expires_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime


class Page(msgspec.Struct, frozen=True):
    """Which part of a list: of one team or of all, of one key or of all, after a row, at most so many."""

    team: str | None = None
    key_id: str | None = None
    after: int = 0
    limit: int = 100


class TeamTerms(msgspec.Struct, frozen=True):
    """What a team shall be; None for budgets or limits leaves them to the configuration's defaults."""

    id: str
    owner: str = ""
    budgets: tuple[Budget, ...] | None = None
    limits: Limits | None = None
    use_cases: tuple[str, ...] | None = None
    origin: str = STORE


class Terms(msgspec.Struct, frozen=True):
    """The budgets, limits and use case of a project or a user; None leaves them to the configuration's defaults."""

    budgets: tuple[Budget, ...] | None = None
    limits: Limits | None = None
    use_case: str | None = None


class NewKeyRow(msgspec.Struct, frozen=True):
    """A key to be stored."""

    id: str
    role: Role
    prefix: str
    hash: bytes
    team_key: int | None = None
    project_key: int | None = None
    user_key: int | None = None
    expires_at: datetime | None = None
    budgets: tuple[Budget, ...] | None = None
    limits: Limits | None = None


async def alone(connection: Connection) -> None:
    """Wait until no other transaction sets up defaults or file teams; held until this one ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtext('headgate directory'))")


async def teams(connection: Connection, page: Page) -> list[TeamRow]:
    """Teams in the order in which they were made."""
    async with connection.cursor(row_factory=struct_row(TeamRow)) as cursor:
        await cursor.execute(
            """
            SELECT team_key, id, owner, budgets, limits, use_cases, origin, created_at FROM teams
            WHERE (%(team)s::text IS NULL OR id = %(team)s) AND team_key > %(after)s
            ORDER BY team_key LIMIT %(limit)s
            """,
            msgspec.structs.asdict(page),
        )
        return await cursor.fetchall()


async def find_team(connection: Connection, team: str) -> TeamRow | None:
    """One team."""
    found = await teams(connection, Page(team=team, limit=1))
    return found[0] if found else None


async def add_team(connection: Connection, row: TeamTerms) -> TeamRow | None:
    """Store a new team with its project `default`; None where its id is taken."""
    cursor = await connection.execute(
        """
        INSERT INTO teams (id, owner, budgets, limits, use_cases, origin)
        VALUES (%(id)s, %(owner)s, %(budgets)s, %(limits)s, %(use_cases)s, %(origin)s)
        ON CONFLICT (id) DO NOTHING RETURNING team_key
        """,
        _team_columns(row),
    )
    added = await cursor.fetchone()
    if added is None:
        return None
    await add_project(connection, added[0], DEFAULT_PROJECT, Terms())
    return await find_team(connection, row.id)


async def change_team(connection: Connection, row: TeamTerms) -> None:
    """Give a team other settings."""
    await connection.execute(
        """
        UPDATE teams SET owner = %(owner)s, budgets = %(budgets)s, limits = %(limits)s, use_cases = %(use_cases)s,
               origin = %(origin)s WHERE id = %(id)s
        """,
        _team_columns(row),
    )


async def change(connection: Connection, scope: ScopeKind, key: int, change: Change) -> None:
    """Give a team, project, user or key, by its number, other settings."""
    table, number = ("virtual_keys", "virtual_key") if scope is ScopeKind.KEY else (f"{scope}s", f"{scope}_key")
    for name, value in msgspec.structs.asdict(change).items():
        if value is not msgspec.UNSET:
            held = _json(value) if name in ("budgets", "limits") else list(value) if isinstance(value, tuple) else value
            statement = SQL("UPDATE {} SET {} = %s WHERE {} = %s").format(*map(Identifier, (table, name, number)))
            await connection.execute(statement, (held, key))


async def release_teams(connection: Connection, teams: list[str]) -> None:
    """Hand teams over from the file to the store."""
    await connection.execute("UPDATE teams SET origin = 'store' WHERE id = ANY(%s)", (teams,))


async def add_project(connection: Connection, team_key: int, project: str, terms: Terms) -> bool:
    """Store a new project; False where the team has one of this id."""
    cursor = await connection.execute(
        """
        INSERT INTO projects (team_key, id, use_case, budgets, limits) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT DO NOTHING
        """,
        (team_key, project, terms.use_case, _json(terms.budgets), _json(terms.limits)),
    )
    return cursor.rowcount == 1


async def add_user(connection: Connection, team_key: int, user: str, terms: Terms) -> bool:
    """Store a new user; False where the team has one of this id."""
    cursor = await connection.execute(
        "INSERT INTO users (team_key, id, budgets, limits) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (team_key, user, _json(terms.budgets), _json(terms.limits)),
    )
    return cursor.rowcount == 1


async def projects(connection: Connection, page: Page, project: str | None = None) -> list[PartRow]:
    """Projects in the order in which they were made; with `project`, only those of this id."""
    async with connection.cursor(row_factory=struct_row(PartRow)) as cursor:
        await cursor.execute(
            """
            SELECT project_key AS key, t.id AS team, p.id, p.budgets, p.limits, p.use_case, p.created_at
            FROM projects p JOIN teams t USING (team_key)
            WHERE (%(team)s::text IS NULL OR t.id = %(team)s) AND (%(id)s::text IS NULL OR p.id = %(id)s)
              AND project_key > %(after)s
            ORDER BY project_key LIMIT %(limit)s
            """,
            {**msgspec.structs.asdict(page), "id": project},
        )
        return await cursor.fetchall()


async def users(connection: Connection, page: Page, user: str | None = None) -> list[PartRow]:
    """Users in the order in which they came; with `user`, only those of this id."""
    async with connection.cursor(row_factory=struct_row(PartRow)) as cursor:
        await cursor.execute(
            """
            SELECT user_key AS key, t.id AS team, u.id, u.budgets, u.limits, NULL AS use_case, u.created_at
            FROM users u JOIN teams t USING (team_key)
            WHERE (%(team)s::text IS NULL OR t.id = %(team)s) AND (%(id)s::text IS NULL OR u.id = %(id)s)
              AND user_key > %(after)s
            ORDER BY user_key LIMIT %(limit)s
            """,
            {**msgspec.structs.asdict(page), "id": user},
        )
        return await cursor.fetchall()


async def virtual_keys(connection: Connection, page: Page) -> list[VirtualKeyRow]:
    """Keys in the order in which they were made, revoked ones too."""
    async with connection.cursor(row_factory=struct_row(VirtualKeyRow)) as cursor:
        await cursor.execute(
            """
            SELECT k.virtual_key, k.id, k.prefix, k.role, k.team_key, t.id AS team, p.id AS project, u.id AS "user",
                   k.budgets, k.limits, k.expires_at, k.revoked_at, k.created_at
            FROM virtual_keys k
            LEFT JOIN teams t USING (team_key)
            LEFT JOIN projects p USING (project_key)
            LEFT JOIN users u USING (user_key)
            WHERE (%(team)s::text IS NULL OR t.id = %(team)s) AND (%(key_id)s::text IS NULL OR k.id = %(key_id)s)
              AND k.virtual_key > %(after)s
            ORDER BY k.virtual_key LIMIT %(limit)s
            """,
            msgspec.structs.asdict(page),
        )
        return await cursor.fetchall()


async def add_key(connection: Connection, row: NewKeyRow) -> None:
    """Store a new key."""
    await connection.execute(
        """
        INSERT INTO virtual_keys (id, role, prefix, hash, team_key, project_key, user_key, expires_at, budgets, limits)
        VALUES (%(id)s, %(role)s, %(prefix)s, %(hash)s, %(team_key)s, %(project_key)s, %(user_key)s, %(expires_at)s,
                %(budgets)s, %(limits)s)
        """,
        {**msgspec.structs.asdict(row), "budgets": _json(row.budgets), "limits": _json(row.limits)},
    )


async def rotate_key(connection: Connection, key_id: str, prefix: str, digest: bytes, until: datetime) -> None:
    """Give a key another hash; the present one works until `until`."""
    await connection.execute(
        """
        UPDATE virtual_keys SET previous_hash = hash, previous_until = %s, hash = %s, prefix = %s WHERE id = %s
        """,
        (until, digest, prefix, key_id),
    )


async def revoke_key(connection: Connection, key_id: str) -> None:
    """Revoke a key, if it is not."""
    await connection.execute(
        "UPDATE virtual_keys SET revoked_at = now() WHERE id = %s AND revoked_at IS NULL", (key_id,)
    )


async def replace_hash(connection: Connection, key_id: str, digest: bytes) -> bool:
    """Give a key another hash and no other; False where there is no such key or the hash is its own."""
    cursor = await connection.execute(
        "UPDATE virtual_keys SET hash = %(hash)s, revoked_at = NULL WHERE id = %(id)s AND hash <> %(hash)s",
        {"id": key_id, "hash": digest},
    )
    return cursor.rowcount == 1


async def roles_held(connection: Connection) -> set[str]:
    """The roles for which there is a key, revoked or not."""
    cursor = await connection.execute("SELECT DISTINCT role FROM virtual_keys")
    return {row[0] for row in await cursor.fetchall()}


def _json(value: tuple[Budget, ...] | Limits | None) -> Jsonb:
    """A column's value; JSON's null says nothing, where an empty list says that there is no budget."""
    return Jsonb(msgspec.to_builtins(value))


def _team_columns(row: TeamTerms) -> dict[str, Any]:
    return {
        "id": row.id,
        "owner": row.owner,
        "budgets": _json(row.budgets),
        "limits": _json(row.limits),
        "use_cases": None if row.use_cases is None else list(row.use_cases),
        "origin": row.origin,
    }
