"""`GET /v1/models` and `/v1/models/{id}`: what a team may ask for, as OpenAI or, for its clients, Anthropic says it."""

from collections.abc import Callable
from functools import partial
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from headgate.api.anthropic import models as anthropic
from headgate.api.exchange import Exchange
from headgate.api.front import Front
from headgate.api.heads import refusal_head
from headgate.api.openai import models as openai
from headgate.api.serving import credential
from headgate.catalog.catalog import Listed, best_match
from headgate.domain.principal import Principal
from headgate.domain.refusal import Refusal
from headgate.wire.anthropic_messages import ANTHROPIC_MESSAGES
from headgate.wire.openai_chat import OPENAI_CHAT

ANTHROPIC_VERSION: Final = "anthropic-version"
"""The header that every client of Anthropic's sends, and no other."""
MAX_PARAMETERS: Final = 100


async def models(front: Front, exchange: Exchange) -> None:
    """List the models that the caller's team may ask for."""
    await _answer(front, exchange, partial(_all, front, exchange))


async def model(front: Front, exchange: Exchange) -> None:
    """Show one model, which may be one that a pattern serves."""
    await _answer(front, exchange, partial(_one, front, exchange))


def _all(front: Front, exchange: Exchange, principal: Principal) -> bytes:
    governance, policy = front.platform.governance, front.policy()
    found = _with_status(front, governance.models(principal, policy))
    if ANTHROPIC_VERSION in exchange.headers:
        query = dict(_parameters(exchange.query))
        return anthropic.write_page(found, query)
    return openai.write_models(found, governance.chain(principal, policy))


def _one(front: Front, exchange: Exchange, principal: Principal) -> bytes:
    (found,) = _with_status(front, (front.platform.governance.model(principal, front.policy(), exchange.tail),))
    return anthropic.write_model(found) if ANTHROPIC_VERSION in exchange.headers else openai.write_model(found)


def _with_status(front: Front, found: tuple[Listed, ...]) -> tuple[Listed, ...]:
    """`found` as its models stand at the moment."""
    down = front.platform.pool.unavailable(front.policy())
    if not down:
        return found
    names = front.policy().models
    return tuple(
        msgspec.structs.replace(one, status="unavailable") if best_match(names, one.id) in down else one
        for one in found
    )


async def _answer(front: Front, exchange: Exchange, write: Callable[[Principal], bytes]) -> None:
    """Send what `write` says to a caller we know, and a refusal in the shape that the caller reads."""
    try:
        principal = await front.platform.identity.identify(credential(exchange.headers), exchange.at_ms)
        await exchange.respond(200, write(principal))
    except Refusal as refusal:
        codec = ANTHROPIC_MESSAGES if ANTHROPIC_VERSION in exchange.headers else OPENAI_CHAT
        body = codec.error_body(refusal, exchange.request_id)
        await exchange.respond(refusal.status, body, refusal_head(refusal, refusal.status))


def _parameters(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise Refusal("invalid_request", f"The address has more than {MAX_PARAMETERS} parameters.") from None
