"""The cache: what is kept and what it was worth, and answers that are forgotten."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from headgate.api.admin.door import Administered, actor
from headgate.api.admin.shapes import ListOut
from headgate.cache.cache import Worth
from headgate.domain.money import NANO_USD
from headgate.identity import roles
from headgate.journal.records import Admin
from headgate.kit.clock import Clock


class PurgeIn(BaseModel):
    """Which answers to forget: those that all of these name; left out altogether, all."""

    team: str | None = Field(default=None, max_length=63)
    use_case: str | None = Field(default=None, max_length=63)
    request_id: str | None = Field(
        default=None, pattern="^[0-9a-f-]{36}$", description="The call that the answer was made for."
    )


class PurgedOut(BaseModel):
    """How many answers were forgotten."""

    purged: int


class WorthOut(BaseModel):
    """What is kept of a team's use case; counts are of the answering worker since it began."""

    team: str
    use_case: str
    entries: int = Field(description="Answers in time, in PostgreSQL.")
    bytes: int
    exact: int
    semantic: int
    stale: int
    miss: int
    wrong: int = Field(description="Served answers that were told to be wrong.")
    hit_rate: float | None = Field(description="Null before the first call.")
    saved_usd: float = Field(description="What making the served answers had cost.")


def add_cache(router: APIRouter, platform: Administered, clock: Clock) -> None:
    """Add the calls for the cache."""

    @router.get("/cache", summary="Report on the cache", tags=["cache"])
    async def show_cache(request: Request, team: str | None = None) -> ListOut[WorthOut]:
        """What is kept and what it was worth, by team and use case."""
        sight = roles.sight(actor(request).principal, "show_cache", team)
        return ListOut(data=[_out(worth) for worth in await platform.cache.report(sight.team)], next=None)

    @router.post("/cache/purge", summary="Forget answers", tags=["cache"])
    async def purge_cache(request: Request, body: PurgeIn) -> PurgedOut:
        """Forget kept answers, in every worker within a moment."""
        known = actor(request)
        sight = roles.sight(known.principal, "purge_cache", body.team)
        named = " ".join(f"{name}={value}" for name, value in body.model_dump().items() if value) or "all"
        subject = known.principal.subject
        team = subject.team if subject is not None else None
        platform.journal.append(
            Admin(known.request_id, clock.now_ms(), known.principal.key_id, team, "purge_cache", named)
        )
        return PurgedOut(purged=await platform.cache.shelf.purge(sight.team, body.use_case, body.request_id))


def _out(worth: Worth) -> WorthOut:
    tally = worth.tally
    served = tally.exact + tally.semantic + tally.stale
    calls = served + tally.miss
    return WorthOut(
        team=worth.team,
        use_case=worth.use_case,
        entries=worth.entries,
        bytes=worth.size,
        exact=tally.exact,
        semantic=tally.semantic,
        stale=tally.stale,
        miss=tally.miss,
        wrong=tally.wrong,
        hit_rate=round(served / calls, 4) if calls else None,
        saved_usd=tally.saved_nano / NANO_USD,
    )
