"""What has to be there before the first call: the default team, the first keys, and the teams that a file names."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from headgate.domain.policy import TeamSettings
from headgate.domain.principal import Role
from headgate.identity import keys, store
from headgate.identity.store import STORE, TeamTerms
from headgate.journal.records import Admin
from headgate.kit.clock import Clock
from headgate.kit.ids import random_base62, uuid7
from headgate.storage.postgres.connecting import Connection
from headgate.storage.postgres.database import Database

DEFAULT_TEAM: Final = "default"
ENVIRONMENT_KEY: Final = "key_environment"
"""The id of the platform-admin key that HEADGATE_ADMIN_KEY sets."""
ITSELF: Final = "headgate"
"""The actor of what the platform does on its own account."""
MIN_GIVEN_CHARACTERS: Final = 8
_ALL: Final = 1_000_000


class FirstKeys(msgspec.Struct, frozen=True):
    """Keys that were just made, in clear; None where there was nothing to make."""

    development: str | None
    admin: str | None
    withheld: bool = False
    """Whether keys are missing and none were made, because nobody would see them."""


class Synced(msgspec.Struct, frozen=True):
    """The ids of teams that a configuration brought, changed, and let go."""

    created: tuple[str, ...]
    changed: tuple[str, ...]
    released: tuple[str, ...]


async def ensure_defaults(
    database: Database, clock: Clock, append: Callable[[Admin], None], admin_key: str, *, show: bool = True
) -> FirstKeys:
    """Make what the first start makes; a later one changes nothing but the given key.

    The store gets the team `default`, and, where it holds no key at all, a development key (role member) for it. A
    given `admin_key` becomes the one platform-admin key of that origin, in place of the one given before; without it
    a platform-admin key is generated where the store has none.

    Args:
        admin_key: the text of HEADGATE_ADMIN_KEY; empty where it is not set.
        show: whether somebody will see generated keys; if not, none are generated.

    Raises:
        ValueError: `admin_key` cannot be a key.
        DatabaseAway: nothing was made.
    """
    if admin_key:
        _check_given(admin_key)
    async with database.system() as connection:
        await store.alone(connection)
        acts: list[tuple[int | None, str]] = []
        held = await store.roles_held(connection)
        development = None
        if await store.find_team(connection, DEFAULT_TEAM) is None:
            await store.add_team(connection, TeamTerms(DEFAULT_TEAM))
        if not held and show:
            team = await store.find_team(connection, DEFAULT_TEAM)
            assert team is not None, "it was just made"
            development, key_id = await _add_key(connection, Role.MEMBER, team.team_key)
            acts.append((team.team_key, key_id))
        admin = None
        if admin_key:
            if await _give(connection, admin_key):
                acts.append((None, ENVIRONMENT_KEY))
        elif Role.PLATFORM_ADMIN not in held and show:
            admin, key_id = await _add_key(connection, Role.PLATFORM_ADMIN, None)
            acts.append((None, key_id))
        for team_key, key_id in acts:
            now_ms = clock.now_ms()
            append(Admin(uuid7(now_ms), now_ms, ITSELF, team_key, "create_key", f"keys/{key_id}"))
    withheld = not show and not admin_key and Role.PLATFORM_ADMIN not in held
    return FirstKeys(development, admin, withheld)


async def sync_teams(
    database: Database, clock: Clock, append: Callable[[Admin], None], teams: Sequence[TeamSettings]
) -> Synced:
    """Make the store's teams of file origin equal to `teams`; a team of the store that a file now names is the file's.

    A team that left the file keeps its settings and is the store's from then on: taking a line out neither cuts
    callers off nor lifts a limit. It ends when its keys are revoked.

    Raises:
        DatabaseAway: nothing was changed.
    """
    wanted = {team.id: TeamTerms(**msgspec.structs.asdict(team)) for team in teams}
    created: list[str] = []
    changed: list[str] = []
    async with database.system() as connection:
        await store.alone(connection)
        present = {row.id: row for row in await store.teams(connection, store.Page(limit=_ALL))}
        for team in wanted.values():
            row = present.get(team.id)
            if row is None:
                await store.add_team(connection, team)
                created.append(team.id)
            elif _settings(row) != team:
                await store.change_team(connection, team)
                changed.append(team.id)
        released = [row.id for row in present.values() if row.origin != STORE and row.id not in wanted]
        if released:
            await store.release_teams(connection, released)
        keyed = {row.id: row.team_key for row in await store.teams(connection, store.Page(limit=_ALL))}
        for action, ids in (("create_team", created), ("change_team", changed), ("release_team", released)):
            for team_id in ids:
                now_ms = clock.now_ms()
                append(Admin(uuid7(now_ms), now_ms, ITSELF, keyed[team_id], action, f"teams/{team_id}"))
    return Synced(tuple(created), tuple(changed), tuple(released))


def _settings(row: store.TeamRow) -> TeamTerms:
    return TeamTerms(row.id, row.owner, row.budgets, row.limits, row.use_cases, row.origin)


def _check_given(admin_key: str) -> None:
    if len(admin_key) < MIN_GIVEN_CHARACTERS:
        raise ValueError(f"HEADGATE_ADMIN_KEY has fewer than {MIN_GIVEN_CHARACTERS} characters; choose a longer one")
    if not keys.well_formed(admin_key):
        raise ValueError(
            "HEADGATE_ADMIN_KEY looks like a Headgate key but its checksum is wrong; copy it whole, "
            "or choose text that does not begin with hg_"
        )


async def _give(connection: Connection, admin_key: str) -> bool:
    """Make the given text the environment's key; whether anything changed."""
    digest = keys.digest(admin_key)
    if await store.find_key(connection, digest) is not None:
        return False
    if await store.virtual_keys(connection, store.Page(key_id=ENVIRONMENT_KEY, limit=1)):
        return await store.replace_hash(connection, ENVIRONMENT_KEY, digest)
    row = store.NewKeyRow(ENVIRONMENT_KEY, Role.PLATFORM_ADMIN, "HEADGATE_ADMIN_KEY", digest)
    await store.add_key(connection, row)
    return True


async def _add_key(connection: Connection, role: Role, team_key: int | None) -> tuple[str, str]:
    made = keys.new_key()
    row = store.NewKeyRow("key_" + random_base62(16), role, made.prefix, made.digest, team_key)
    await store.add_key(connection, row)
    return made.text, row.id
