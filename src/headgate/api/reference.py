"""`/openapi.json` and `/docs`: the surfaces where they are our own, merged with the administration's description."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import msgspec

from headgate import __version__
from headgate.api.exchange import Exchange
from headgate.api.front import Endpoint, Front
from headgate.api.native.answer import Generated
from headgate.api.native.body import GenerateBody
from headgate.api.native.feedback import FeedbackBody, FeedbackTaken
from headgate.api.openai.models import ModelEntry, Models
from headgate.api.operations import Overall
from headgate.api.reference_page import page
from headgate.domain.refusal import CODES
from headgate.ledger.ledger import Report
from headgate.wire.openai_embeddings.answer import Embeddings
from headgate.wire.openai_embeddings.request import EmbeddingsBody


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


_REFUSALS_OF_CALLS = (400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504)
_REFUSALS_OF_READS = (401, 403, 404, 500, 503)
_THEIRS: Final = {
    "/v1/chat/completions": (
        "openai",
        "chat_completions",
        "Answer a chat, as OpenAI's chat completions.",
        "https://platform.openai.com/docs/api-reference/chat",
        ("model", "messages"),
    ),
    "/v1/responses": (
        "openai",
        "responses",
        "Answer a conversation, as OpenAI's responses.",
        "https://platform.openai.com/docs/api-reference/responses",
        ("model", "input"),
    ),
    "/v1/messages": (
        "anthropic",
        "messages",
        "Answer messages, as Anthropic's messages.",
        "https://docs.claude.com/en/api/messages",
        ("model", "max_tokens", "messages"),
    ),
    "/v1/messages/count_tokens": (
        "anthropic",
        "count_tokens",
        "Count the tokens of messages.",
        "https://docs.claude.com/en/api/messages-count-tokens",
        ("model", "messages"),
    ),
}
"""Surfaces whose bodies their makers define: tag, operation, summary, description, what a body must hold."""


def reference(administration: Callable[[], Mapping[str, Any]]) -> dict[str, dict[str, Endpoint]]:
    """The routes of the reference; `administration` gives the OpenAPI document of its endpoints."""

    @cache
    def written() -> tuple[bytes, bytes]:
        document = merged(administration())
        return msgspec.json.encode(document), page(document).encode()

    async def openapi(front: Front, exchange: Exchange) -> None:
        await exchange.respond(200, written()[0])

    async def docs(front: Front, exchange: Exchange) -> None:
        policy = (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'")
        await exchange.respond(200, written()[1], [policy], b"text/html; charset=utf-8")

    return {"/openapi.json": {"GET": openapi}, "/docs": {"GET": docs}}


def merged(administration: Mapping[str, Any]) -> dict[str, Any]:
    """One OpenAPI document; what chats, responses and messages hold is described by their makers."""
    paths, schemas = _described()
    components = administration.get("components", {})
    theirs = components.get("schemas", {})
    assert not schemas.keys() & theirs.keys(), "a schema's name stands for one thing"
    return {
        **administration,
        "info": {"title": "Headgate", "version": __version__},
        "paths": {**paths, **administration.get("paths", {})},
        "components": {**components, "schemas": {**schemas, **theirs}},
    }


def _described() -> tuple[dict[str, Any], dict[str, Any]]:
    """The paths and the schemas they name."""
    structs = (
        *(GenerateBody, Generated, FeedbackBody, FeedbackTaken, Report, Overall, Error),
        *(EmbeddingsBody, Embeddings, ModelEntry, Models),
    )
    found, schemas = msgspec.json.schema_components(structs, ref_template="#/components/schemas/{name}")
    body, generated, said, taken, report, overall, error, *openai = found
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
        "/v1/feedback": {"post": _feedback(said, taken, error)},
        "/v1/cost-report/{team_id}": {"get": costs},
        **_openai(openai, error),
        **{path: {"post": _theirs(*of)} for path, of in _THEIRS.items()},
        "/health": {"get": health},
    }
    return paths, schemas


def _feedback(said: dict[str, Any], taken: dict[str, Any], error: dict[str, Any]) -> dict[str, Any]:
    refusals = (400, 401, 403, 404, 413, 422, 500, 503)
    operation = _operation("feedback", "Say how an answer was.", ("It was taken.", taken), error, refusals)
    operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": said}}}
    operation["responses"]["202"] = operation["responses"].pop("200")
    return operation


def _openai(schemas: list[dict[str, Any]], error: dict[str, Any]) -> dict[str, Any]:
    """The paths of OpenAI's surface that are fully read here."""
    body, vectors, entry, listed = schemas
    refusals = tuple(status for status in _REFUSALS_OF_CALLS if status != 422)
    embed = _operation("embeddings", "Embed texts.", ("Their vectors.", vectors), error, refusals)
    embed["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    models = _operation(
        "models", "The models that the team may ask for.", ("The models.", listed), error, _REFUSALS_OF_READS
    )
    model = _operation("model", "One model.", ("The model.", entry), error, _REFUSALS_OF_READS)
    model["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
    for operation in (embed, models, model):
        operation["tags"] = ["openai"]
    return {
        "/v1/embeddings": {"post": embed},
        "/v1/models": {"get": models},
        "/v1/models/{id}": {"get": model},
    }


def _theirs(tag: str, name: str, summary: str, url: str, required: tuple[str, ...]) -> dict[str, Any]:
    """A surface whose bodies, refusals included, have the shape that its maker gave them."""
    operation = _operation(name, summary, ("An answer.", {"type": "object"}), {"type": "object"}, _REFUSALS_OF_CALLS)
    body = {"type": "object", "required": list(required), "additionalProperties": True}
    operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    if name != "count_tokens":
        operation["responses"]["200"]["content"]["text/event-stream"] = {
            "schema": {"type": "string", "description": "The maker's events, where `stream` is true."}
        }
    operation["externalDocs"] = {"url": url}
    operation["tags"] = [tag]
    return operation


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
        "responses": responses,
    }


def _response(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
