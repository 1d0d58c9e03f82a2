"""The directory of teams, projects, users and keys: a change is permitted by role, stored, and journalled."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from headgate.domain.money import Budget
from headgate.domain.principal import Limits, Principal, Role, ScopeKind
from headgate.domain.refusal import Refusal
from headgate.identity import keys, roles, store
from headgate.identity.change import Change
from headgate.identity.founding import ENVIRONMENT_KEY
from headgate.identity.store import STORE, Page, PartRow, TeamRow, TeamTerms, Terms, VirtualKeyRow
from headgate.journal.records import Admin
from headgate.kit.clock import Clock
from headgate.kit.ids import random_base62
from headgate.storage.postgres.connecting import Connection
from headgate.storage.postgres.database import Database

MAX_OVERLAP_MS: Final = 30 * 86_400_000
"""How long a rotated key may go on working at most: 30 days."""


class Actor(msgspec.Struct, frozen=True):
    """Who administers, in which HTTP exchange."""

    principal: Principal
    request_id: str


class NewVirtualKey(msgspec.Struct, frozen=True):
    """What a key shall be; without a team it is the platform's own, without a project it may name any of its team."""

    team: str | None = None
    project: str | None = None
    user: str | None = None
    role: Role = Role.MEMBER
    expires_in_ms: int | None = None
    budgets: tuple[Budget, ...] | None = None
    limits: Limits | None = None


