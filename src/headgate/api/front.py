"""What every surface needs of the house behind it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from headgate.api.exchange import Exchange
from headgate.domain.policy import Policy
from headgate.kit.clock import Clock
from headgate.platform import Platform
from headgate.telemetry.observation import Observation

Endpoint = Callable[["Front", Exchange], Awaitable[None]]
"""Serves one route."""


class Health(StrEnum):
    """How a component stands."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    """It works in part; the platform still serves calls."""
    UNHEALTHY = "unhealthy"
    """The platform cannot serve calls until it is back."""


class Component(msgspec.Struct, frozen=True):
    """One component's health; `details` is shown to anybody and names no secret."""

    status: Health
    details: Mapping[str, Any] = {}


Check = Callable[[], Awaitable[Component]]
"""Finds out about one component within a second, without raising."""


@dataclass(frozen=True, slots=True)
class Front:
    """The platform as the surfaces see it.

    Args:
        policy: the policy in force.
        checks: the components of `/health`, by name.
        cors_origins: the origins whose pages may read `/v1`; `*` is any.
    """

    platform: Platform
    policy: Callable[[], Policy]
    clock: Clock
    observation: Observation
    checks: Mapping[str, Check] = field(default_factory=dict)
    max_body_bytes: int = 32 * 1024 * 1024
    cors_origins: tuple[str, ...] = ("*",)
