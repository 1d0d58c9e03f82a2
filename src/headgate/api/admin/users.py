"""Users: whom a team's calls are made for; entered at their first call, or here before it."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field

from headgate.api.admin import shapes
from headgate.api.admin.door import Administered, actor
from headgate.api.admin.shapes import Changes, ListOut, Name, PageLimit, Text, budgets_out, limits_out, listed, page
from headgate.identity.change import Change
from headgate.identity.store import PartRow, Terms

UserName = Annotated[Text, Field(min_length=1, examples=["ann@example.org"])]


class UserIn(shapes.Terms):
    """A user to be entered."""

    team: Name
    id: UserName


class UserOut(shapes.TermsOut):
    """A user."""

    team: str
    id: str
    created_at: datetime


def add_users(router: APIRouter, platform: Administered) -> None:
    """Add the calls for users."""
    directory = platform.identity.directory

    @router.post("/users", status_code=201, summary="Enter a user", tags=["users"])
    async def create_user(request: Request, body: UserIn) -> UserOut:
        """Enters a user before the first call, with budgets and limits of its own."""
        terms = Terms(body.budget, body.own_limits())
        return _out(await directory.create_user(actor(request), body.team, body.id, terms))

    @router.patch("/users/{team}/{user:path}", summary="Change a user", tags=["users"])
    async def change_user(request: Request, team: str, user: str, body: Changes) -> UserOut:
        """Changes a user; what is left out stays, null follows the configuration's defaults again."""

        def change(present: PartRow) -> Change:
            return body.change(present.limits, platform.identity.defaults.user.limits)

        return _out(await directory.change_user(actor(request), team, user, change))

    @router.get("/users", summary="List users", tags=["users"])
    async def list_users(
        request: Request, team: str | None = None, limit: PageLimit = 100, cursor: str | None = None
    ) -> ListOut[UserOut]:
        """The users of a team, or of all that the caller may see."""
        rows = await directory.list_users(actor(request), page(team, cursor, limit))
        return listed([(str(row.key), _out(row)) for row in rows], limit)


def _out(row: PartRow) -> UserOut:
    return UserOut(
        team=row.team,
        id=row.id,
        budgets=budgets_out(row.budgets),
        limits=limits_out(row.limits),
        created_at=row.created_at,
    )
