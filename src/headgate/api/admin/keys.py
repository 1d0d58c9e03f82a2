"""Virtual keys: made, shown once, rotated with an overlap, revoked within a second."""

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from headgate.api.admin.door import Administered, actor
from headgate.api.admin.shapes import (
    Body,
    Changes,
    Duration,
    ListOut,
    Name,
    PageLimit,
    Terms,
    TermsOut,
    budgets_out,
    limits_out,
    listed,
    page,
)
from headgate.api.admin.users import UserName
from headgate.domain.principal import Role
from headgate.identity.directory import NewVirtualKey
from headgate.identity.store import VirtualKeyRow


class KeyIn(Terms):
    """A key to be made."""

    team: Name | None = Field(default=None, description="Left out for a key of the platform itself.")
    project: Name | None = Field(default=None, description="Binds the key to one project; left out: `default`.")
    user: UserName | None = Field(default=None, description="Binds the key to one user.")
    role: Role = Field(default=Role.MEMBER, strict=False)
    expires_in: Duration | None = Field(default=None, description="From now; left out: never.")


class RotationIn(Body):
    """How a key is rotated."""

    overlap: Duration = Field(default=86_400_000, description="How long the old key works beside the new; 0s to 30d.")


class NewKeyOut(BaseModel):
    """A key as it is shown once."""

    id: str = Field(examples=["key_5fQ0Lr8sT1uVwXyZ"])
    key: str = Field(description="Shown this once; only its hash is stored.", examples=["hg_..."])
    prefix: str = Field(description="What is shown of the key from now on.")


class KeyOut(TermsOut):
    """A key."""

    id: str
    prefix: str
    role: Role
    team: str | None
    project: str | None
    user: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


def add_keys(router: APIRouter, platform: Administered) -> None:
    """Add the calls for keys."""
    directory = platform.identity.directory

    @router.post("/keys", status_code=201, summary="Make a key", tags=["keys"])
    async def create_key(request: Request, body: KeyIn) -> NewKeyOut:
        """Makes a key of a team, or of the platform itself (roles `platform-admin` and `auditor`)."""
        new = NewVirtualKey(
            body.team, body.project, body.user, body.role, body.expires_in, body.budget, body.own_limits()
        )
        row, text = await directory.create_key(actor(request), new)
        return NewKeyOut(id=row.id, key=text, prefix=row.prefix)

    @router.get("/keys", summary="List keys", tags=["keys"])
    async def list_keys(
        request: Request, team: str | None = None, limit: PageLimit = 100, cursor: str | None = None
    ) -> ListOut[KeyOut]:
        """The keys of a team, or of all that the caller may see; revoked ones too."""
        rows = await directory.list_keys(actor(request), page(team, cursor, limit))
        return listed([(str(row.virtual_key), _out(row)) for row in rows], limit)

    @router.post("/keys/{key_id}/rotate", summary="Rotate a key", tags=["keys"])
    async def rotate_key(request: Request, key_id: str, body: RotationIn | None = None) -> NewKeyOut:
        """Gives the key a new text; both work during the overlap."""
        overlap_ms = (body or RotationIn()).overlap
        row, text = await directory.rotate_key(actor(request), key_id, overlap_ms)
        return NewKeyOut(id=row.id, key=text, prefix=row.prefix)

    @router.patch("/keys/{key_id}", summary="Change a key", tags=["keys"])
    async def change_key(request: Request, key_id: str, body: Changes) -> KeyOut:
        """Changes a key's budgets and limits; what is left out stays, null lifts it."""
        changed = await directory.change_key(actor(request), key_id, lambda present: body.change(present.limits))
        return _out(changed)

    @router.delete("/keys/{key_id}", summary="Revoke a key", tags=["keys"])
    async def revoke_key(request: Request, key_id: str) -> KeyOut:
        """Revokes the key, within a second everywhere; doing it again changes nothing."""
        return _out(await directory.revoke_key(actor(request), key_id))


def _out(row: VirtualKeyRow) -> KeyOut:
    return KeyOut(
        id=row.id,
        prefix=row.prefix,
        role=row.role,
        team=row.team,
        project=row.project,
        user=row.user,
        budgets=budgets_out(row.budgets),
        limits=limits_out(row.limits),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
