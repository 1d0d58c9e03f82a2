"""The OpenAPI description of the native surface and of operations, merged into the administration's."""

from typing import Any, Final

import msgspec
from fastapi import FastAPI

from headgate.api.native.answer import Generated
from headgate.api.native.body import GenerateBody
from headgate.api.operations import Overall
from headgate.domain.refusal import CODES
from headgate.ledger.ledger import Report


class ErrorObject(msgspec.Struct):
    """What went wrong."""

    type: str
    code: str
    message: str
    """What happened and what to do about it."""
    param: str | None


class WrongField(msgspec.Struct):
    """One field that is wrong."""

    param: str
    message: str


class Explanation(msgspec.Struct):
    """Which rule refused the call and whose it is; null where it does not apply."""

    code: str
    request_id: str
    scope: str | None = None
    limit: float | str | None = None
    used: float | str | None = None
    resets_at: str | None = None
    owner: str | None = None
    link: str | None = None
    fields: list[WrongField] | None = None


class Error(msgspec.Struct):
    """Why a call was not served."""

    error: ErrorObject
    headgate: Explanation


_SCHEMES: Final = {
    "virtual key": {"type": "http", "scheme": "bearer", "description": "A virtual key, `hg_...`."},
    "virtual key in a header": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}
_KEYED: Final[list[dict[str, list[str]]]] = [{name: []} for name in _SCHEMES]
_REFUSALS_OF_CALLS: Final = (400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504)
_REFUSALS_OF_READS: Final = (401, 403, 404, 500, 503)


def merge_into(administration: FastAPI) -> None:
    """Make `administration` describe the native surface and operations beside its own endpoints."""
    describe = administration.openapi

    def whole() -> dict[str, Any]:
        described = describe()
        paths, schemas = _described()
        components = described.setdefault("components", {})
        described["paths"] = {**paths, **described.get("paths", {})}
        components["schemas"] = {**schemas, **components.get("schemas", {})}
        components["securitySchemes"] = {**_SCHEMES, **components.get("securitySchemes", {})}
        return described

    administration.openapi = whole  # type: ignore[method-assign]


def _described() -> tuple[dict[str, Any], dict[str, Any]]:
    """The paths and the schemas they name."""
    structs = (GenerateBody, Generated, Report, Overall, Error)
    found, schemas = msgspec.json.schema_components(structs, ref_template="#/components/schemas/{name}")
    body, generated, report, overall, error = found
    generate = _operation("generate", "Answer a prompt.", ("An answer.", generated), error, _REFUSALS_OF_CALLS)
    generate["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    generate["responses"]["200"]["content"]["text/event-stream"] = {
        "schema": {
            "type": "string",
            "description": "`delta` events with `text`; last `done` with all of an answer but its content, "
            "or `error` with the body of a refusal.",
        }
    }
    costs = _operation(
        "cost_report", "What a team spent in its budget's period.", ("The report.", report), error, _REFUSALS_OF_READS
    )
    costs["parameters"] = [{"name": "team_id", "in": "path", "required": True, "schema": {"type": "string"}}]
    health = _operation("health", "How every component stands.", ("Calls are served.", overall), error, ())
    health["responses"]["503"] = {**health["responses"]["200"], "description": "Calls cannot be served."}
    health["security"] = []
    paths = {
        "/v1/generate": {"post": generate},
        "/v1/cost-report/{team_id}": {"get": costs},
        "/health": {"get": health},
    }
    return paths, schemas


def _operation(
    name: str, summary: str, answer: tuple[str, dict[str, Any]], error: dict[str, Any], refusals: tuple[int, ...]
) -> dict[str, Any]:
    responses = {"200": _response(*answer)}
    for status in refusals:
        codes = sorted(code for code, (at, _) in CODES.items() if at == status)
        responses[str(status)] = _response(", ".join(f"`{code}`" for code in codes) or "Refused.", error)
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["native" if refusals else "operations"],
        "security": _KEYED,
        "responses": responses,
    }


def _response(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
