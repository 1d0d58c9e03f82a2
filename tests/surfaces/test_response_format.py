"""The form of a native answer: every wrong part is named, and it crosses to each wire format as that one says it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.surfaces.house import CHAT_WHOLE, House, Script
from tests.surfaces.test_native_body import read, wrong
from tests.surfaces.test_strict import MESSAGE_WHOLE

from headgate.api.native.response_format import MAX_SCHEMA_BYTES, MAX_SCHEMA_DEPTH
from headgate.domain.call import WireFormat
from headgate.pool.reach import CODECS
from headgate.wire.codec import Edits

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
AT = "response_format"


def form(**named: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "trip", "schema": SCHEMA, **named}}


def nested(levels: int) -> dict[str, Any]:
    """A schema of so many objects in each other."""
    schema: dict[str, Any] = {}
    for _ in range(levels - 1):
        schema = {"a": schema}
    return schema


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("json", {AT: "must be an object"}),
        ([], {AT: "must be an object"}),
        ({}, {f"{AT}.type": "must be one of json_object, json_schema"}),
        ({"type": "text"}, {f"{AT}.type": "must be one of json_object, json_schema"}),
        ({"type": []}, {f"{AT}.type": "must be one of json_object, json_schema"}),
        ({"type": "json_object", "x": 1}, {f"{AT}.x": "does not belong to the type json_object; leave it out"}),
        ({"type": "json_schema"}, {f"{AT}.json_schema": "must be an object with name and schema"}),
        ({**form(), "x": 1}, {f"{AT}.x": "does not belong to the type json_schema; leave it out"}),
        (form(name="two words"), {f"{AT}.json_schema.name": "must be 1 to 64 letters, digits, _ or -"}),
        (form(name="x" * 65), {f"{AT}.json_schema.name": "must be 1 to 64 letters, digits, _ or -"}),
        (form(name="line\n"), {f"{AT}.json_schema.name": "must be 1 to 64 letters, digits, _ or -"}),
        (form(strict="yes"), {f"{AT}.json_schema.strict": "must be true or false"}),
        (form(schema=True), {f"{AT}.json_schema.schema": "must be a JSON object"}),
        (form(schema=[]), {f"{AT}.json_schema.schema": "must be a JSON object"}),
        (form(schema=nested(MAX_SCHEMA_DEPTH + 1)), {f"{AT}.json_schema.schema": "must be at most 32 levels deep"}),
        (form(schema={"a": "x" * 65_530}), {f"{AT}.json_schema.schema": "must be at most 65,536 bytes long"}),
        (form(extra=1), {f"{AT}.json_schema.extra": "is not known; leave it out"}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_wrong_part_is_named_with_what_would_be_right(value: Any, said: dict[str, str]) -> None:
    expected = {param: f"The field '{param}' {expectation}." for param, expectation in said.items()}
    assert wrong(prompt="x", response_format=value) == expected


def test_every_wrong_part_is_named_at_once_with_every_other_wrong_field() -> None:
    value = {"type": "json_schema", "json_schema": {"schema": 1, "strict": 2, "other": 3}}
    found = wrong(prompt="", response_format=value)
    at = f"{AT}.json_schema"
    assert set(found) == {"prompt", f"{at}.name", f"{at}.schema", f"{at}.strict", f"{at}.other"}


def test_what_is_within_bounds_is_taken() -> None:
    for schema in (SCHEMA, {}, nested(MAX_SCHEMA_DEPTH), {"a": "x" * (MAX_SCHEMA_BYTES - 8)}):
        request = read(prompt="x", response_format=form(schema=schema, strict=True)).request
        prompt = request.read_prompt(request.raw)
        assert (prompt.json_schema, prompt.json_schema_name, prompt.json_schema_strict) == (schema, "trip", True)


def test_any_object_and_nothing_are_told_apart() -> None:
    for value, schema in (({"type": "json_object"}, {}), (None, None)):
        request = read(prompt="x", response_format=value).request
        assert request.read_prompt(request.raw).json_schema == schema


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.text('äx"\n', max_size=8)))
def test_the_text_that_a_model_reads_is_counted_whole(schema: dict[str, str]) -> None:
    request = read(prompt="x", response_format=form(schema=schema)).request
    for wire in (WireFormat.OPENAI_CHAT, WireFormat.ANTHROPIC_MESSAGES):
        body, _ = CODECS[wire].write_request(request.read_prompt(request.raw), Edits("m"))
        sent = json.loads(body)
        told = sent.get("response_format") or sent.get("output_config") or {}
        assert len(json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()) <= request.text_bytes + 8


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ({"type": "json_object"}, {"type": "json_object"}),
        (form(strict=True), form(strict=True)),
        (form(), form()),
    ],
    ids=str,
)
async def test_it_crosses_to_openais_chat(value: Any, sent: Any) -> None:
    small = House(Script([CHAT_WHOLE]))
    response = await small.call("POST", "/v1/generate", {"prompt": "x", "model": "gpt", AT: value})
    assert response.status == 200
    assert json.loads(small.script.sent[0].body)[AT] == sent
    assert "x-headgate-dropped" not in response.headers


async def test_it_crosses_to_anthropics_messages_and_what_cannot_is_named() -> None:
    small = House(Script([MESSAGE_WHOLE]))
    response = await small.call("POST", "/v1/generate", {"prompt": "x", "model": "claude", AT: form(strict=True)})
    sent = json.loads(small.script.sent[0].body)
    assert sent["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert response.headers["x-headgate-dropped"] == "response_format.json_schema.name"
    response = await small.call("POST", "/v1/generate", {"prompt": "x", "model": "claude", AT: {"type": "json_object"}})
    assert response.headers["x-headgate-dropped"] == "response_format.json_object"


async def test_a_wrong_form_is_422_on_the_surface() -> None:
    response = await House(Script([CHAT_WHOLE])).call("POST", "/v1/generate", {"prompt": "x", AT: form(name="")})
    assert response.status == 422
    [field] = response.json["headgate"]["fields"]
    assert field["param"] == f"{AT}.json_schema.name"
