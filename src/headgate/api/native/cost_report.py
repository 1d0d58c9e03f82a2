"""`GET /v1/cost-report/{team_id}`: what a team spent, its caller's own last call included."""

import msgspec

from headgate.api.exchange import Exchange
from headgate.api.front import Front
from headgate.api.serving import credential
from headgate.domain.principal import Principal, Role
from headgate.domain.refusal import Refusal


async def cost_report(front: Front, exchange: Exchange) -> None:
    """Report a team's costs to its own members, to platform-admins and to the platform's auditors.

    Raises:
        Refusal: the caller is not known, `wrong_team`, `not_found`.
        DatabaseAway: the books cannot be read.
    """
    platform, team = front.platform, exchange.tail
    principal = await platform.identity.identify(credential(exchange.headers), exchange.at_ms)
    if not _may_read(principal, team):
        raise Refusal(
            "wrong_team",
            f"The key belongs to team '{principal.team}' and may not read the costs of another; "
            f"ask a platform-admin or auditor.",
            param="team_id",
        )
    report = await platform.ledger.report(team, await platform.journal.projected())
    await exchange.respond(200, msgspec.json.encode(report))


def _may_read(principal: Principal, team: str) -> bool:
    if principal.role is Role.PLATFORM_ADMIN or principal.team == team:
        return True
    return principal.role is Role.AUDITOR and principal.subject is None
