"""The bound of a call is never below what it can use, and an unpriced deployment has none."""

import msgspec
import pytest
from tests.rooms.limits.worlds import DEPLOYMENT, request

from headgate.catalog.bounds import TEMPLATE_TOKENS, TOOL_PREAMBLE_TOKENS, TURN_TOKENS, bound, estimate
from headgate.domain.money import Price
from headgate.domain.refusal import Refusal


def test_text_counts_its_bytes_and_every_turn_its_markers() -> None:
    asked = msgspec.structs.replace(request(text_bytes=100), raw=b'{"messages":[{"role":"user"},{"role":"user"}]}')
    assert bound(asked, DEPLOYMENT).tokens == TEMPLATE_TOKENS + 100 + 2 * TURN_TOKENS + 1_000


def test_every_choice_may_use_the_callers_whole_output_limit() -> None:
    asked = msgspec.structs.replace(request(), max_output_tokens=50, choices=3)
    assert bound(asked, DEPLOYMENT) == (TEMPLATE_TOKENS + 150, (TEMPLATE_TOKENS + 150) * 1_000)


def test_images_documents_and_tools_count_what_the_deployment_says_at_most() -> None:
    asked = msgspec.structs.replace(request(), images=2, documents=1, has_tools=True)
    more = 2 * DEPLOYMENT.image_tokens + DEPLOYMENT.document_tokens + TOOL_PREAMBLE_TOKENS
    assert bound(asked, DEPLOYMENT).tokens == bound(request(), DEPLOYMENT).tokens + more


def test_tools_of_the_providers_count_their_fee_and_a_whole_context_each() -> None:
    priced = msgspec.structs.replace(
        DEPLOYMENT, price=Price(1_000_000, 1_000_000, tool_request_nano=7), context_tokens=500
    )
    asked = msgspec.structs.replace(request(), tool_requests=3)
    before, after = bound(request(), priced), bound(asked, priced)
    assert (after.tokens - before.tokens, after.nano - before.nano) == (1_500, 1_500 * 1_000 + 21)


def test_what_has_no_price_has_no_bound_and_is_refused() -> None:
    with pytest.raises(Refusal, match="no price"):
        bound(request(), msgspec.structs.replace(DEPLOYMENT, price=None))


def test_the_estimate_takes_four_bytes_a_token() -> None:
    assert estimate(request(text_bytes=400)) == 101
