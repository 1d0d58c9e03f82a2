"""The native body: every wrong field is named at once, and what is right is read as it was meant."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.api.native.body import MAX_MISTAKES, MAX_PROMPT_CHARS, MAX_TOKENS, read_body
from headgate.domain.refusal import Refusal


def read(**fields: Any) -> Any:
    return read_body(json.dumps(fields).encode(), {})


def wrong(**fields: Any) -> dict[str, str]:
    with pytest.raises(Refusal) as caught:
        read(**fields)
    assert (caught.value.code, caught.value.status) == ("invalid_parameter", 422)
    return {field["param"]: field["message"] for field in caught.value.details["fields"]}


def test_a_prompt_alone_takes_every_default() -> None:
    reading = read(prompt="Say hello")
    request = reading.request
    assert (request.model, request.stream, request.max_output_tokens) == ("", False, 1024)
    assert (reading.use_case, reading.pipeline, reading.team) == (None, None, None)
    assert request.read_prompt(request.raw).temperature == 0.3
    assert request.text_bytes == len("Say hello")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"prompt": ""}, {"prompt": "The field 'prompt' must be at least 1 characters long."}),
        (
            {"prompt": "x" * (MAX_PROMPT_CHARS + 1)},
            {"prompt": "The field 'prompt' must be at most 32,000 characters long."},
        ),
        ({"prompt": 5}, {"prompt": "The field 'prompt' must be a string."}),
        ({}, {"prompt": "The field 'prompt' is required."}),
        ({"prompt": "x", "temperature": 1.01}, {"temperature": "The field 'temperature' must be at most 1."}),
        ({"prompt": "x", "temperature": -1}, {"temperature": "The field 'temperature' must be at least 0."}),
        ({"prompt": "x", "max_tokens": 0}, {"max_tokens": "The field 'max_tokens' must be at least 1."}),
        ({"prompt": "x", "max_tokens": 4097}, {"max_tokens": "The field 'max_tokens' must be at most 4,096."}),
        ({"prompt": "x", "max_tokens": "9"}, {"max_tokens": "The field 'max_tokens' must be a whole number."}),
        ({"prompt": "x", "stream": "yes"}, {"stream": "The field 'stream' must be true or false."}),
        (
            {"prompt": "x", "pipeline": "magic"},
            {"pipeline": "The field 'pipeline' must be one of auto, rag, agent, direct."},
        ),
        (
            {"prompt": "x", "temprature": 1},
            {"temprature": "There is no field 'temprature'; did you mean 'temperature'?"},
        ),
    ],
    ids=str,
)
def test_a_wrong_field_is_named_with_what_would_be_right(fields: dict[str, Any], said: dict[str, str]) -> None:
    assert wrong(**fields) == said


def test_every_wrong_field_is_named_at_once() -> None:
    assert set(wrong(temperature=2, max_tokens=0, colour="red")) == {"prompt", "temperature", "max_tokens", "colour"}


@pytest.mark.parametrize("name", ["collection", "conversation"])
def test_what_is_not_there_yet_is_said_honestly(name: str) -> None:
    assert "not part of this version" in wrong(prompt="x", **{name: "y"})[name]


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b'{"prompt": "\\ud800"}', b"[1]", b'"x"', b"[" * 100_000])
def test_what_is_no_json_object_is_malformed(raw: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        read_body(raw, {})
    assert caught.value.status == 400


@given(
    prompt=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200),
    max_tokens=st.integers(1, MAX_TOKENS),
    temperature=st.floats(0, 1),
)
def test_what_is_within_range_is_read_exactly(prompt: str, max_tokens: int, temperature: float) -> None:
    request = read(prompt=prompt, max_tokens=max_tokens, temperature=temperature).request
    canonical = request.read_prompt(request.raw)
    assert canonical.messages[0].parts[0].text == prompt
    assert (request.max_output_tokens, canonical.temperature) == (max_tokens, temperature)
    assert request.text_bytes == len(prompt.encode())


def test_of_very_many_mistakes_the_first_are_told() -> None:
    said = wrong(**{f"unknown_{number}": 1 for number in range(50_000)})
    assert len(said) == MAX_MISTAKES
