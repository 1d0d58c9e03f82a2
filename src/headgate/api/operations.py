"""`/health`, its components, and `/metrics`: for whoever operates the platform, without a key."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from headgate import __version__
from headgate.api.exchange import Exchange
from headgate.api.front import Check, Component, Front, Health
from headgate.domain.money import NANO_USD
from headgate.domain.refusal import Refusal
from headgate.identity.freshness import IdentityState
from headgate.limits.leases import Figures
from headgate.platform import Platform
from headgate.pool.breaker import BreakerState
from headgate.telemetry.metrics import Labels, Metrics

METRICS_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"
_BREAKER_VALUE: Final = {BreakerState.CLOSED: 0.0, BreakerState.HALF_OPEN: 1.0, BreakerState.OPEN: 2.0}


class Overall(msgspec.Struct):
    """The health of the whole: that of its worst component."""

    status: Health
    version: str
    components: dict[str, Component]


async def health(front: Front, exchange: Exchange) -> None:
    """Every component; 503 where one that calls cannot do without is away."""
    components = {name: await check() for name, check in front.checks.items()}
    overall = Overall(_worst(components), __version__, components)
    await _say(exchange, overall.status, overall)


async def live(front: Front, exchange: Exchange) -> None:
    """Whether the process answers at all; nothing else is asked."""
    await _say(exchange, Health.HEALTHY, {"status": Health.HEALTHY})


async def ready(front: Front, exchange: Exchange) -> None:
    """Whether calls can be served; 503 keeps a load balancer away."""
    components = {name: await check() for name, check in front.checks.items()}
    away = sorted(name for name, component in components.items() if component.status is Health.UNHEALTHY)
    await _say(exchange, _worst(components), {"status": "not ready" if away else "ready", "waiting_for": away})


async def component(front: Front, exchange: Exchange) -> None:
    """One component.

    Raises:
        Refusal: `not_found`, naming those that there are.
    """
    check = front.checks.get(exchange.tail)
    if check is None:
        raise Refusal(
            "not_found", f"There is no component '{exchange.tail}'; there are: {', '.join(sorted(front.checks))}."
        )
    found = await check()
    await _say(exchange, found.status, found)


async def metrics(front: Front, exchange: Exchange) -> None:
    """The worker's metrics in Prometheus' text format."""
    await exchange.respond(200, front.observation.metrics.text(), content_type=METRICS_TYPE)


def checks(platform: Platform) -> dict[str, Check]:
    """The checks of what every platform has: its database, journal and providers."""

    async def database() -> Component:
        state = platform.identity.state
        return Component(_OF_IDENTITY[state], {"identities": state})

    async def journal() -> Component:
        lag = platform.journal.lag()
        return Component(
            Health.DEGRADED if lag.trouble else Health.HEALTHY,
            {"lag_bytes": lag.bytes, "projecting": not lag.trouble},
        )

    async def providers() -> Component:
        states = platform.pool.states()
        well = all(state.breaker is BreakerState.CLOSED for state in states)
        details = {
            "breakers": {state.name: state.breaker for state in states},
            "availability": {state.name: round(state.availability, 4) for state in states},
            "latency_ms": {state.name: round(state.latency_ms, 1) for state in states},
        }
        return Component(Health.HEALTHY if well else Health.DEGRADED, details)

    return {"database": database, "journal": journal, "providers": providers}


def export(platform: Platform, metrics: Metrics) -> None:
    """Export how the rooms stand: breakers, the journal's lag."""
    metrics.gauge(
        "headgate_breaker_state",
        "Breakers by provider: 0 closed, 1 half-open, 2 open.",
        ("provider",),
        lambda: [((state.name,), _BREAKER_VALUE[state.breaker]) for state in platform.pool.states()],
    )
    metrics.gauge(
        "headgate_provider_availability",
        "Share of a provider's calls that it did not fail, the newer ones counting more.",
        ("provider",),
        lambda: [((state.name,), state.availability) for state in platform.pool.states()],
    )
    metrics.gauge(
        "headgate_provider_latency_seconds",
        "Average wait for the first event of a provider's answers, the newer ones counting more.",
        ("provider",),
        lambda: [((state.name,), state.latency_ms / 1000) for state in platform.pool.states()],
    )
    metrics.gauge(
        "headgate_journal_lag_bytes",
        "Bytes of the journal that are not projected yet.",
        (),
        lambda: [((), float(platform.journal.lag().bytes))],
    )
    metrics.gauge(
        "headgate_journal_lag_seconds",
        "Since when a part of the journal waits to be projected.",
        (),
        lambda: [((), platform.journal.lag().age_ms / 1000)],
    )
    metrics.gauge(
        "headgate_journal_damaged_bytes",
        "Bytes of the journal that could not be read.",
        (),
        lambda: [((), float(platform.journal.lag().damaged_bytes))],
    )
    metrics.gauge(
        "headgate_leases_usd",
        "Money of this worker's leases: free, held for calls, and what attempts cost above their bounds.",
        ("part",),
        lambda: _leased(platform.limits.figures()),
    )


def _leased(figures: Figures) -> list[tuple[Labels, float]]:
    parts = (("free", figures.free), ("held", figures.held), ("excess", figures.excess))
    return [((name,), nano / NANO_USD) for name, nano in parts]


_OF_IDENTITY: Final = {
    IdentityState.READY: Health.HEALTHY,
    IdentityState.GRACE: Health.DEGRADED,
    IdentityState.AWAY: Health.UNHEALTHY,
}


def _worst(components: Mapping[str, Component]) -> Health:
    found = {component.status for component in components.values()}
    return next((health for health in (Health.UNHEALTHY, Health.DEGRADED) if health in found), Health.HEALTHY)


async def _say(exchange: Exchange, status: Health, body: Any) -> None:
    code = 503 if status is Health.UNHEALTHY else 200
    await exchange.respond(code, msgspec.json.encode(body), [(b"cache-control", b"no-store")])
