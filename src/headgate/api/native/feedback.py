"""`POST /v1/feedback`: what a caller has to say about an answer; a wrong hit of the cache is forgotten at once."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from headgate.api.exchange import Exchange
from headgate.api.front import Front
from headgate.api.serving import credential
from headgate.cache.cache import Served
from headgate.cache.lookup import MADE_FOR
from headgate.domain.refusal import Refusal
from headgate.ledger.store import RequestRow

MAX_FEEDBACK_BYTES: Final = 64 * 1024
WRONG_HIT: Final = "wrong_hit"


class FeedbackBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said about an answer."""

    request_id: Annotated[str, Meta(max_length=64, description="The call that is spoken of.")]
    metric: Annotated[str, Meta(description="`wrong_hit`: the cache served what does not answer the question.")]
    value: Annotated[bool | float | str, Meta(description="How it was; a wrong hit is true.")] = True
    comment: Annotated[str, Meta(max_length=2000, description="Words for people; not kept by this version.")] = ""


class FeedbackTaken(msgspec.Struct, frozen=True):
    """Feedback that was taken."""

    request_id: str
    metric: str
    purged: bool
    """Whether an answer was forgotten for it."""


_BODY: Final = msgspec.json.Decoder(FeedbackBody)


async def feedback(front: Front, exchange: Exchange) -> None:
    """Take feedback on a call of the caller's own team.

    Raises:
        Refusal: the caller is not known, `invalid_request`, `invalid_parameter`, `not_found`.
        DatabaseAway: the call cannot be looked up.
    """
    raw = await exchange.body(MAX_FEEDBACK_BYTES)
    platform = front.platform
    principal = await platform.identity.identify(credential(exchange.headers), exchange.at_ms)
    body = _read(raw)
    await platform.journal.projected()
    row, _ = await platform.ledger.request(body.request_id, principal.team or None, None)
    if not row.team:
        raise Refusal("not_found", f"The request '{row.request_id}' belongs to no team.", param="request_id")
    principal = msgspec.structs.replace(principal, team=row.team)
    purged = body.value is True and await platform.cache.wrong(principal, _served(row))
    await exchange.respond(202, msgspec.json.encode(FeedbackTaken(body.request_id, body.metric, purged)))


def _read(raw: bytes) -> FeedbackBody:
    try:
        body = _BODY.decode(raw)
    except msgspec.ValidationError as error:
        raise Refusal("invalid_parameter", f"The feedback is wrong: {error}; see /docs.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal("invalid_request", f"The body is not valid JSON: {error}; send a JSON object.") from None
    if body.metric != WRONG_HIT:
        sentence = f"There is no metric '{body.metric[:64]}'; this version takes '{WRONG_HIT}'."
        raise Refusal("invalid_parameter", sentence, param="metric")
    return body


def _served(row: RequestRow) -> Served:
    """Whose answer the call was given, as its own steps say."""
    said = next((said for step, said, _ in row.steps if step == "cache" and MADE_FOR in said), "")
    return Served(row.use_case, said.rpartition(MADE_FOR)[2] or str(row.request_id))
