"""What the configuration says, compiled: models, chains, use cases; one frozen snapshot a version."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from headgate.domain.money import Budget, Price
from headgate.domain.principal import Limits


class Spread(StrEnum):
    """Which of a model's deployments is tried first."""

    ORDER = "order"
    """As they are listed."""
    WEIGHT = "weight"
    """By chance, each as often as its weight says."""
    LATENCY = "latency"
    """Of two by chance, the one that answers sooner under its present load."""
    COST = "cost"
    """The cheapest for the request."""


class Deployment(msgspec.Struct, frozen=True):
    """A model at a provider: where a call can be sent and what it costs there."""

    name: str
    """`provider/id`, unique within a policy."""
    provider: str
    model_id: str
    """The provider's id; `*` passes the asked name through."""
    region: str
    price: Price | None
    """None only where the id is `*`; the asked name is priced when it is resolved."""
    max_output_tokens: int = 4096
    image_tokens: int = 6_000
    """The most tokens that one image can count for."""
    document_tokens: int = 300_000
    """The most tokens that one document can count for."""
    context_tokens: int = 1_000_000
    """The most tokens that the model can read at once; what a tool of the provider's finds is read with all before."""
    weight: int = 1
    """Its share of the load beside its model's other deployments, where load is spread by weight."""
    embeds: bool = False
    """Whether its model only embeds, with the same vectors at each of its deployments."""
    limits: Limits = Limits()
    """What one worker sends it at most."""
    breaker_failures: int = 0
    """Consecutive failures that open a breaker of its own; 0 leaves it to its provider's breaker."""
    breaker_open_ms: int = 0


class Candidate(msgspec.Struct, frozen=True):
    """A deployment that a call may be sent to, under the model name that led to it."""

    model: str
    deployment: Deployment
    """Its id resolved and its price known."""
    spread: Spread = Spread.ORDER
    """How load is spread over the deployments of the same model."""


class Model(msgspec.Struct, frozen=True):
    """A name teams ask for and the deployments that serve it."""

    name: str
    tier: str
    deployments: tuple[Deployment, ...]
    spread: Spread = Spread.ORDER


class Chain(msgspec.Struct, frozen=True):
    """Models to try in order, and how long to wait for them."""

    name: str
    models: tuple[str, ...]
    timeout_ms: int = 600_000
    first_token_ms: int = 60_000
    retries: int = 2


class Similarity(msgspec.Struct, frozen=True):
    """When an answer to another wording may be served."""

    least: float = 0.95
    """The cosine from which two wordings count as near; the veto decides after it."""
    max_temperature: float = 0.3


class CachePolicy(msgspec.Struct, frozen=True):
    """Which answers of a use case are kept, and how long."""

    ttl_ms: int
    similarity: Similarity | None = None
    """None serves equal questions alone."""
    max_temperature: float = 1.0
    stale_ms: int = 86_400_000
    """How long past its time an answer may still be served where no provider answers."""
    personal: bool = False
    """Whether answers are kept for each user apart."""
    native_only: bool = False


class UseCase(msgspec.Struct, frozen=True):
    """A named policy for calls."""

    name: str
    pipelines: tuple[str, ...]
    """The pipelines a caller may name; the first is the use case's own."""
    chain: Chain
    strict: bool = False
    """Whether every call is strict, as `Call.strict`."""
    cache: CachePolicy | None = None


class Provider(msgspec.Struct, frozen=True):
    """Where deployments live and how to reach them."""

    name: str
    kind: str
    base_url: str
    secret: str
    """The credential itself, resolved; never logged, never journalled."""
    breaker_failures: int = 5
    breaker_open_ms: int = 30_000
    next_secret: str = ""
    """The other credential, for when the provider rejects the one in use; empty where there is none."""
    bearer: bool = False
    """Whether the credentials are tokens, at a provider whose API keys go in a header of their own."""
    headers: tuple[tuple[str, str], ...] = ()
    """Sent with every request, lower-case names first; their values may be secrets."""
    region: str = ""
    api_version: str = ""

    def __repr__(self) -> str:
        return f"Provider(name={self.name!r}, kind={self.kind!r}, base_url={self.base_url!r})"


class Policy(msgspec.Struct, frozen=True, eq=False, weakref=True):
    """One version of everything the configuration decides; two snapshots are equal only where they are the same."""

    version: int
    digest: str
    providers: Mapping[str, Provider]
    models: Mapping[str, Model]
    """By name; a name may be a pattern with `*`."""
    use_cases: Mapping[str, UseCase]
    default_price: Price | None = None


class TeamSettings(msgspec.Struct, frozen=True):
    """A team as the configuration names it; what it leaves out has come from `teams.defaults`."""

    id: str
    owner: str
    budgets: tuple[Budget, ...]
    limits: Limits
    use_cases: tuple[str, ...] | None
    """None grants every use case."""
    origin: str
    """`file:line` where the team stands."""


class ScopeDefaults(msgspec.Struct, frozen=True):
    """Budgets and limits of a scope that has none of its own."""

    budgets: tuple[Budget, ...] = ()
    limits: Limits = Limits()


class Settings(msgspec.Struct, frozen=True):
    """Teams of the configuration, and what holds for teams and users that say nothing of their own."""

    teams: tuple[TeamSettings, ...]
    team_defaults: ScopeDefaults
    user_defaults: ScopeDefaults
