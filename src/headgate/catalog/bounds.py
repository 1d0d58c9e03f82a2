"""The most that one model call can cost, proven from its request; and a tight estimate of its tokens for rates."""

from typing import Final, NamedTuple

from headgate.domain.call import Request
from headgate.domain.policy import Deployment
from headgate.domain.refusal import Refusal

TEMPLATE_TOKENS: Final = 64
"""The most that a chat template puts around a whole conversation: its markers, a date, an empty system turn."""
TURN_TOKENS: Final = 16
"""The most that a chat template puts around one turn: its markers and the role."""
TOOL_PREAMBLE_TOKENS: Final = 1_024
"""The most that a provider's own instructions on tools count (Anthropic documents at most 735 tokens; 2025)."""


class Bound(NamedTuple):
    """What an attempt can come to at most: input and output tokens together, and nano-USD."""

    tokens: int
    nano: int


def bound(request: Request, deployment: Deployment) -> Bound:
    """The most that one attempt of `request` at `deployment` can use and cost.

    A token of a byte-level vocabulary stands for at least one byte of text, so text counts its bytes. Output is the
    caller's limit, else the deployment's (which the pool then sets upstream), for each of the choices asked for.

    Raises:
        Refusal: `model_not_found`, where the deployment has no price and so no bound.
    """
    if deployment.price is None:
        raise Refusal(
            "model_not_found",
            f"The model '{deployment.model_id}' has no price, so its cost cannot be bounded; "
            f"add a price to the deployment '{deployment.name}' in headgate.yaml.",
            param="model",
        )
    input_tokens = TEMPLATE_TOKENS + request.text_bytes + request.raw.count(b'"role"') * TURN_TOKENS
    if request.images or request.documents:
        input_tokens += request.images * deployment.image_tokens + request.documents * deployment.document_tokens
    if request.has_tools:
        input_tokens += TOOL_PREAMBLE_TOKENS
    if request.tool_requests:  # after each of its own tools the provider has the model read everything again
        input_tokens += request.tool_requests * deployment.context_tokens
    limit = request.max_output_tokens
    output_tokens = (deployment.max_output_tokens if limit is None else limit) * request.choices
    nano = deployment.price.bound_nano(input_tokens, output_tokens, request.tool_requests)
    return Bound(input_tokens + output_tokens, nano)


def estimate(request: Request) -> int:
    """About how many input tokens `request` counts, at four bytes of text a token; for rates and reports only."""
    return request.text_bytes // 4 + 1
