"""What each role may administer: one table, and whatever it does not say is denied."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

import msgspec

from headgate.domain.principal import Principal, Role
from headgate.domain.refusal import Refusal


class Reach(IntEnum):
    """How far a permission goes."""

    OWN = 1
    """What the key itself made."""
    TEAM = 2
    """What belongs to the key's team; everything, for a key of the platform."""
    ALL = 3


_READS: Final = (
    "list_teams",
    "show_team",
    "list_projects",
    "list_users",
    "list_keys",
    "list_ledger",
    "show_request",
    "show_cache",
)
_WRITES: Final = (
    "create_project",
    "change_project",
    "create_user",
    "change_user",
    "create_key",
    "change_key",
    "rotate_key",
    "revoke_key",
    "purge_cache",
)
_OF_TEAMS: Final = ("create_team", "change_team")
"""A team's own budget and limits bind its admins too, so they cannot change them."""

_POOL: Final = ("show_pool", "drain_deployment", "restore_deployment")

ACTIONS: Final = (*_READS, *_WRITES, *_POOL, *_OF_TEAMS)
"""Everything that can be administered."""

PERMITTED: Final[Mapping[Role, Mapping[str, Reach]]] = {
    Role.PLATFORM_ADMIN: dict.fromkeys(ACTIONS, Reach.ALL),
    Role.TEAM_ADMIN: dict.fromkeys((*_READS, *_WRITES), Reach.TEAM),
    Role.AUDITOR: dict.fromkeys(_READS, Reach.TEAM),
    Role.MEMBER: dict.fromkeys(("list_keys", "list_ledger", "show_request"), Reach.OWN),
}


def reach(principal: Principal, action: str) -> Reach:
    """How far `principal` may go with `action`.

    Raises:
        Refusal: `not_permitted`.
    """
    permitted = PERMITTED.get(principal.role, {}).get(action)
    if permitted is None:
        raise Refusal(
            "not_permitted",
            f"A {principal.role} key may not {action.replace('_', ' ')}; ask a team-admin or platform-admin.",
            details={"scope": f"role {principal.role}"},
        )
    return Reach.ALL if permitted is Reach.TEAM and not principal.team else permitted


class Sight(msgspec.Struct, frozen=True):
    """What a principal sees of a list: one team or all (None), one key's part or all of it (None)."""

    team: str | None
    key_id: str | None


def sight(principal: Principal, action: str, team: str | None) -> Sight:
    """What the principal sees with `action` where it asks for `team`, or for all it may see (None).

    Raises:
        Refusal: `not_permitted`; `not_found` for another team, as for one that is not there.
    """
    permitted = reach(principal, action)
    if permitted is Reach.ALL:
        return Sight(team, None)
    if team is not None and team != principal.team:
        raise no_team(team)
    return Sight(principal.team, principal.key_id if permitted is Reach.OWN else None)


def no_team(team: str) -> Refusal:
    """The refusal for a team that is not there, or is another's."""
    return Refusal("not_found", f"There is no team '{team}'.", param="team")
