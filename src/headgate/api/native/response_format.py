"""The form that a native answer shall have, as OpenAI's chat writes it: any JSON object, or one of a JSON Schema."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from headgate.domain.prompt import Prompt

MAX_SCHEMA_BYTES: Final = 65_536
"""Bytes of a schema, written without blanks."""
MAX_SCHEMA_DEPTH: Final = 32
"""How deep objects and arrays of a schema may stand in each other."""
NAME: Final = "^[a-zA-Z0-9_-]{1,64}$"
_KINDS: Final = ("json_object", "json_schema")
_SCHEMA_FIELDS: Final = ("name", "schema", "strict")


class NamedSchema(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A JSON Schema with a name."""

    name: Annotated[str, Meta(pattern=NAME, description="What the answer is called.")]
    schema: Annotated[dict[str, Any], Meta(description="The JSON Schema that the answer meets.")]
    strict: Annotated[bool, Meta(description="Whether the model must keep to it to the letter.")] | None = None


class JsonObject(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="json_object"):
    """An answer that is a JSON object."""


class JsonSchema(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="json_schema"):
    """An answer that is JSON of a schema."""

    json_schema: NamedSchema


ResponseFormat = JsonObject | JsonSchema


def formed(prompt: Prompt, wanted: ResponseFormat | None) -> Prompt:
    """`prompt` with the form that its answer shall have."""
    if wanted is None:
        return prompt
    if isinstance(wanted, JsonObject):
        return msgspec.structs.replace(prompt, json_schema={})
    named = wanted.json_schema
    return msgspec.structs.replace(
        prompt, json_schema=named.schema, json_schema_name=named.name, json_schema_strict=named.strict
    )


def text_bytes(wanted: ResponseFormat | None) -> int:
    """The most bytes of text that the form adds to what a model reads."""
    return 0 if wanted is None else len(msgspec.json.encode(wanted))


def mistakes(value: object) -> list[tuple[str, str]]:
    """What is wrong with the field `response_format`, whose JSON says `value`: each part, and what it must be."""
    at = "response_format"
    if value is None:
        return []
    if not isinstance(value, dict):
        return [(at, "must be an object")]
    kind = value.get("type")
    if kind not in _KINDS:
        return [(f"{at}.type", f"must be one of {', '.join(_KINDS)}")]
    known = ("type", "json_schema") if kind == "json_schema" else ("type",)
    found = [
        (f"{at}.{name[:64]}", f"does not belong to the type {kind}; leave it out")
        for name in value
        if name not in known
    ]
    if kind == "json_schema":
        found += _schema_mistakes(f"{at}.json_schema", value.get("json_schema"))
    return found


def _schema_mistakes(at: str, named: object) -> list[tuple[str, str]]:
    if not isinstance(named, dict):
        return [(at, "must be an object with name and schema")]
    found = [(f"{at}.{name[:64]}", "is not known; leave it out") for name in named if name not in _SCHEMA_FIELDS]
    name = named.get("name")
    if not isinstance(name, str) or re.fullmatch(NAME, name) is None:
        found.append((f"{at}.name", "must be 1 to 64 letters, digits, _ or -"))
    if not isinstance(named.get("strict"), bool | None):
        found.append((f"{at}.strict", "must be true or false"))
    schema = named.get("schema")
    if not isinstance(schema, dict):
        found.append((f"{at}.schema", "must be a JSON object"))
    elif _depth(schema) > MAX_SCHEMA_DEPTH:
        found.append((f"{at}.schema", f"must be at most {MAX_SCHEMA_DEPTH} levels deep"))
    elif len(msgspec.json.encode(schema)) > MAX_SCHEMA_BYTES:
        found.append((f"{at}.schema", f"must be at most {MAX_SCHEMA_BYTES:,} bytes long"))
    return found


def _depth(value: Mapping[str, Any]) -> int:
    """How deep objects and arrays stand in each other, up to one more than is allowed."""
    depth = 0
    level: list[Any] = [value]
    while level and depth <= MAX_SCHEMA_DEPTH:
        depth += 1
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return depth
