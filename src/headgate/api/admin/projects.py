"""Projects: the applications of a team."""

from datetime import datetime

import msgspec
from fastapi import APIRouter, Request
from pydantic import Field

from headgate.api.admin import shapes
from headgate.api.admin.door import Administered, actor
from headgate.api.admin.shapes import Changes, ListOut, Name, PageLimit, budgets_out, limits_out, listed, page
from headgate.identity.change import Change
from headgate.identity.store import PartRow, Terms


class ProjectIn(shapes.Terms):
    """A project to be made."""

    team: Name
    id: Name = Field(examples=["search"])
    use_case: Name | None = Field(default=None, description="What governs calls that name none.", examples=["default"])


class ProjectChanges(Changes):
    """What becomes of a project."""

    use_case: Name | None = Field(default=None, description="What governs calls that name none; null for `default`.")


class ProjectOut(shapes.TermsOut):
    """A project."""

    team: str
    id: str
    use_case: str | None
    created_at: datetime


def add_projects(router: APIRouter, platform: Administered) -> None:
    """Add the calls for projects."""
    directory = platform.identity.directory

    @router.post("/projects", status_code=201, summary="Make a project", tags=["projects"])
    async def create_project(request: Request, body: ProjectIn) -> ProjectOut:
        """Makes a project of a team. Every team has a project `default` from the start."""
        terms = Terms(body.budget, body.own_limits(), body.use_case)
        return _out(await directory.create_project(actor(request), body.team, body.id, terms))

    @router.patch("/projects/{team}/{project}", summary="Change a project", tags=["projects"])
    async def change_project(request: Request, team: str, project: str, body: ProjectChanges) -> ProjectOut:
        """Changes a project; what is left out stays, null lifts it."""

        def change(present: PartRow) -> Change:
            wanted = body.change(present.limits)
            named = "use_case" in body.model_fields_set
            return msgspec.structs.replace(wanted, use_case=body.use_case) if named else wanted

        return _out(await directory.change_project(actor(request), team, project, change))

    @router.get("/projects", summary="List projects", tags=["projects"])
    async def list_projects(
        request: Request, team: str | None = None, limit: PageLimit = 100, cursor: str | None = None
    ) -> ListOut[ProjectOut]:
        """The projects of a team, or of all that the caller may see."""
        rows = await directory.list_projects(actor(request), page(team, cursor, limit))
        return listed([(str(row.key), _out(row)) for row in rows], limit)


def _out(row: PartRow) -> ProjectOut:
    return ProjectOut(
        team=row.team,
        id=row.id,
        use_case=row.use_case,
        budgets=budgets_out(row.budgets),
        limits=limits_out(row.limits),
        created_at=row.created_at,
    )
