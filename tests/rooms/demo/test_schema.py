"""The schema filler: its values satisfy the schema, and no schema harms it."""

import re
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.pool.providers.demo.patterns import MAX_LENGTH, example
from headgate.pool.providers.demo.schema import fill

NODE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}, "minItems": 0},
                "parent": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["name"],
        }
    },
    "$ref": "#/$defs/node",
}
SCHEMAS: list[dict[str, Any]] = [
    {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "boolean"}}, "required": ["a"]},
    {"type": "object", "properties": {"a": {"enum": ["x", "y"]}, "b": {"const": 4}}, "additionalProperties": False},
    {"type": "array", "items": {"type": "integer"}, "minItems": 3, "uniqueItems": True},
    {"type": "array", "prefixItems": [{"type": "string"}, {"type": "null"}], "minItems": 2},
    {"type": "string", "minLength": 12},
    {"type": "string", "maxLength": 2},
    {"type": ["null", "integer"], "minimum": 10},
    {"type": "integer", "exclusiveMinimum": 4, "exclusiveMaximum": 6},
    {"type": "integer", "minimum": 5, "multipleOf": 7},
    {"type": "number", "exclusiveMaximum": 0},
    {"type": "number", "minimum": 0, "maximum": 0.25},
    {"type": "string", "format": "email"},
    {"anyOf": [{"type": "null"}, {"type": "string", "pattern": "^[A-Z]{3}-\\d{4}$"}]},
    {"oneOf": [{"type": "object", "properties": {"k": {"const": "a"}}, "required": ["k"]}, {"type": "string"}]},
    {"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"required": ["b"]}], "type": "object"},
    {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2},
    {"type": "object"},
    NODE,
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=range(len(SCHEMAS)))
def test_a_value_satisfies_its_schema(schema: dict[str, Any]) -> None:
    jsonschema_rs.validate(schema, fill(schema), validate_formats=True)
    assert fill(schema) == fill(schema)


def scalars() -> st.SearchStrategy[dict[str, Any]]:
    bounds = st.tuples(st.integers(-50, 50), st.integers(2, 50))
    numbers = st.builds(
        lambda kind, bound: {"type": kind, "minimum": bound[0], "maximum": bound[0] + bound[1]},
        st.sampled_from(["integer", "number"]),
        bounds,
    )
    strings = st.builds(
        lambda least, more: {"type": "string", "minLength": least, "maxLength": least + more},
        st.integers(0, 30),
        st.integers(0, 30),
    )
    return numbers | strings | st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"enum": ["x", 1]}, {}])


def objects(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    properties = st.dictionaries(st.sampled_from("abcd"), inner, max_size=3)
    structured = st.builds(
        lambda declared, required: {
            "type": "object",
            "properties": declared,
            "required": [name for name in required if name in declared],
            "additionalProperties": False,
        },
        properties,
        st.lists(st.sampled_from("abcd"), unique=True),
    )
    return structured | st.builds(lambda items: {"type": "array", "items": items, "minItems": 2}, inner)


@given(st.recursive(scalars(), objects, max_leaves=12))
def test_any_ordinary_schema_is_satisfied(schema: dict[str, Any]) -> None:
    jsonschema_rs.validate(schema, fill(schema))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "enum", "items", "required", "properties", "anyOf", "allOf", "minItems", "a"])
            | st.sampled_from(
                ["$ref", "minimum", "multipleOf", "maxLength", "pattern", "minProperties", "prefixItems"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(st.dictionaries(st.sampled_from(["type", "items", "properties", "required", "anyOf", "minimum"]), JSON))
def test_a_schema_that_is_none_harms_nothing(schema: dict[str, Any]) -> None:
    fill(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"type": "array", "items": {"$ref": "#"}, "minItems": 10**9},
        {"type": "string", "minLength": 10**12},
        {"type": "object", "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}, "required": ["a", "b"]},
    ],
)
def test_a_schema_without_end_ends(schema: dict[str, Any]) -> None:
    fill(schema)


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[A-Z]{2}\d{3,5}$",
        r"^(foo|bar)-\w+$",
        r"^https?://[a-z0-9.-]+/\S*$",
        r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$",
        r"^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$",
        r"^\+?[1-9]\d{1,14}$",
        r"^(?P<year>\d{4})-(?P<month>0[1-9]|1[0-2])$",
        r"^a|b$",
        r"^[\w\-]{8}$",
        r"^\x41\u0042.$",
        r"^[]x]+?$",
    ],
)
def test_an_example_matches_its_pattern(pattern: str) -> None:
    assert re.search(pattern, example(pattern))


@given(st.text(alphabet="ab(|)[]{}^$*+?.\\d-0123,:<>=!Px", max_size=40))
def test_any_pattern_gets_a_bounded_example(pattern: str) -> None:
    assert len(example(pattern)) <= MAX_LENGTH


@pytest.mark.parametrize("pattern", ["(" * 5000, "(a{1000}){1000}", "((a{99}){99}){99}", "[" * 5000, "(a+)+$" * 99])
def test_a_pattern_meant_to_hurt_does_not(pattern: str) -> None:
    assert len(example(pattern)) <= MAX_LENGTH
