"""The ASGI application: finds the surface of a path, and gives the rest to the administration."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from headgate.api import operations
from headgate.api.admin.door import REQUEST_ID
from headgate.api.anthropic.messages import count_tokens, messages, probe
from headgate.api.cors import preflight_headers, response_headers
from headgate.api.exchange import Exchange, Receive, Scope, Send
from headgate.api.front import Endpoint, Front
from headgate.api.heads import refusal_head
from headgate.api.models import model, models
from headgate.api.native.cost_report import cost_report
from headgate.api.native.feedback import feedback
from headgate.api.native.generate import generate
from headgate.api.openai.chat_completions import chat_completions
from headgate.api.openai.embeddings import embeddings
from headgate.api.openai.responses import responses
from headgate.api.reference import reference
from headgate.api.refusals import native_error
from headgate.api.serving import internal_error
from headgate.domain.refusal import Refusal
from headgate.storage.postgres.database import DatabaseAway

Application = Callable[[Scope, Receive, Send], Awaitable[None]]

ROUTES: Final[Mapping[str, Mapping[str, Endpoint]]] = {
    "/v1/generate": {"POST": generate},
    "/v1/cost-report/{team_id}": {"GET": cost_report},
    "/v1/feedback": {"POST": feedback},
    "/v1/chat/completions": {"POST": chat_completions},
    "/v1/responses": {"POST": responses},
    "/v1/embeddings": {"POST": embeddings},
    "/v1/models": {"GET": models},
    "/v1/models/{id}": {"GET": model},
    "/v1/messages": {"POST": messages},
    "/v1/messages/count_tokens": {"POST": count_tokens},
    "/": {"HEAD": probe},
    "/health": {"GET": operations.health},
    "/health/live": {"GET": operations.live},
    "/health/ready": {"GET": operations.ready},
    "/health/{component}": {"GET": operations.component},
    "/metrics": {"GET": operations.metrics},
}
"""Every route of the request surfaces and of operations; a parameter stands last in its path."""
WITH_SLASHES: Final = "/v1/models/"
"""Where the parameter may hold slashes, as the ids of models do (`org/model`)."""
ADMINISTRATION: Final = "/admin/"
"""Where the paths of the administration begin."""

_LOGGER: Final = logging.getLogger(__name__)


class Dispatch:
    """Serves HTTP: routes by a look-up, one log line an exchange, an answer for whatever goes wrong.

    Args:
        administration: serves paths under `ADMINISTRATION`; it finds the exchange's id in `scope[REQUEST_ID]`.
        describe: gives the OpenAPI document of the administration.
    """

    def __init__(self, front: Front, administration: Application, describe: Callable[[], Mapping[str, Any]]) -> None:
        self._front = front
        self._administration = administration
        routes = {**ROUTES, **reference(describe)}
        self._exact = {path: (path, methods) for path, methods in routes.items() if "{" not in path}
        self._under = {path[: path.index("{")]: (path, methods) for path, methods in routes.items() if "{" in path}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one exchange."""
        if scope["type"] != "http":
            raise NotImplementedError(f"Headgate serves HTTP, not '{scope['type']}'")
        front = self._front
        exchange = Exchange(scope, receive, send, front.clock)
        try:
            path = exchange.path
            if "origin" in exchange.headers:
                exchange.extra_headers = response_headers(path, exchange.headers, front.cors_origins)
            found = self._exact.get(path) or self._parametrised(exchange)
            if found is not None:
                exchange.route, methods = found
                await self._serve(exchange, methods)
            elif path.startswith(ADMINISTRATION):
                exchange.route = "administration"
                await self._administer(exchange, scope, receive, send)
            else:
                exchange.route = "unknown"
                await _refuse(exchange, Refusal("not_found", f"There is nothing at {path[:256]}; see /docs."))
        finally:
            front.observation.exchanged(exchange, front.clock.monotonic_ns() - exchange.received_ns)

    def _parametrised(self, exchange: Exchange) -> tuple[str, Mapping[str, Endpoint]] | None:
        path = exchange.path
        under = WITH_SLASHES if path.startswith(WITH_SLASHES) else path[: path.rfind("/") + 1]
        tail = path[len(under) :]
        found = self._under.get(under) if tail and "\0" not in tail else None  # PostgreSQL's text knows no NUL
        if found is not None:
            exchange.tail = tail
        return found

    async def _serve(self, exchange: Exchange, methods: Mapping[str, Endpoint]) -> None:
        method = exchange.method
        endpoint = methods.get(method) or (methods.get("GET") if method == "HEAD" else None)
        try:
            if endpoint is not None:
                await endpoint(self._front, exchange)
            elif method == "OPTIONS" and exchange.path.startswith("/v1/"):
                await exchange.respond(204, b"", preflight_headers(exchange.headers, [*methods]))
            else:
                allowed = ", ".join(sorted(methods))
                refusal = Refusal("method_not_allowed", f"{exchange.route} does not take {method[:32]}; use {allowed}.")
                await _refuse(exchange, refusal, (b"allow", allowed.encode()))
        except Refusal as refusal:
            await _refuse(exchange, refusal)
        except DatabaseAway:
            await _refuse(
                exchange, Refusal("not_ready", "The database is away, and this cannot be read without it; try again.")
            )
        except Exception:
            _LOGGER.exception("request %s failed by our own mistake", exchange.request_id)
            await _refuse(exchange, internal_error())

    async def _administer(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
            await send(message)

        scope[REQUEST_ID] = exchange.request_id
        await self._administration(scope, receive, sending)


async def _refuse(exchange: Exchange, refusal: Refusal, *headers: tuple[bytes, bytes]) -> None:
    """Say in the native shape why there is no answer."""
    if exchange.begun:
        return
    status = refusal.status
    body = native_error(refusal, exchange.request_id, recorded=False)
    await exchange.respond(status, body, [*refusal_head(refusal, status), *headers])
