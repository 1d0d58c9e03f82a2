"""Which deployments may take a request: conversations go to models that answer, embeddings to one vector space."""

from headgate.catalog.catalog import candidates
from headgate.domain.call import Request, WireFormat
from headgate.domain.policy import Candidate, Policy, UseCase
from headgate.domain.refusal import Refusal
from headgate.pool.providers import KINDS


def eligible(policy: Policy, use_case: UseCase, request: Request) -> tuple[Candidate, ...]:
    """The deployments that may take `request`, in the order in which they are tried; never empty.

    Raises:
        Refusal: `model_not_found`; `invalid_request`, the model does not do what is asked of it.
    """
    found = candidates(policy, use_case, request.model)
    if request.wire is WireFormat.OPENAI_EMBEDDINGS:
        return _embedding(policy, found)
    for candidate in found:
        if candidate.deployment.embeds:
            return _answering(found)
    return found


def _embedding(policy: Policy, found: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    """The deployments that give the asked model's vectors, for those of another model cannot be compared with them.

    They are deployments of the model's own name, never of the rest of the chain: all of them, where the configuration
    says that the model embeds, else those whose id is that of the first that can embed.
    """
    model = found[0].model
    speaking = [
        candidate
        for candidate in found
        if candidate.model == model
        and WireFormat.OPENAI_EMBEDDINGS in KINDS[policy.providers[candidate.deployment.provider].kind].paths
    ]
    if not speaking:
        raise Refusal(
            "invalid_request",
            f"The model '{model}' cannot embed: none of its providers takes embeddings; name a model that embeds.",
            param="model",
        )
    first = speaking[0].deployment
    return tuple(one for one in speaking if first.embeds or one.deployment.model_id == first.model_id)


def _answering(found: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    """The deployments that hold conversations; what was asked for and only embeds is not replaced in silence."""
    if found[0].deployment.embeds:
        raise Refusal(
            "invalid_request",
            f"The model '{found[0].model}' only embeds; send it to /v1/embeddings, or name a model that answers.",
            param="model",
        )
    return tuple(candidate for candidate in found if not candidate.deployment.embeds)