class Directory:
    """Administers teams, projects, users and keys.

    Every operation raises Refusal: `not_permitted` by role, `not_found` for what is not there and, in the same words,
    for what belongs to another team; and DatabaseAway.

    Args:
        append: appends one ADMIN record to the journal; raises Refusal where it cannot.
    """

    def __init__(self, database: Database, clock: Clock, append: Callable[[Admin], None]) -> None:
        self._database = database
        self._clock = clock
        self._append = append

    async def create_team(self, actor: Actor, new: TeamTerms) -> TeamRow:
        """Make a team with its project `default`; `conflict` where its id is taken, saying by which file and line."""
        roles.reach(actor.principal, "create_team")
        async with self._database.system() as connection:
            added = await store.add_team(connection, new)
            if added is None:
                found = await store.find_team(connection, new.id)
                assert found is not None, "an id is taken by the team that has it"
                raise _taken(found)
            self._journal(actor, added.team_key, "create_team", f"teams/{new.id}")
            return added

    async def change_team(self, actor: Actor, team: str, change: Callable[[TeamRow], Change]) -> TeamRow:
        """Give a team of the store other settings; `conflict` where a file names it, saying by which file and line.

        Args:
            actor: who does it.
            team: the team's id.
            change: from the team as it stands to what becomes of it.
        """
        roles.reach(actor.principal, "change_team")
        async with self._database.system() as connection:
            row = await _team(connection, actor.principal, team)
            if row.origin != STORE:
                raise _taken(row)
            await self._change(
                connection, actor, (ScopeKind.TEAM, row.team_key, row.team_key, f"teams/{team}"), change(row)
            )
            return await _team(connection, actor.principal, team)

    async def list_teams(self, actor: Actor, page: Page) -> list[TeamRow]:
        """Teams in the order in which they were made."""
        page = _within(actor.principal, "list_teams", page)
        async with self._database.system() as connection:
            return await store.teams(connection, page)

    async def show_team(self, actor: Actor, team: str) -> TeamRow:
        """One team."""
        roles.reach(actor.principal, "show_team")
        async with self._database.system() as connection:
            return await _team(connection, actor.principal, team)

    async def create_project(self, actor: Actor, team: str, project: str, terms: Terms) -> PartRow:
        """Make a project of a team; `conflict` where the team has one of this id."""
        roles.reach(actor.principal, "create_project")
        async with self._database.system() as connection:
            owner = await _team(connection, actor.principal, team)
            if not await store.add_project(connection, owner.team_key, project, terms):
                raise Refusal("conflict", f"Team '{team}' has a project '{project}' already.", param="id")
            self._journal(actor, owner.team_key, "create_project", f"projects/{team}/{project}")
            return (await store.projects(connection, Page(team=team, limit=1), project))[0]

    async def change_project(
        self, actor: Actor, team: str, project: str, change: Callable[[PartRow], Change]
    ) -> PartRow:
        """Give a project other settings."""
        roles.reach(actor.principal, "change_project")
        async with self._database.system() as connection:
            owner = await _team(connection, actor.principal, team)
            found = await store.projects(connection, Page(team=team, limit=1), project)
            if not found:
                raise Refusal("not_found", f"There is no project '{project}' in this team.", param="project")
            part = (ScopeKind.PROJECT, found[0].key, owner.team_key, f"projects/{team}/{project}")
            await self._change(connection, actor, part, change(found[0]))
            return (await store.projects(connection, Page(team=team, limit=1), project))[0]

    async def list_projects(self, actor: Actor, page: Page) -> list[PartRow]:
        """Projects in the order in which they were made."""
        page = _within(actor.principal, "list_projects", page)
        async with self._database.system() as connection:
            await _known(connection, page)
            return await store.projects(connection, page)

    async def create_user(self, actor: Actor, team: str, user: str, terms: Terms) -> PartRow:
        """Make a user of a team before the first call; `conflict` where the team has one of this id."""
        roles.reach(actor.principal, "create_user")
        async with self._database.system() as connection:
            owner = await _team(connection, actor.principal, team)
            if not await store.add_user(connection, owner.team_key, user, terms):
                raise Refusal("conflict", f"Team '{team}' has a user '{user}' already.", param="id")
            row = (await store.users(connection, Page(team=team, limit=1), user))[0]
            self._journal(actor, owner.team_key, "create_user", f"users/{row.key}")
            return row

    async def change_user(self, actor: Actor, team: str, user: str, change: Callable[[PartRow], Change]) -> PartRow:
        """Give a user other settings."""
        roles.reach(actor.principal, "change_user")
        async with self._database.system() as connection:
            owner = await _team(connection, actor.principal, team)
            found = await store.users(connection, Page(team=team, limit=1), user)
            if not found:
                raise Refusal("not_found", "There is no such user in this team.", param="user")
            part = (ScopeKind.USER, found[0].key, owner.team_key, f"users/{found[0].key}")
            await self._change(connection, actor, part, change(found[0]))
            return (await store.users(connection, Page(team=team, limit=1), user))[0]

    async def list_users(self, actor: Actor, page: Page) -> list[PartRow]:
        """Users in the order in which they came."""
        page = _within(actor.principal, "list_users", page)
        async with self._database.system() as connection:
            await _known(connection, page)
            return await store.users(connection, page)

    async def create_key(self, actor: Actor, new: NewVirtualKey) -> tuple[VirtualKeyRow, str]:
        """Make a key; its text is given this once. A user that is not there yet is entered."""
        roles.reach(actor.principal, "create_key")
        made = keys.new_key()
        async with self._database.system() as connection:
            row = await self._key_row(connection, actor.principal, new, made)
            await store.add_key(connection, row)
            self._journal(actor, row.team_key, "create_key", f"keys/{row.id}")
            return await _key(connection, actor.principal, row.id), made.text

    async def list_keys(self, actor: Actor, page: Page) -> list[VirtualKeyRow]:
        """Keys in the order in which they were made, revoked ones too; a member sees its own."""
        page = _within(actor.principal, "list_keys", page)
        async with self._database.system() as connection:
            await _known(connection, page)
            return await store.virtual_keys(connection, page)

    async def change_key(self, actor: Actor, key_id: str, change: Callable[[VirtualKeyRow], Change]) -> VirtualKeyRow:
        """Give a key other budgets and limits; its text stays."""
        roles.reach(actor.principal, "change_key")
        async with self._database.system() as connection:
            row = await _key(connection, actor.principal, key_id)
            await self._change(
                connection, actor, (ScopeKind.KEY, row.virtual_key, row.team_key, f"keys/{key_id}"), change(row)
            )
            return await _key(connection, actor.principal, key_id)

    async def rotate_key(self, actor: Actor, key_id: str, overlap_ms: int) -> tuple[VirtualKeyRow, str]:
        """Give a key a new text, shown this once; the old one works for `overlap_ms` milliseconds more."""
        roles.reach(actor.principal, "rotate_key")
        if not 0 <= overlap_ms <= MAX_OVERLAP_MS:
            raise Refusal("invalid_parameter", "An overlap is between 0s and 30d.", param="overlap")
        made = keys.new_key()
        async with self._database.system() as connection:
            row = await _key(connection, actor.principal, key_id)
            if row.revoked_at is not None:
                raise Refusal("conflict", f"The key '{key_id}' is revoked; create a new one.")
            if key_id == ENVIRONMENT_KEY:
                raise Refusal("conflict", "This key is set by HEADGATE_ADMIN_KEY; change it there and restart.")
            until = self._now() + timedelta(milliseconds=overlap_ms)
            await store.rotate_key(connection, key_id, made.prefix, made.digest, until)
            self._journal(actor, row.team_key, "rotate_key", f"keys/{key_id}")
            return await _key(connection, actor.principal, key_id), made.text

    async def revoke_key(self, actor: Actor, key_id: str) -> VirtualKeyRow:
        """Revoke a key, within a second everywhere; a revoked key stays revoked."""
        roles.reach(actor.principal, "revoke_key")
        async with self._database.system() as connection:
            row = await _key(connection, actor.principal, key_id)
            if row.revoked_at is None:
                await store.revoke_key(connection, key_id)
                self._journal(actor, row.team_key, "revoke_key", f"keys/{key_id}")
            return await _key(connection, actor.principal, key_id)

    async def _key_row(
        self, connection: Connection, principal: Principal, new: NewVirtualKey, made: keys.NewKey
    ) -> store.NewKeyRow:
        expires = None if new.expires_in_ms is None else self._now() + timedelta(milliseconds=new.expires_in_ms)
        plain = store.NewKeyRow(
            id="key_" + random_base62(16),
            role=new.role,
            prefix=made.prefix,
            hash=made.digest,
            expires_at=expires,
            budgets=new.budgets,
            limits=new.limits,
        )
        _check_role(principal, new)
        if new.team is None:
            return plain
        team = await _team(connection, principal, new.team)
        project_key = user_key = None
        if new.project is not None:
            project = await store.find_project(connection, team.team_key, new.project)
            if project is None:
                raise Refusal("not_found", f"There is no project '{new.project}' in this team.", param="project")
            project_key = project.key
        if new.user is not None:
            user = await store.find_user(connection, team.team_key, new.user)
            if user is None:
                raise Refusal("conflict", f"Team '{new.team}' has as many users as a team may have.", param="user")
            user_key = user.key
        return msgspec.structs.replace(plain, team_key=team.team_key, project_key=project_key, user_key=user_key)

    async def _change(
        self, connection: Connection, actor: Actor, part: tuple[ScopeKind, int, int | None, str], change: Change
    ) -> None:
        """Change one scope: its kind, its number, its team's number, and its name in the journal."""
        kind, number, team_key, resource = part
        await store.change(connection, kind, number, change)
        self._journal(actor, team_key, f"change_{kind}", resource)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)

    def _journal(self, actor: Actor, team_key: int | None, action: str, resource: str) -> None:
        """Appended inside the transaction: an act that cannot be journalled is not done."""
        self._append(Admin(actor.request_id, self._clock.now_ms(), actor.principal.key_id, team_key, action, resource))


