"""The part of the configuration that says what answers: models, chains, use cases, prices."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from headgate.bootstrap.config.providers import BreakerSection
from headgate.bootstrap.config.tenancy import LimitsSection
from headgate.bootstrap.config.values import (
    Count,
    Duration,
    Identifier,
    ModelName,
    PicoPrice,
    Section,
    one_of,
)
from headgate.domain.policy import Spread


class PriceSection(Section):
    """Prices in USD per million tokens."""

    in_: PicoPrice = Field(alias="in", description="Input, in USD per million tokens.")
    out: PicoPrice = Field(description="Output, in USD per million tokens.")
    cached_in: PicoPrice | None = Field(
        default=None, description="Input read from the provider's cache, in USD per million tokens; left out: as `in`."
    )
    cache_write: PicoPrice | None = Field(
        default=None, description="Input written to the provider's cache, in USD per million tokens; left out: as `in`."
    )
    cache_write_1h: PicoPrice | None = Field(
        default=None, description="Input written to the cache for an hour; left out: as `cache_write`."
    )
    audio_in: PicoPrice | None = Field(default=None, description="Audio input; left out: as `in`.")
    audio_out: PicoPrice | None = Field(default=None, description="Audio output; left out: as `out`.")
    tool_requests: PicoPrice | None = Field(
        default=None,
        description="Searches and the like that the provider runs itself, in USD per thousand; left out: free.",
    )


class DeploymentSection(Section):
    """A model at a provider."""

    provider: str = Field(description="The name of a provider.")
    id: str = Field(
        min_length=1, max_length=256, description="The provider's model id; `*` passes the asked name through."
    )
    region: str = Field(
        min_length=1, max_length=64, description="Where the provider computes, such as eu, us, on-prem."
    )
    price: PriceSection | None = Field(default=None, description="Left out: the price that genai-prices knows.")
    weight: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=1, description="Its share of the load where the model spreads it by weight."
    )
    limits: LimitsSection = Field(
        default_factory=LimitsSection,
        description="What each worker sends it at most; a call over them goes on to what comes next in its chain.",
    )
    breaker: BreakerSection | None = Field(
        default=None, description="A breaker of its own; left out: it shares its provider's."
    )
    max_output: Count | None = Field(
        default=None,
        description="The most output tokens of one answer, set where the caller sets no limit; 4096 if left out.",
    )


class ModelSection(Section):
    """A name that teams ask for, or a pattern of names with `*`."""

    tier: Identifier = Field(default="standard", description="A word of your own for lists, such as premium.")
    embeds: bool = Field(
        default=False,
        description="Whether it only embeds, with the same vectors at each of its deployments.",
    )
    spread: Annotated[str, *one_of(tuple(Spread))] = Field(
        default=Spread.ORDER, description="Which deployment is tried first: as listed, by weight, latency or cost."
    )
    deployments: list[DeploymentSection] = Field(min_length=1, description="What serves the model, in order.")


class ChainSection(Section):
    """Models to try in order."""

    try_: list[str] = Field(alias="try", min_length=1, description="Names of models, the first choice first.")
    timeout: Duration = Field(
        default="600s", validate_default=True, description="The most time for a whole answer, such as 60s."
    )
    first_token: Duration = Field(
        default="60s", validate_default=True, description="The most time until an answer begins, such as 8s."
    )
    retries: Annotated[int, Field(ge=0, le=10)] = Field(
        default=2, description="How many deployments may be tried after the first."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if {"timeout", "first_token"} <= self.model_fields_set and self.first_token > self.timeout:
            raise ValueError("first_token is longer than timeout")
        return self


class SemanticSection(Section):
    """When an answer to another wording of a question may be served."""

    similarity: Annotated[float, Field(ge=0.5, le=1, strict=False)] = Field(
        default=0.95, description="The least cosine of two wordings; numbers, names and the like must agree besides."
    )
    temperature: Annotated[float, Field(ge=0, le=2, strict=False)] = Field(
        default=0.3, description="The highest temperature of a call that is served so."
    )


class CacheSection(Section):
    """Which answers are kept, and how long."""

    ttl: Duration = Field(default="1h", validate_default=True, description="How long an answer is served, such as 6h.")
    semantic: SemanticSection | None = Field(
        default=None, description="Serve other wordings, too; left out: equal questions alone."
    )
    temperature: Annotated[float, Field(ge=0, le=2, strict=False)] = Field(
        default=1, description="The highest temperature of a call whose answer is kept."
    )
    stale: Duration = Field(
        default="1d",
        validate_default=True,
        description="How long past its time an answer may be served where no provider answers.",
    )
    personal: bool = Field(default=False, description="Whether answers are kept for each user apart.")


def _off(value: object) -> object:
    """The word `off`, which is none."""
    return None if value == "off" else value


class UseCaseSection(Section):
    """A named policy for calls."""

    chain: str | None = Field(
        default=None, description="The name of a chain; left out: all models with names of their own."
    )
    pipeline: Annotated[str, *one_of(("auto", "direct"), later=("rag", "agent"))] = Field(
        default="auto", description="How an answer is made."
    )
    strict: bool = Field(
        default=False, description="Whether a call is refused where a provider could not be told all of it."
    )
    cache: Annotated[CacheSection | None, BeforeValidator(_off)] = Field(
        default=None, description="Which answers are kept, or `off`, as it is where nothing is said."
    )


class PricesSection(Section):
    """Prices for what has none."""

    default: PriceSection | None = Field(
        default=None, description="Charged for a pattern's name that has no known price."
    )


Models = dict[ModelName, ModelSection]
Chains = dict[Identifier, ChainSection]
UseCases = dict[Identifier, UseCaseSection]
