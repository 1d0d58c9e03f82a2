"""A document without mistakes becomes a policy, and the settings of teams and users."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from headgate.bootstrap.config.document import Document
from headgate.bootstrap.config.providers import Credentials, ProviderSection
from headgate.bootstrap.config.serving import (
    CacheSection,
    ChainSection,
    DeploymentSection,
    ModelSection,
    PriceSection,
    SemanticSection,
    UseCaseSection,
)
from headgate.bootstrap.config.tenancy import LimitsSection, ScopeSection
from headgate.catalog.prices import known_model
from headgate.domain.money import Price
from headgate.domain.policy import (
    CachePolicy,
    Chain,
    Deployment,
    Model,
    Policy,
    Provider,
    ScopeDefaults,
    Settings,
    Similarity,
    Spread,
    TeamSettings,
    UseCase,
)
from headgate.domain.principal import Limits
from headgate.pool.providers import KINDS

DEFAULT_CONTEXT_TOKENS: Final = 1_000_000
"""What a model is taken to read at most where nobody knows."""
DEFAULT_MAX_OUTPUT_TOKENS: Final = 4096
DEFAULT_USE_CASE: Final = "default"
ALL_MODELS: Final = "all-models"
"""The chain of a use case that names none: every model with a name of its own that does not only embed, in the file's
order."""

_PIPELINES: Final = {"auto": ("auto", "direct", "rag", "agent"), "direct": ("direct",)}
_BUILT_IN: Final = UseCaseSection(cache=CacheSection(semantic=SemanticSection()))
_DEMO_PROVIDER: Final = ProviderSection(kind="demo")
_DEMO_MODEL: Final = ModelSection(deployments=[DeploymentSection(provider="demo", id="demo", region="local")])


class Secrets(msgspec.Struct, frozen=True):
    """Credentials by provider; what is printed of them is only whose they are."""

    of_provider: Mapping[str, Credentials]

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self.of_provider)})"


def compile_policy(document: Document, secrets: Secrets, *, version: int, digest: str) -> Policy:
    """The policy that `document` says; a document without models gets the built-in demo provider.

    Every reference in the document leads somewhere and every model has a price: `loading` has made sure.
    """
    sections = dict(document.providers) or {"demo": _DEMO_PROVIDER}
    providers = {name: _provider(name, section, secrets) for name, section in sections.items()}
    models = {
        name: _model(name, section, providers)
        for name, section in (document.models or {"demo": _DEMO_MODEL, "*": _DEMO_MODEL}).items()
    }
    chains = {name: _chain(name, section) for name, section in document.chains.items()}
    answering = (name for name, model in models.items() if "*" not in name and not model.deployments[0].embeds)
    chains[""] = Chain(ALL_MODELS, tuple(answering))
    use_cases = {DEFAULT_USE_CASE: _BUILT_IN, **document.use_cases}
    default_price = document.prices.default
    return Policy(
        version=version,
        digest=digest,
        providers=providers,
        models=models,
        use_cases={
            name: UseCase(
                name, _PIPELINES[section.pipeline], chains[section.chain or ""], section.strict, _cache(section)
            )
            for name, section in use_cases.items()
        },
        default_price=_price(default_price) if default_price else None,
    )


def compile_settings(document: Document, origin: Callable[[str], str]) -> Settings:
    """What `document` says of teams and users; `origin` gives the `file:line` of a team."""
    defaults = document.teams.defaults
    return Settings(
        teams=tuple(
            TeamSettings(
                id=name,
                owner=team.owner,
                budgets=defaults.budget if team.budget is None else team.budget,
                limits=_limits(team.limits, defaults.limits),
                use_cases=None if team.use_cases is None else tuple(team.use_cases),
                origin=origin(name),
            )
            for name, team in document.teams.named.items()
        ),
        team_defaults=_scope(defaults),
        user_defaults=_scope(document.defaults.user),
    )


def _provider(name: str, section: ProviderSection, secrets: Secrets) -> Provider:
    credentials = secrets.of_provider.get(name, Credentials())
    region = section.region or ""
    return Provider(
        name=name,
        kind=section.kind,
        base_url=section.base_url or KINDS[section.kind].base_url.replace("{region}", region),
        secret=credentials.secret,
        breaker_failures=section.breaker.failures,
        breaker_open_ms=section.breaker.open,
        next_secret=credentials.next_secret,
        bearer=section.token is not None,
        headers=credentials.headers,
        region=region,
        api_version=section.api_version or "",
    )


def _model(name: str, section: ModelSection, providers: Mapping[str, Provider]) -> Model:
    deployments = (_deployment(name, deployment, providers) for deployment in section.deployments)
    if section.embeds:
        deployments = (msgspec.structs.replace(deployment, embeds=True) for deployment in deployments)
    return Model(name, section.tier, tuple(deployments), Spread(section.spread))


def _deployment(model: str, section: DeploymentSection, providers: Mapping[str, Provider]) -> Deployment:
    """One deployment; an id of `*` is resolved here unless the model's name is a pattern too."""
    model_id = model if section.id == "*" and "*" not in model else section.id
    provider = providers[section.provider]
    known = known_model(provider.kind, provider.base_url, model_id)
    most = min(DEFAULT_MAX_OUTPUT_TOKENS, known.context_tokens or DEFAULT_MAX_OUTPUT_TOKENS)
    return Deployment(
        name=f"{section.provider}/{model_id}",
        provider=section.provider,
        model_id=model_id,
        region=section.region,
        price=_price(section.price) if section.price else known.price if model_id != "*" else None,
        max_output_tokens=section.max_output or most,
        weight=section.weight,
        context_tokens=known.context_tokens or DEFAULT_CONTEXT_TOKENS,
        limits=_limits(section.limits, section.limits),
        breaker_failures=section.breaker.failures if section.breaker else 0,
        breaker_open_ms=section.breaker.open if section.breaker else 0,
    )


def _price(section: PriceSection) -> Price:
    return Price(
        section.in_,
        section.out,
        section.cached_in,
        section.cache_write,
        section.cache_write_1h,
        section.audio_in,
        section.audio_out,
        section.tool_requests or 0,  # USD a thousand in nano-USD apiece is the same figure
    )


def _chain(name: str, section: ChainSection) -> Chain:
    first_token_ms = min(section.first_token, section.timeout)
    return Chain(name, tuple(dict.fromkeys(section.try_)), section.timeout, first_token_ms, section.retries)


def _cache(section: UseCaseSection) -> CachePolicy | None:
    """The built-in use case keeps answers of the native surface alone."""
    cache = section.cache
    if cache is None:
        return None
    semantic = cache.semantic
    return CachePolicy(
        ttl_ms=cache.ttl,
        similarity=None if semantic is None else Similarity(semantic.similarity, semantic.temperature),
        max_temperature=cache.temperature,
        stale_ms=cache.stale,
        personal=cache.personal,
        native_only=section is _BUILT_IN,
    )


def _scope(section: ScopeSection) -> ScopeDefaults:
    return ScopeDefaults(section.budget or (), _limits(section.limits, LimitsSection()))


def _limits(own: LimitsSection, defaults: LimitsSection) -> Limits:
    """The limits of a scope: its own where it says one, `none` included, else the defaults'."""

    def chosen(name: str) -> int | None:
        value: int | None = getattr(own if name in own.model_fields_set else defaults, name)
        return value

    return Limits(
        requests_per_minute=chosen("requests"), tokens_per_minute=chosen("tokens"), parallel=chosen("parallel")
    )
