"""The whole configuration as one typed document, and its JSON Schema."""

from typing import Any, Final

from pydantic import Field

from headgate.bootstrap.config.providers import Providers
from headgate.bootstrap.config.server import JournalSection, ServerSection, StoreSection, TelemetrySection
from headgate.bootstrap.config.serving import Chains, Models, PricesSection, UseCases
from headgate.bootstrap.config.tenancy import BudgetsSection, DefaultsSection, TeamsSection
from headgate.bootstrap.config.values import Section, ShapeVersion

ABSENT: Final = frozenset(
    {
        ("guardrails",),
        ("retention",),
        ("notify",),
        ("smtp",),
        ("reports",),
        ("governance",),
        ("flags",),
        ("include",),
        ("store", "redis"),
        ("store", "blobs"),
        ("server", "tls"),
        ("budgets", "warn_at"),
        ("providers", "*", "limits"),
        ("models", "*", "deployments", "*", "breaker"),
        ("models", "*", "deployments", "*", "limits"),
        ("chains", "*", "last"),
        ("use_cases", "*", "guardrails"),
        ("use_cases", "*", "cache", "semantic", "max_error"),
        ("use_cases", "*", "residency"),
        ("use_cases", "*", "rag"),
        ("use_cases", "*", "agent"),
        ("teams", "*", "projects"),
    }
)
"""Keys of the published shape whose parts this version does not have; `*` stands for any one step."""


class Document(Section):
    """headgate.yaml."""

    version: ShapeVersion = Field(description="The version of this shape: 1.")
    store: StoreSection = Field(default_factory=StoreSection, description="Where state lives.")
    server: ServerSection = Field(
        default_factory=ServerSection, description="Where the server listens and what it accepts."
    )
    providers: Providers = Field(default={}, description="Where deployments live, by name.")
    models: Models = Field(
        default={}, description="What teams ask for, by name; left out with `providers`: the demo model."
    )
    chains: Chains = Field(default={}, description="Models to try in order, by name.")
    use_cases: UseCases = Field(default={}, description="Named policies; `default` is built in unless it stands here.")
    teams: TeamsSection = Field(default_factory=TeamsSection, description="Teams that the file owns, by name.")
    defaults: DefaultsSection = Field(default_factory=DefaultsSection, description="What holds for users.")
    prices: PricesSection = Field(default_factory=PricesSection, description="Prices for what has none.")
    budgets: BudgetsSection = Field(default_factory=BudgetsSection, description="What happens at a budget's end.")
    journal: JournalSection = Field(default_factory=JournalSection, description="What an answered call survives.")
    telemetry: TelemetrySection = Field(
        default_factory=TelemetrySection, description="What the process says about itself."
    )


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of headgate.yaml, generated from the models."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Document.model_json_schema(by_alias=True)}


def is_absent(path: tuple[str | int, ...]) -> bool:
    """Whether the key at `path` belongs to a part that this version does not have yet."""
    return any(
        len(path) == len(known) and all(step in ("*", key) for step, key in zip(known, path, strict=True))
        for known in ABSENT
    )
