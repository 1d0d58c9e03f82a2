"""`POST /v1/messages`, `/v1/messages/count_tokens` and `HEAD /`: the Anthropic surface."""

from typing import Final

import msgspec

from headgate.api.exchange import Exchange
from headgate.api.front import Front
from headgate.api.heads import ANTHROPIC_RATES, refusal_head
from headgate.api.serving import credential, serve
from headgate.api.surface import CodecSurface, Surface
from headgate.catalog.bounds import estimate
from headgate.domain.refusal import Refusal
from headgate.wire.anthropic_messages import ANTHROPIC_MESSAGES

MESSAGES: Final[Surface] = CodecSurface(ANTHROPIC_MESSAGES, ANTHROPIC_RATES)
IMAGE_TOKENS: Final = 1_600
"""About what an image of Anthropic's largest unscaled size counts (Anthropic, vision: width x height / 750)."""
DOCUMENT_TOKENS: Final = 3_000
"""About one page of a PDF with its picture (Anthropic, PDF support: 1,500 to 3,000 a page of text)."""


class Count(msgspec.Struct):
    """How many tokens a request has, about."""

    input_tokens: int


async def messages(front: Front, exchange: Exchange) -> None:
    """Answer a conversation."""
    await serve(front, MESSAGES, exchange)


async def count_tokens(front: Front, exchange: Exchange) -> None:
    """Estimate a conversation's input tokens here, without asking a provider and at no cost.

    Text, tools and markup count one token for four bytes of the body; an image counts 1,600 and a document 3,000.
    """
    try:
        raw = await exchange.body(front.max_body_bytes)
        await front.platform.identity.identify(credential(exchange.headers), exchange.at_ms)
        request = MESSAGES.read(raw, exchange.headers).request
    except Refusal as refusal:
        status = MESSAGES.status(refusal)
        body = MESSAGES.error_body(refusal, exchange.request_id)
        await exchange.respond(status, body, refusal_head(refusal, status))
        return
    tokens = estimate(request) + request.images * IMAGE_TOKENS + request.documents * DOCUMENT_TOKENS
    await exchange.respond(200, msgspec.json.encode(Count(tokens)))


async def probe(front: Front, exchange: Exchange) -> None:
    """Say that somebody is here; Claude Code asks before its first message."""
    await exchange.respond(200, b"")
