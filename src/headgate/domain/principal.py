"""The authenticated caller and what was granted to it."""

from enum import StrEnum

import msgspec

from headgate.domain.money import Budget


class Role(StrEnum):
    """What a principal may do."""

    PLATFORM_ADMIN = "platform-admin"
    TEAM_ADMIN = "team-admin"
    MEMBER = "member"
    AUDITOR = "auditor"


class ScopeKind(StrEnum):
    """Whom a limit or a budget binds, from the widest to the narrowest."""

    TEAM = "team"
    PROJECT = "project"
    USER = "user"
    KEY = "key"


class Limits(msgspec.Struct, frozen=True):
    """Rates for one scope; None is no limit. `burst_*` default to one minute's allowance."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    parallel: int | None = None


class Allowance(msgspec.Struct, frozen=True):
    """The limits and budgets of one scope of a principal, and who set them."""

    kind: ScopeKind
    key: int
    """The scope's integer key."""
    name: str
    """The scope's public id, for refusals."""
    limits: Limits
    budgets: tuple[Budget, ...]
    owner: str = ""


class Subject(msgspec.Struct, frozen=True, array_like=True):
    """The integer keys under which a call is booked; the journal holds no names."""

    team: int
    project: int
    user: int | None
    key: int | None


class Principal(msgspec.Struct, frozen=True):
    """An authenticated caller. `subject` is None for a platform-admin or auditor key, which belongs to no team."""

    role: Role
    team: str
    project: str
    user: str
    key_id: str
    subject: Subject | None
    allowances: tuple[Allowance, ...]
    use_cases: tuple[str, ...] | None
    """The use cases granted to the team; None grants every use case of the policy."""
    project_use_case: str | None = None
