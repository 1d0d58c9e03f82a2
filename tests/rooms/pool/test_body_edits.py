"""What is renamed and left out of a body for a provider, and that nothing else of it changes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.pool.providers.body_edits import BodyEdits

EDITS = BodyEdits(
    renamed=(("max_completion_tokens", "max_tokens"), ("seed", "random_seed")),
    refused=("n", "logprobs", "stream_options", "store", "messages.name"),
)


def applied(body: dict[str, Any]) -> tuple[Any, tuple[str, ...]]:
    raw, dropped = EDITS.apply(json.dumps(body).encode())
    return json.loads(raw), dropped


def test_a_body_that_holds_nothing_of_it_is_the_same_bytes() -> None:
    body = b'{ "model" : "m", "temperature": 1e0, "messages": [ ] }'
    assert EDITS.apply(body) == (body, ())
    assert BodyEdits().apply(body)[0] is body


def test_a_field_gets_the_providers_name_in_its_place() -> None:
    body, dropped = applied({"max_completion_tokens": 5, "model": "m", "seed": 7})
    assert list(body.items()) == [("max_tokens", 5), ("model", "m"), ("random_seed", 7)]
    assert dropped == ()


def test_where_both_names_stand_the_providers_own_wins_and_a_difference_is_named() -> None:
    assert applied({"max_tokens": 5, "max_completion_tokens": 9}) == ({"max_tokens": 5}, ("max_completion_tokens",))
    assert applied({"max_tokens": 5, "max_completion_tokens": 5}) == ({"max_tokens": 5}, ())


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("n", 2, True),
        ("n", 1, False),
        ("n", None, False),
        ("logprobs", True, True),
        ("logprobs", False, False),
        ("store", True, True),
        ("stream_options", {"include_usage": True}, False),
        ("stream_options", {"include_obfuscation": False}, True),
    ],
)
def test_what_would_be_refused_is_left_out_and_named_where_it_says_something(
    name: str, value: Any, named: bool
) -> None:
    assert applied({"model": "m", name: value}) == ({"model": "m"}, (name,) if named else ())


def test_a_field_of_a_message_is_left_out_of_each_and_named_once() -> None:
    messages = [{"role": "user", "name": "a", "content": "1"}, {"role": "user", "content": "2", "name": "b"}, {"x": 1}]
    body, dropped = applied({"messages": messages})
    assert body["messages"] == [{"role": "user", "content": "1"}, {"role": "user", "content": "2"}, {"x": 1}]
    assert dropped == ("messages.name",)


def test_messages_that_are_none_are_the_providers_to_refuse() -> None:
    assert applied({"messages": ["name", {"name": 1}], "n": 1}) == ({"messages": ["name", {"name": 1}]}, ())


def test_other_values_keep_their_bytes() -> None:
    raw, _ = EDITS.apply(b'{"n":2,"temperature": 1e0 ,"x":{"a" : [1.0, "\\u00e9"]}}')
    assert b'"temperature":1e0' in raw
    assert b'{"a" : [1.0, "\\u00e9"]}' in raw


NAMES = st.sampled_from(
    ["model", "n", "seed", "random_seed", "logprobs", "max_tokens", "max_completion_tokens", "x", "messages", "name"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(NAMES, VALUES))
def test_no_field_that_is_refused_or_called_otherwise_is_left_and_no_other_is_touched(body: dict[str, Any]) -> None:
    edited, dropped = applied(body)
    gone = {"n", "logprobs", "seed", "max_completion_tokens"}
    assert not gone & set(edited)
    untouched = set(body) - gone - {"messages"}
    assert {name: edited[name] for name in untouched} == {name: body[name] for name in untouched}
    assert set(dropped) <= gone | {"messages.name"}
