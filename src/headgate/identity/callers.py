"""From rows to principals: who a key stands for, with the allowances of every scope that binds it."""

from typing import Final

import msgspec

from headgate.domain.policy import ScopeDefaults
from headgate.domain.principal import Allowance, Limits, Principal, Role, ScopeKind, Subject
from headgate.identity.store import KeyRow, ScopeRow

NEVER_MS: Final = 1 << 62
UNLIMITED: Final = Limits()
NO_DEFAULTS: Final = ScopeDefaults()


class Defaults(msgspec.Struct, frozen=True):
    """Budgets and limits of teams and of users that have none of their own."""

    team: ScopeDefaults = NO_DEFAULTS
    user: ScopeDefaults = NO_DEFAULTS


class Scope(msgspec.Struct, frozen=True):
    """A project or a user as a call needs it."""

    key: int
    id: str
    allowance: Allowance | None
    use_case: str | None = None


class Caller(msgspec.Struct, frozen=True):
    """A key as it is remembered, and the principal it stands for where a call names neither project nor user."""

    principal: Principal
    expires_ms: int
    rotated: bool
    """Whether this is the key before the last rotation, which works until `expires_ms`."""
    prefix: str
    project: Scope | None
    user: Scope | None
    own_project: bool
    """Whether the key belongs to its project and may choose no other."""
    owner: str
    of_team: Allowance | None
    of_key: Allowance | None

    def principal_for(self, project: Scope, user: Scope | None) -> Principal:
        """The principal of a call in `project` by `user`."""
        base, subject = self.principal, self.principal.subject
        assert subject is not None, "only a team's key chooses projects and users"
        scopes = (self.of_team, project.allowance, user.allowance if user else None, self.of_key)
        return Principal(
            role=base.role,
            team=base.team,
            project=project.id,
            user=user.id if user else "",
            key_id=base.key_id,
            subject=Subject(subject.team, project.key, user.key if user else None, subject.key),
            allowances=tuple(scope for scope in scopes if scope is not None),
            use_cases=base.use_cases,
            project_use_case=project.use_case,
        )


def caller(row: KeyRow, project: ScopeRow | None, user: ScopeRow | None, defaults: Defaults) -> Caller:
    """The caller that a key's rows describe."""
    owner = row.team_owner or ""
    plain = Principal(
        role=row.role,
        team=row.team or "",
        project=project.id if project else "",
        user="",
        key_id=row.id,
        subject=None,
        allowances=(),
        use_cases=row.team_use_cases,
    )
    of_project = scope(ScopeKind.PROJECT, project, owner) if project else None
    of_team = None
    if row.team_key is not None and row.team is not None:
        team = ScopeRow(row.team_key, row.team, row.team_budgets, row.team_limits)
        of_team = scope(ScopeKind.TEAM, team, owner, defaults.team).allowance
    key = ScopeRow(row.virtual_key, row.id, row.budgets, row.limits)
    found = Caller(
        principal=plain,
        expires_ms=_expires_ms(row),
        rotated=row.previous,
        prefix=row.prefix,
        project=of_project,
        user=scope(ScopeKind.USER, user, owner, defaults.user) if user else None,
        own_project=row.project is not None,
        owner=owner,
        of_team=of_team,
        of_key=scope(ScopeKind.KEY, key, owner).allowance,
    )
    if row.team_key is None or of_project is None or row.role in (Role.PLATFORM_ADMIN, Role.AUDITOR):
        return found
    booked = msgspec.structs.replace(plain, subject=Subject(row.team_key, of_project.key, None, row.virtual_key))
    found = msgspec.structs.replace(found, principal=booked)
    return msgspec.structs.replace(found, principal=found.principal_for(of_project, found.user))


def scope(kind: ScopeKind, row: ScopeRow, owner: str, defaults: ScopeDefaults = NO_DEFAULTS) -> Scope:
    """A scope from its row; what it says nothing about is said by `defaults`."""
    budgets = defaults.budgets if row.budgets is None else row.budgets
    limits = defaults.limits if row.limits is None else row.limits
    allowance = None
    if budgets or limits != UNLIMITED:
        allowance = Allowance(kind=kind, key=row.key, name=row.id, limits=limits, budgets=budgets, owner=owner)
    return Scope(key=row.key, id=row.id, allowance=allowance, use_case=row.use_case)


def _expires_ms(row: KeyRow) -> int:
    ends = [row.expires_at, row.previous_until if row.previous else None]
    return min((int(end.timestamp() * 1000) for end in ends if end is not None), default=NEVER_MS)
