"""The ledger's entries: one for each model call, newest first."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from headgate.api.admin.door import Administered, actor
from headgate.api.admin.shapes import ListOut, PageLimit, bad_cursor, listed, moment
from headgate.domain.money import NANO_USD
from headgate.identity import roles
from headgate.ledger.store import Entry, Wanted

MAX_ATTEMPT: Final = 1_000
"""More than any call makes."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class EntryOut(BaseModel):
    """One model call as it is booked."""

    request_id: UUID
    attempt: int = Field(description="Counts the deployments that the call was sent to, from 1.")
    at: datetime
    team: str
    project: str
    user: str | None
    key_id: str | None
    use_case: str
    model: str
    deployment: str
    pipeline: str
    purpose: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    cache_write_1h_tokens: int = Field(description="The part of the cache writes that is kept for an hour.")
    audio_input_tokens: int
    audio_output_tokens: int
    tool_requests: int = Field(description="Searches and the like that the provider ran itself and bills apiece.")
    cost_nano_usd: int
    cost_usd: float
    basis: str = Field(description="`reported` by the provider, `estimated`, or `reserved` (the proven upper bound).")
    outcome: str
    code: str = Field(description="Why the attempt failed; empty where it did not.")


def add_ledger(router: APIRouter, platform: Administered) -> None:
    """Add the call for entries."""

    @router.get("/ledger", summary="List ledger entries", tags=["ledger"])
    async def list_ledger(
        request: Request,
        team: str | None = None,
        request_id: UUID | None = None,
        since: Annotated[datetime | None, Query(examples=["2026-01-31T00:00:00Z"])] = None,
        limit: PageLimit = 100,
        cursor: str | None = None,
    ) -> ListOut[EntryOut]:
        """Entries, newest first; what the answering worker wrote just now is among them."""
        sight = roles.sight(actor(request).principal, "list_ledger", team)
        before_at, before_request, before_attempt = _read_cursor(cursor)
        wanted = Wanted(
            team=sight.team,
            key_id=sight.key_id,
            request_id=None if request_id is None else str(request_id),
            since=moment(since, "since"),
            before_at=before_at,
            before_request=before_request,
            before_attempt=before_attempt,
            limit=limit + 1,
        )
        await platform.journal.projected()
        return listed([(_cursor(row), entry_out(row)) for row in await platform.ledger.entries(wanted)], limit)


def entry_out(row: Entry) -> EntryOut:
    """An entry on the way out."""
    return EntryOut(
        request_id=row.request_id,
        attempt=row.attempt,
        at=row.at,
        team=row.team,
        project=row.project,
        user=row.user,
        key_id=row.key_id,
        use_case=row.use_case,
        model=row.model,
        deployment=row.deployment,
        pipeline=row.pipeline,
        purpose=row.purpose,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cached_tokens=row.cached_tokens,
        cache_write_tokens=row.cache_write_tokens,
        reasoning_tokens=row.reasoning_tokens,
        cache_write_1h_tokens=row.cache_write_1h_tokens,
        audio_input_tokens=row.audio_input_tokens,
        audio_output_tokens=row.audio_output_tokens,
        tool_requests=row.tool_requests,
        cost_nano_usd=row.cost_nano,
        cost_usd=row.cost_nano / NANO_USD,
        basis=row.basis,
        outcome=row.outcome,
        code=row.code,
    )


def _cursor(row: Entry) -> str:
    return f"{(row.at - _EPOCH) // _MICROSECOND}.{row.request_id}.{row.attempt}"


def _read_cursor(cursor: str | None) -> tuple[datetime | None, str | None, int | None]:
    if cursor is None:
        return None, None, None
    try:
        at, request_id, attempt = cursor.split(".")
        if not 0 < int(attempt) <= MAX_ATTEMPT:
            raise ValueError(attempt)
        return _EPOCH + int(at) * _MICROSECOND, str(UUID(request_id)), int(attempt)
    except (ValueError, OverflowError):
        raise bad_cursor() from None