def _check_role(principal: Principal, new: NewVirtualKey) -> None:
    """A key without a team is a platform-admin's or an auditor's, and only a platform-admin makes one."""
    if new.team is None:
        if principal.role is not Role.PLATFORM_ADMIN:
            raise Refusal("not_permitted", "Only a platform-admin makes keys of the platform; name a team.")
        if new.role not in (Role.PLATFORM_ADMIN, Role.AUDITOR) or new.project is not None or new.user is not None:
            raise Refusal("invalid_parameter", f"A {new.role} key belongs to a team; name it.", param="team")
    elif new.role is Role.PLATFORM_ADMIN:
        raise Refusal("invalid_parameter", "A platform-admin key belongs to no team; leave it out.", param="team")


def _within(principal: Principal, action: str, page: Page) -> Page:
    """`page` narrowed to what the principal may see."""
    sight = roles.sight(principal, action, page.team)
    return msgspec.structs.replace(page, team=sight.team, key_id=sight.key_id)


async def _known(connection: Connection, page: Page) -> None:
    if page.team is not None and await store.find_team(connection, page.team) is None:
        raise roles.no_team(page.team)


async def _team(connection: Connection, principal: Principal, team: str) -> TeamRow:
    found = await store.find_team(connection, team)
    if found is None or (principal.team and principal.team != team):
        raise roles.no_team(team)
    return found


async def _key(connection: Connection, principal: Principal, key_id: str) -> VirtualKeyRow:
    found = await store.virtual_keys(connection, Page(key_id=key_id, limit=1))
    if not found or (principal.team and principal.team != found[0].team):
        raise Refusal("not_found", f"There is no key '{key_id}'.")
    return found[0]


def _taken(found: TeamRow) -> Refusal:
    if found.origin == STORE:
        return Refusal("conflict", f"There is a team '{found.id}' already.", param="id")
    return Refusal(
        "conflict",
        f"The team '{found.id}' is named in {found.origin} and is read-only here; change it there.",
        param="id",
        details={"owner": found.owner or None, "origin": found.origin},
    )
