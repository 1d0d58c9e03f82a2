"""How deployments and providers stand, for whoever operates the pool."""

from typing import NamedTuple

from headgate.domain.policy import Deployment
from headgate.pool.breaker import Breaker, BreakerState
from headgate.pool.standing import Standing


class DeploymentState(NamedTuple):
    """How one deployment stands, for whoever operates the pool."""

    deployment: Deployment
    models: tuple[str, ...]
    """The names under which it is configured."""
    standing: Standing
    drained: bool
    """Whether an operator took it out."""


class ProviderState(NamedTuple):
    """How one provider stands, for health and metrics."""

    name: str
    breaker: BreakerState
    last_error: str
    availability: float
    """Share of its calls that it did not fail, over all its deployments, the newer calls counting more."""
    latency_ms: float
    """Average wait for the first event of an answer, over all its deployments, the newer calls counting more."""


def provider_state(name: str, breaker: Breaker, standings: list[Standing]) -> ProviderState:
    """How a provider stands whose deployments' standings are these; each weighs by its calls."""
    calls = sum(standing.calls for standing in standings)
    return ProviderState(
        name,
        breaker.state,
        breaker.last_error,
        sum(standing.availability * standing.calls for standing in standings) / calls if calls else 1.0,
        sum(standing.latency_ms * standing.calls for standing in standings) / calls if calls else 0.0,
    )
