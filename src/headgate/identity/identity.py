"""Who calls: from a credential to a principal, in a dictionary look-up once the key has been seen."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from headgate.domain.call import Call
from headgate.domain.policy import Settings
from headgate.domain.principal import Principal, ScopeKind
from headgate.domain.refusal import Refusal
from headgate.identity import founding, keys, store
from headgate.identity.callers import Caller, Defaults, Scope, caller, scope
from headgate.identity.directory import Directory
from headgate.identity.founding import FirstKeys, Synced
from headgate.identity.freshness import Freshness, IdentityState
from headgate.identity.memory import Memory
from headgate.journal.record import Record
from headgate.journal.records import Admin
from headgate.kit.clock import Clock
from headgate.storage.postgres.database import Database

MAX_KEYS: Final = 10_000
"""Keys remembered by a worker."""
MAX_SCOPES: Final = 20_000
"""Projects, and as many users, remembered by a worker."""


class Identity:
    """Tells callers apart, and holds the directory of teams, projects, users and keys.

    Args:
        append: appends one ADMIN record to the journal; raises Refusal where it cannot.
    """

    def __init__(self, database: Database, clock: Clock, append: Callable[[Admin], None]) -> None:
        self._database = database
        self._clock = clock
        self._append = append
        self._freshness = Freshness(database, clock)
        self._callers: Memory[bytes, Caller] = Memory(self._read_caller, self._freshness, MAX_KEYS)
        self._projects: Memory[tuple[int, str, str], Scope] = Memory(self._read_project, self._freshness, MAX_SCOPES)
        self._users: Memory[tuple[int, str, str], Scope] = Memory(self._read_user, self._freshness, MAX_SCOPES)
        self._defaults = Defaults()
        self.directory = Directory(database, clock, append)

    async def start(self) -> None:
        """Follow changes of identities from now on."""
        await self._freshness.start()

    async def stop(self) -> None:
        """Follow changes no longer."""
        await self._freshness.stop()

    async def ensure_defaults(self, admin_key: str = "", *, show: bool = True) -> FirstKeys:
        """Make the default team and the first keys, once; see `founding.ensure_defaults`.

        Raises:
            ValueError: `admin_key` cannot be a key.
            DatabaseAway: nothing was made.
        """
        return await founding.ensure_defaults(self._database, self._clock, self._append, admin_key, show=show)

    async def apply(self, settings: Settings) -> Synced:
        """Put a configuration's teams in force, and its defaults in this worker; what was remembered is read anew.

        Raises:
            DatabaseAway: nothing was changed.
        """
        synced = await founding.sync_teams(self._database, self._clock, self._append, settings.teams)
        self._defaults = Defaults(team=settings.team_defaults, user=settings.user_defaults)
        self._freshness.renew()
        return synced

    @property
    def state(self) -> IdentityState:
        """How far callers can be told apart at the moment."""
        return self._freshness.state

    async def authenticate(self, record: Record) -> Principal:
        """The principal of a model call, in the project and for the user that the call names.

        `record.principal` is the key's own as soon as the key is known, so that what follows is refused under it.

        Raises:
            Refusal: `missing_credentials`, `invalid_key`, `expired_token`, `wrong_team`, `not_permitted`,
                `not_ready` (the database is away).
        """
        call = record.call
        found = await self._caller(call.credential, call.at_ms)
        record.principal = principal = found.principal
        if principal.subject is None:
            raise Refusal(
                "not_permitted",
                f"A {principal.role} key administers only; make model calls with a member or team-admin key.",
                details={"scope": f"role {principal.role}"},
            )
        if call.team is not None and call.team != principal.team:
            raise Refusal(
                "wrong_team",
                f"The key belongs to team '{principal.team}', not to '{call.team}'; leave the team out or use its key.",
                param="team_id",
            )
        if not call.project and not call.user:
            return principal
        return await self._choose(found, call)

    async def identify(self, credential: str | None, at_ms: int) -> Principal:
        """The principal of a key, whatever its role; `at_ms` is the wall time of the call.

        Raises:
            Refusal: `missing_credentials`, `invalid_key`, `expired_token`, `not_ready`.
        """
        return (await self._caller(credential, at_ms)).principal

    async def _caller(self, credential: str | None, at_ms: int) -> Caller:
        if not credential:
            raise Refusal(
                "missing_credentials",
                "The request carries no key; send it as 'Authorization: Bearer <key>' or in 'x-api-key'.",
            )
        digest = keys.digest(credential)
        found = self._callers.fresh(digest)
        if found is None:
            found = await self._callers.find(digest) if keys.well_formed(credential) else None
            if found is None:
                raise Refusal(
                    "invalid_key", "The key is unknown or was revoked; check that it is whole, or ask for a new one."
                )
        if at_ms >= found.expires_ms:
            raise _expired(found)
        return found

    async def _choose(self, found: Caller, call: Call) -> Principal:
        principal, project, user = found.principal, found.project, found.user
        assert principal.subject is not None, "only a team's key chooses projects and users"
        assert project is not None, "a team's key always has a project"
        team_key, owner = principal.subject.team, found.owner
        if call.project and call.project != project.id:
            if found.own_project:
                raise _bound(f"project '{project.id}'", "X-Headgate-Project")
            asked = (team_key, call.project, owner)
            chosen = self._projects.fresh(asked) or await self._projects.find(asked)
            if chosen is None:
                raise Refusal(
                    "not_permitted",
                    f"Team '{principal.team}' has no project '{call.project}'; have it created or leave it out.",
                    param="X-Headgate-Project",
                )
            project = chosen
        if call.user and (user is None or call.user != user.id):
            if user is not None:
                raise _bound(f"user '{user.id}'", "X-Headgate-User")
            user = await self._user(principal.team, (team_key, call.user, owner))
        return found.principal_for(project, user)

    async def _user(self, team: str, asked: tuple[int, str, str]) -> Scope:
        found = self._users.fresh(asked)
        if found is not None:
            return found
        found = await self._users.find(asked)
        if found is None:
            raise Refusal(
                "not_permitted",
                f"Team '{team}' has {store.MAX_USERS_OF_TEAM:,} users already; name one of them or leave the user out.",
                param="X-Headgate-User",
            )
        return found

    async def _read_caller(self, digest: bytes) -> Caller | None:
        async with self._database.system() as connection:
            row = await store.find_key(connection, digest)
            if row is None:
                return None
            if row.team_key is None:
                return caller(row, None, None, self._defaults)
            project = await store.find_project(connection, row.team_key, row.project or store.DEFAULT_PROJECT)
            user = await store.find_user(connection, row.team_key, row.user) if row.user else None
            return caller(row, project, user, self._defaults)

    async def _read_project(self, asked: tuple[int, str, str]) -> Scope | None:
        async with self._database.system() as connection:
            row = await store.find_project(connection, asked[0], asked[1])
        return scope(ScopeKind.PROJECT, row, asked[2]) if row else None

    async def _read_user(self, asked: tuple[int, str, str]) -> Scope | None:
        async with self._database.system() as connection:
            row = await store.find_user(connection, asked[0], asked[1])
        return scope(ScopeKind.USER, row, asked[2], self._defaults.user) if row else None


def _expired(found: Caller) -> Refusal:
    at = datetime.fromtimestamp(found.expires_ms / 1000, UTC).isoformat(timespec="seconds")
    if found.rotated:
        sentence = f"The key {found.prefix}... was rotated and its overlap ended at {at}; use the new key."
    else:
        sentence = f"The key {found.prefix}... expired at {at}; ask for a new one."
    return Refusal("expired_token", sentence)


def _bound(what: str, header: str) -> Refusal:
    return Refusal(
        "not_permitted", f"The key belongs to {what} and may name no other; leave {header} out.", param=header
    )
