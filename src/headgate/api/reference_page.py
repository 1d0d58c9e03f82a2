"""The API reference as one page of plain HTML, which loads nothing from anywhere."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

from headgate.domain.refusal import CODES

_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a }
h2 { margin: 2.5rem 0 .25rem; border-top: 1px solid #ddd; padding-top: 1.5rem; font-size: 1.1rem }
h2 b { display: inline-block; min-width: 4.5rem; color: #0a5 } code { font: 14px ui-monospace, monospace }
table { border-collapse: collapse; margin: .5rem 0; width: 100% } caption { text-align: left; font-weight: 600 }
td, th { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #eee }
@media (prefers-color-scheme: dark) { body { background: #151515; color: #eee } td, th, h2 { border-color: #333 } }
"""


def page(document: Mapping[str, Any]) -> str:
    """The page for an OpenAPI document."""
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    schemas = document["components"]["schemas"]
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>',
        f"<h1>{title}</h1><p>The same as <a href='/openapi.json'>/openapi.json</a>. A key goes into ",
        "<code>Authorization: Bearer</code>. The OpenAI and Anthropic surfaces are described by their makers.</p>",
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts += _operation(path, method, operation, schemas)
    parts.append('<h2 id="refusals">Refusals</h2>')
    parts.append(_table("Codes", [(code, str(status), meaning) for code, (status, meaning) in CODES.items()]))
    return "".join(parts) + "</html>"


def _operation(path: str, method: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2><b>{escape(method.upper())}</b> <code>{escape(path)}</code></h2>"
    yield f"<p>{escape(operation.get('description') or operation.get('summary', ''))}</p>"
    if url := operation.get("externalDocs", {}).get("url"):
        yield f"<p>What its bodies hold: <a href='{escape(url)}'>its maker's reference</a>.</p>"
    parameters = operation.get("parameters", [])
    if parameters:
        rows = [
            (each["name"], _type(each.get("schema", {})), each.get("description", each["in"])) for each in parameters
        ]
        yield _table("Parameters", rows)
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body is not None:
        yield _table("Body", _fields(body, schemas))
    for status, response in operation.get("responses", {}).items():
        schema = response.get("content", {}).get("application/json", {}).get("schema")
        if schema is not None and status.startswith("2"):
            yield _table(f"{status}: {response['description']}", _fields(schema, schemas))
    refusals = [(at, "", each["description"]) for at, each in operation["responses"].items() if not at.startswith("2")]
    if refusals:
        yield _table("Refusals", refusals)


def _fields(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Name, type and meaning of an object's fields."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    required = schema.get("required", [])
    rows = []
    for name, field in schema.get("properties", {}).items():
        default = "required" if name in required else f"default {field['default']}" if field.get("default") else ""
        rows.append((name, _type(field), ". ".join(part for part in (field.get("description", ""), default) if part)))
    return rows or [("", _type(schema), schema.get("description", ""))]


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(str(each) for each in schema["enum"])
    if schema.get("type") == "array":
        return f"array of {_type(schema.get('items', {}))}"
    return str(schema.get("type", "any"))


def _table(caption: str, rows: list[tuple[str, str, str]]) -> str:
    cells = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(kind)}</td><td>{escape(meaning)}</td></tr>"
        for name, kind, meaning in rows
    )
    return f"<table><caption>{escape(caption)}</caption>{cells}</table>"
