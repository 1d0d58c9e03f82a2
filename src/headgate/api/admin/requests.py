"""One request explained: its steps in order, and every model call that it made."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from headgate.api.admin.door import Administered, actor
from headgate.api.admin.ledger import EntryOut, entry_out
from headgate.domain.money import NANO_USD
from headgate.identity import roles
from headgate.ledger.store import Entry, RequestRow


class StepOut(BaseModel):
    """One step: what was decided, and how much of our own time it took."""

    step: str = Field(examples=["permit"])
    decision: str = Field(examples=["use case 'default' (nothing else was named), pipeline direct"])
    own_us: int = Field(description="Microseconds, the wait for providers left out.")


class RequestOut(BaseModel):
    """A call as it ended."""

    request_id: UUID
    at: datetime
    team: str | None
    project: str | None
    user: str | None
    key_id: str | None
    wire: str
    use_case: str
    pipeline: str
    model: str
    deployment: str
    policy_version: int
    outcome: str
    code: str
    status: int
    input_tokens: int
    output_tokens: int
    cost_nano_usd: int
    cost_usd: float
    latency_ms: float
    own_ms: float = Field(description="Headgate's own part of the latency, queueing included.")
    steps: list[StepOut]
    attempts: list[EntryOut]


def add_requests(router: APIRouter, platform: Administered) -> None:
    """Add the call that explains a request."""

    @router.get("/requests/{request_id}", summary="Explain a request", tags=["requests"])
    async def show_request(request: Request, request_id: str) -> RequestOut:
        """The call's steps in order, each with its decision and own time, and the entries of its attempts."""
        sight = roles.sight(actor(request).principal, "show_request", None)
        await platform.journal.projected()
        return _out(*await platform.ledger.request(request_id, sight.team, sight.key_id))


def _out(row: RequestRow, entries: list[Entry]) -> RequestOut:
    return RequestOut(
        request_id=row.request_id,
        at=row.at,
        team=row.team,
        project=row.project,
        user=row.user,
        key_id=row.key_id,
        wire=row.wire,
        use_case=row.use_case,
        pipeline=row.pipeline,
        model=row.model,
        deployment=row.deployment,
        policy_version=row.policy_version,
        outcome=row.outcome,
        code=row.code,
        status=row.status,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cost_nano_usd=row.cost_nano,
        cost_usd=row.cost_nano / NANO_USD,
        latency_ms=row.latency_us / 1000,
        own_ms=row.own_us / 1000,
        steps=[StepOut(step=step, decision=decision, own_us=own_us) for step, decision, own_us in row.steps],
        attempts=[entry_out(entry) for entry in entries],
    )
