"""`GET /v1/models`: OpenAI's list of models, with tiers, states and the fallback chain beside it."""

import msgspec

from headgate.api.exchange import Exchange
from headgate.api.front import Front
from headgate.api.serving import credential
from headgate.catalog.catalog import Listed, fallback_chain, listed

DEFAULT_USE_CASE = "default"


class ModelEntry(msgspec.Struct):
    """A model as OpenAI lists it."""

    id: str
    owned_by: str = "headgate"
    created: int = 0
    """Unknown; a configuration does not say when a model was made."""
    object: str = "model"


class Models(msgspec.Struct):
    """The models that a caller may name; patterns are not names."""

    data: list[ModelEntry]
    models: list[Listed]
    fallback_chain: list[str]
    """What a call without a model tries, in order."""
    object: str = "list"


async def models(front: Front, exchange: Exchange) -> None:
    """List the models.

    Raises:
        Refusal: the caller is not known.
    """
    principal = await front.platform.identity.identify(credential(exchange.headers), exchange.at_ms)
    policy = front.policy()
    found = listed(policy)
    use_case = policy.use_cases.get(principal.project_use_case or DEFAULT_USE_CASE)
    chain = fallback_chain(policy, use_case) if use_case else ()
    body = Models([ModelEntry(model.id) for model in found], list(found), list(chain))
    await exchange.respond(200, msgspec.json.encode(body))
