"""The pool: how each deployment stands, and deployments taken out and put back."""

from collections.abc import Callable

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from headgate.api.admin.door import Administered, actor
from headgate.api.admin.shapes import LimitsOut, ListOut, limits_out
from headgate.domain.policy import Policy
from headgate.journal.records import Admin
from headgate.kit.clock import Clock
from headgate.pool.states import DeploymentState


class DeploymentIn(BaseModel):
    """One deployment."""

    deployment: str = Field(max_length=512, examples=["openai/gpt-4o"])


class DeploymentOut(BaseModel):
    """How a deployment stands in the worker that answers."""

    deployment: str = Field(description="`provider/id`.", examples=["openai/gpt-4o"])
    models: list[str] = Field(description="The names that it serves.")
    provider: str
    region: str
    breaker: str = Field(description="Its own or its provider's: `closed`, `open` or `half-open`.")
    limits: LimitsOut | None = Field(description="What one worker sends it at most; null is no limit.")
    drained: bool = Field(description="Whether it was taken out, until it is restored or the process ends.")
    availability: float = Field(description="Share of calls that the provider did not fail, newer ones counting more.")
    latency_ms: float | None = Field(description="Average wait for the first event of an answer; null before one came.")
    under_way: int
    calls: int = Field(description="Calls that ended since the process began.")
    last_error: str


def add_pool(router: APIRouter, platform: Administered, policy: Callable[[], Policy], clock: Clock) -> None:
    """Add the calls for the pool."""

    def act(request: Request, action: str, name: str, *, drained: bool) -> DeploymentOut:
        known = actor(request)
        platform.pool.deployment(policy(), name)
        platform.journal.append(Admin(known.request_id, clock.now_ms(), known.principal.key_id, None, action, name))
        return _out(platform.pool.drain(policy(), name, drained=drained))

    @router.get("/pool", summary="Show the pool", tags=["pool"])
    async def show_pool(request: Request) -> ListOut[DeploymentOut]:
        """Every deployment of the configuration in force, in its order."""
        return ListOut(data=[_out(state) for state in platform.pool.deployments(policy())], next=None)

    @router.post("/pool/drain", summary="Take a deployment out", tags=["pool"])
    async def drain_deployment(request: Request, body: DeploymentIn) -> DeploymentOut:
        """No more calls are sent to it; those under way go on, and chains move to what comes after it."""
        return act(request, "drain_deployment", body.deployment, drained=True)

    @router.post("/pool/restore", summary="Put a deployment back", tags=["pool"])
    async def restore_deployment(request: Request, body: DeploymentIn) -> DeploymentOut:
        """Calls are sent to it again."""
        return act(request, "restore_deployment", body.deployment, drained=False)


def _out(state: DeploymentState) -> DeploymentOut:
    deployment, standing = state.deployment, state.standing
    return DeploymentOut(
        deployment=deployment.name,
        models=list(state.models),
        provider=deployment.provider,
        region=deployment.region,
        breaker=standing.breaker.state,
        limits=limits_out(deployment.limits),
        drained=state.drained,
        availability=round(standing.availability, 4),
        latency_ms=round(standing.latency_ms, 3) if standing.latency_ms else None,
        under_way=standing.under_way,
        calls=standing.calls,
        last_error=standing.last_error,
    )
