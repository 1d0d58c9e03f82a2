"""The FastAPI application that serves administration, and its part of the API reference."""

from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from headgate import __version__
from headgate.api.admin.cache import add_cache
from headgate.api.admin.door import Administered, door, refusal_response, request_id
from headgate.api.admin.keys import add_keys
from headgate.api.admin.ledger import add_ledger
from headgate.api.admin.pool import add_pool
from headgate.api.admin.projects import add_projects
from headgate.api.admin.requests import add_requests
from headgate.api.admin.teams import add_teams
from headgate.api.admin.users import add_users
from headgate.domain.policy import Policy
from headgate.domain.refusal import Refusal
from headgate.kit.clock import Clock

PREFIX: Final = "/admin/v1"


class ErrorOut(BaseModel):
    """What went wrong; `message` is enough to act on."""

    type: str = Field(examples=["permission_error"])
    code: str = Field(examples=["not_permitted"])
    message: str
    param: str | None


class RefusalOut(BaseModel):
    """A refusal."""

    error: ErrorOut
    headgate: dict[str, Any] = Field(examples=[{"code": "not_permitted", "request_id": "..."}])


_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    401: {"model": RefusalOut, "description": "The key is missing, unknown, revoked or expired."},
    403: {"model": RefusalOut, "description": "The key's role does not permit this."},
    404: {"model": RefusalOut, "description": "It is not there, or it is another team's."},
    409: {"model": RefusalOut, "description": "The change contradicts what is there."},
    422: {"model": RefusalOut, "description": "A field is out of range; `headgate.fields` lists every one."},
}


class Administration(FastAPI):
    """Administration, described with the ways in which a key may be sent."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document of administration alone."""
        if self.openapi_schema is None:
            described = get_openapi(title=self.title, version=self.version, routes=self.routes)
            described.setdefault("components", {})["securitySchemes"] = {
                "bearer": {"type": "http", "scheme": "bearer"},
                "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "api-key": {"type": "apiKey", "in": "header", "name": "api-key"},
            }
            described["security"] = [{"bearer": []}, {"x-api-key": []}, {"api-key": []}]
            self.openapi_schema = described
        return self.openapi_schema


def admin_app(platform: Administered, clock: Clock, policy: Callable[[], Policy]) -> FastAPI:
    """The application; it serves `/admin/v1/...` by whole paths and refuses whatever else it is sent.

    `policy` gives the one in force.
    """
    app = Administration(title="Headgate administration", version=__version__, openapi_url=None)
    router = APIRouter(prefix=PREFIX, route_class=door(platform, clock), responses=_REFUSALS)
    for add in (add_teams, add_projects, add_users, add_keys, add_ledger, add_requests):
        add(router, platform)
    add_pool(router, platform, policy, clock)
    add_cache(router, platform, clock)
    app.include_router(router)

    async def elsewhere(request: Request, error: Exception) -> Response:
        """A path or a method that is not there."""
        wrong_method = isinstance(error, HTTPException) and error.status_code == 405
        code = "method_not_allowed" if wrong_method else "not_found"
        sentence = f"There is no {request.method} {request.url.path}; /docs lists what there is."
        return refusal_response(Refusal(code, sentence), request_id(request.scope, clock))

    app.add_exception_handler(HTTPException, elsewhere)
    return app
