"""Teams: made here or named by the file, which then owns them."""

from datetime import datetime

import msgspec
from fastapi import APIRouter, Request
from pydantic import Field

from headgate.api.admin.door import Administered, actor
from headgate.api.admin.shapes import (
    Changes,
    ListOut,
    Name,
    PageLimit,
    Terms,
    TermsOut,
    Text,
    budgets_out,
    limits_out,
    listed,
    page,
)
from headgate.identity.change import Change
from headgate.identity.store import TeamRow, TeamTerms


class TeamIn(Terms):
    """A team to be made."""

    id: Name
    owner: Text = Field(default="", description="Who answers for the team; named in refusals.")
    use_cases: list[Name] | None = Field(default=None, description="Granted use cases; left out: all.")


class TeamChanges(Changes):
    """What becomes of a team."""

    owner: Text | None = Field(default=None, description="Who answers for the team; named in refusals.")
    use_cases: list[Name] | None = Field(default=None, description="Granted use cases; null grants all.")


class TeamOut(TermsOut):
    """A team."""

    id: str
    owner: str
    use_cases: list[str] | None
    origin: str = Field(description="`store`, or the file and line that own the team.", examples=["headgate.yaml:31"])
    created_at: datetime


def add_teams(router: APIRouter, platform: Administered) -> None:
    """Add the calls for teams."""
    directory = platform.identity.directory

    @router.post("/teams", status_code=201, summary="Make a team", tags=["teams"])
    async def create_team(request: Request, body: TeamIn) -> TeamOut:
        """Makes a team with its project `default`. A team that the configuration names is read-only here (409)."""
        granted = None if body.use_cases is None else tuple(body.use_cases)
        terms = TeamTerms(body.id, body.owner, body.budget, body.own_limits(), granted)
        return _out(await directory.create_team(actor(request), terms))

    @router.patch("/teams/{team}", summary="Change a team", tags=["teams"])
    async def change_team(request: Request, team: str, body: TeamChanges) -> TeamOut:
        """Changes a team of the store; what is left out stays, null follows the configuration's defaults again."""

        def change(present: TeamRow) -> Change:
            wanted = body.change(present.limits, platform.identity.defaults.team.limits)
            if "owner" in body.model_fields_set:
                wanted = msgspec.structs.replace(wanted, owner=body.owner or "")
            if "use_cases" in body.model_fields_set:
                granted = None if body.use_cases is None else tuple(body.use_cases)
                wanted = msgspec.structs.replace(wanted, use_cases=granted)
            return wanted

        return _out(await directory.change_team(actor(request), team, change))

    @router.get("/teams", summary="List teams", tags=["teams"])
    async def list_teams(request: Request, limit: PageLimit = 100, cursor: str | None = None) -> ListOut[TeamOut]:
        """The teams that the caller may see, in the order in which they were made."""
        rows = await directory.list_teams(actor(request), page(None, cursor, limit))
        return listed([(str(row.team_key), _out(row)) for row in rows], limit)

    @router.get("/teams/{team}", summary="Show a team", tags=["teams"])
    async def show_team(request: Request, team: str) -> TeamOut:
        """One team."""
        return _out(await directory.show_team(actor(request), team))


def _out(row: TeamRow) -> TeamOut:
    return TeamOut(
        id=row.id,
        owner=row.owner,
        budgets=budgets_out(row.budgets),
        limits=limits_out(row.limits),
        use_cases=None if row.use_cases is None else list(row.use_cases),
        origin=row.origin,
        created_at=row.created_at,
    )
