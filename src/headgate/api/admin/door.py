"""The one door of administration: body within its bound, caller known, role permitted, then the fields."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping, Sequence
from typing import Any, Final, Protocol

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from headgate.api.exchange import BODY_TIMEOUT_S, too_slow
from headgate.api.heads import refusal_head
from headgate.api.refusals import native_error
from headgate.api.serving import credential
from headgate.cache.cache import Cache
from headgate.domain.refusal import Refusal
from headgate.identity import roles
from headgate.identity.directory import Actor
from headgate.identity.identity import Identity
from headgate.journal.journal import Journal
from headgate.kit.clock import Clock
from headgate.kit.ids import uuid7
from headgate.ledger.ledger import Ledger
from headgate.pool.pool import Pool
from headgate.storage.postgres.database import DatabaseAway

MAX_BODY_BYTES: Final = 1024 * 1024
REQUEST_ID: Final = "headgate.request_id"
"""Where the ASGI scope holds the request's id; whoever serves the exchange before us may have set it."""
_ACTOR: Final = "headgate.actor"
_LOGGER: Final = logging.getLogger(__name__)


class Administered(Protocol):
    """The rooms that administration needs; the platform has them, and tests bring no more than these."""

    @property
    def identity(self) -> Identity:
        """Who calls, and the directory."""
        ...

    @property
    def journal(self) -> Journal:
        """Where acts are written down."""
        ...

    @property
    def ledger(self) -> Ledger:
        """What was spent."""
        ...

    @property
    def cache(self) -> Cache:
        """Kept answers."""
        ...

    @property
    def pool(self) -> Pool:
        """The deployments."""
        ...


def actor(request: Request) -> Actor:
    """Who administers in this exchange; the door has let it in."""
    known: Actor = request.scope[_ACTOR]
    return known


def request_id(scope: MutableMapping[str, Any], clock: Clock) -> str:
    """The exchange's request id, the same wherever it is asked for."""
    known: str = scope.setdefault(REQUEST_ID, uuid7(clock.now_ms()))
    return known


def refusal_response(refusal: Refusal, request_id: str) -> Response:
    """A refusal as a response."""
    head = refusal_head(refusal, refusal.status)
    headers = {"x-request-id": request_id} | {name.decode(): value.decode() for name, value in head}
    body = native_error(refusal, request_id, recorded=False)
    return Response(body, status_code=refusal.status, headers=headers, media_type="application/json")


def door(platform: Administered, clock: Clock) -> type[APIRoute]:
    """The class of routes that check in the order 413, 401, 403, 400, 422 before they answer.

    A route's name is the action that `identity.roles` permits or, where it does not know it, denies.
    """

    class Door(APIRoute):
        """One route of administration."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            """The route's own answer, behind the checks."""
            answer, action = super().get_route_handler(), self.name

            async def guarded(request: Request) -> Response:
                known_as = request_id(request.scope, clock)
                try:
                    body = await _body(request)
                    at_ms = clock.now_ms()
                    principal = await platform.identity.identify(credential(request.headers), at_ms)
                    roles.reach(principal, action)
                    _check_address(request)
                    request.scope[_ACTOR] = Actor(principal, known_as)
                    response = await _answer(answer, _as_json(request, body))
                    if request.method != "GET":
                        await platform.journal.durable()
                except Refusal as refusal:
                    return refusal_response(refusal, known_as)
                except Exception:
                    _LOGGER.exception("request %s failed by our own mistake", known_as)
                    mistake = Refusal("internal_error", "Headgate made a mistake; tell its operator the request id.")
                    return refusal_response(mistake, known_as)
                response.headers["x-request-id"] = known_as
                return response

            return guarded

    return Door


async def _answer(answer: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
    try:
        return await answer(request)
    except RequestValidationError as mistakes:
        raise _invalid(mistakes.errors()) from None
    except HTTPException as mistake:
        raise Refusal("invalid_request", "The body is not JSON in UTF-8.") from mistake
    except DatabaseAway:
        raise Refusal(
            "not_ready", "The database is away, so nothing was answered; try again in a second.", retry_after_s=1
        ) from None


def _check_address(request: Request) -> None:
    """PostgreSQL's text knows no NUL, so nothing that holds one can be there."""
    if "\0" in request.url.path or "%00" in request.url.query:
        raise Refusal("not_found", "There is nothing by a name that holds a NUL character.")


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for part in request.stream():
                body += part
                if len(body) > MAX_BODY_BYTES:
                    raise Refusal("body_too_large", f"A body may be {MAX_BODY_BYTES:,} bytes long here; send less.")
    except TimeoutError:
        raise too_slow() from None
    return bytes(body)


def _as_json(request: Request, body: bytes) -> Request:
    """The request with its body to be read again; a body is JSON here, whatever its sender calls it."""

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    others = [header for header in request.scope["headers"] if header[0] != b"content-type"]
    request.scope["headers"] = [*others, (b"content-type", b"application/json")]
    return Request(request.scope, receive)


def _invalid(errors: Sequence[Any]) -> Refusal:
    """Every wrong field at once; the sentence names the first, `fields` all of them."""
    if any(error["type"] == "json_invalid" for error in errors):
        return Refusal("invalid_request", f"The body is not JSON: {errors[0]['ctx']['error']}.")
    fields = [{"param": _param(error["loc"]), "message": _message(error)} for error in errors]
    more = f" ({len(fields) - 1} more in headgate.fields)" if len(fields) > 1 else ""
    sentence = f"{fields[0]['param']}: {fields[0]['message']}{more}."
    return Refusal("invalid_parameter", sentence, param=fields[0]["param"], details={"fields": fields})


def _param(where: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in where[1:]) or str(where[0])


def _message(error: Any) -> str:
    message: str = error["msg"]
    return message.removeprefix("Value error, ").rstrip(".")
