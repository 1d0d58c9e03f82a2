"""A question's key: equal where everything is, different where anything that matters is, in every process alike."""

import json
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.surfaces.house import principal

from headgate.api.native.generate import NATIVE
from headgate.cache.question import Question, question
from headgate.domain.call import Call, Request, WireFormat
from headgate.domain.money import Price
from headgate.domain.policy import CachePolicy, Chain, Deployment, Model, Policy, Provider, Similarity, UseCase
from headgate.domain.principal import Subject
from headgate.journal.record import Record
from headgate.kit.clock import ManualClock
from headgate.wire.anthropic_messages import ANTHROPIC_MESSAGES
from headgate.wire.openai_chat import OPENAI_CHAT

KEPT = CachePolicy(3_600_000, Similarity(), max_temperature=2.0)
USE_CASE = UseCase("default", ("direct",), Chain("all", ("gpt",)), cache=KEPT)
READ = {
    WireFormat.OPENAI_CHAT: OPENAI_CHAT.read_request,
    WireFormat.ANTHROPIC_MESSAGES: ANTHROPIC_MESSAGES.read_request,
    WireFormat.NATIVE: lambda raw, headers: NATIVE.read(raw, headers).request,
}


def asked(
    body: Any, wire: WireFormat = WireFormat.OPENAI_CHAT, *, team: int = 1, model_id: str = "up-1", **more: Any
) -> Question | str:
    """The question of a body that a team's caller sends; `more` are fields of the call, the subject or the use case."""
    use_case = msgspec.structs.replace(USE_CASE, **{n: more.pop(n) for n in ("strict", "cache") if n in more})
    deployment = Deployment(f"oai/{model_id}", "oai", model_id, "eu", Price(1, 2))
    provider = Provider("oai", "openai-like", "http://oai", "")
    models = {"gpt": Model("gpt", "standard", (deployment,))}
    policy = Policy(1, "", {"oai": provider}, models, {"default": use_case})
    request: Request = READ[wire](body if isinstance(body, bytes) else json.dumps(body).encode(), {})
    subject = Subject(team, more.pop("project", 1), more.pop("user_key", None), more.pop("key", 1))
    call = Call("id", wire, "/", 0, 0, "", None, request, **more)
    record = Record(call, policy, None, ManualClock(), lambda *_: None)  # type: ignore[arg-type]
    record.principal = msgspec.structs.replace(principal(), subject=subject)
    record.use_case, record.pipeline = use_case, "direct"
    assert use_case.cache is not None
    return question(record, request, use_case.cache)


def key(body: Any, *args: Any, **more: Any) -> bytes:
    found = asked(body, *args, **more)
    assert isinstance(found, Question), found
    return found.key


def body(**more: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "What is a key?"}]
    return {"model": "gpt", "max_tokens": 9, "temperature": 0.2, "messages": messages, **more}


TEXTS = st.text(min_size=1, max_size=40)
BODIES = st.builds(
    lambda system, text, more: body(
        messages=[{"role": "system", "content": system}, {"role": "user", "content": text}], **more
    ),
    TEXTS,
    TEXTS,
    st.fixed_dictionaries({}, optional={"top_p": st.floats(0.1, 1), "seed": st.integers(0, 9), "x_new": TEXTS}),
)


@given(BODIES, BODIES, st.integers(1, 2**31 - 1), st.integers(1, 2**31 - 1))
def test_teams_never_meet(one: Any, other: Any, team: int, second: int) -> None:
    first, then = asked(one, team=team), asked(other, team=second)
    assert isinstance(first, Question)
    assert isinstance(then, Question)
    if team != second:
        assert {first.key, first.scope}.isdisjoint({then.key, then.scope})
    else:
        assert (first.key == then.key) == (one == other)


@given(BODIES)
def test_neither_the_order_of_fields_nor_streaming_makes_another_question(one: dict[str, Any]) -> None:
    turned = dict(reversed(one.items()))
    assert key(turned) == key(one) == key({**one, "stream": True, "stream_options": {"include_usage": True}})


@pytest.mark.parametrize(
    "changed",
    [
        {"model": "auto"},
        {"max_tokens": 10},
        {"temperature": 0.3},
        {"top_p": 0.5},
        {"seed": 1},
        {"stop": "end"},
        {"n": 2},
        {"logprobs": True},
        {"response_format": {"type": "json_object"}},
        {"tools": [{"type": "function", "function": {"name": "look"}}]},
        {"messages": [{"role": "user", "content": "What is a key?"}]},
        {"messages": [{"role": "system", "content": "Be long"}, {"role": "user", "content": "What is a key?"}]},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_whatever_changes_an_answer_makes_another_question_of_another_scope(changed: dict[str, Any]) -> None:
    first, then = asked(body()), asked(body(**changed))
    assert isinstance(first, Question)
    assert isinstance(then, Question)
    assert first.key != then.key
    assert first.scope != then.scope


@pytest.mark.parametrize("changed", [{"project": 2}, {"model_id": "up-2"}, {"strict": True}])
def test_whoever_asks_under_other_rules_asks_another_question(changed: dict[str, Any]) -> None:
    assert key(body(), **changed) != key(body())


def test_users_share_answers_unless_they_are_personal_and_keys_always_do() -> None:
    personal = msgspec.structs.replace(KEPT, personal=True)
    assert key(body(), user_key=1, key=7) == key(body(), user_key=2, key=8)
    assert key(body(), user_key=1, cache=personal) != key(body(), user_key=2, cache=personal)


def test_the_last_text_alone_stays_within_the_scope() -> None:
    other = body()
    other["messages"] = [other["messages"][0], {"role": "user", "content": "What is a lock?"}]
    first, then = asked(body()), asked(other)
    assert isinstance(first, Question)
    assert isinstance(then, Question)
    assert first.scope == then.scope
    assert first.key != then.key


def test_the_same_question_over_another_surface_has_the_same_key() -> None:
    messages = [{"role": "user", "content": "What is a key?"}]
    there = {"model": "gpt", "max_tokens": 9, "temperature": 0.2, "messages": messages, "system": "Be brief"}
    assert key(there, WireFormat.ANTHROPIC_MESSAGES) == key(body())


def test_a_key_is_the_same_in_every_process() -> None:
    script = "from tests.rooms.cache.test_question import body, key; print(key(body()).hex())"
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env={"PYTHONHASHSEED": seed}, check=True
        )
        assert done.stdout.strip() == key(body()).hex()


@pytest.mark.parametrize(
    ("asks", "why"),
    [
        (body(messages=[{"role": "user", "content": "x" * 300_000}]), "longer"),
        (body(temperature=2.5), "temperature"),
        (body(web_search_options={}), "tools of its own"),
        (
            body(
                messages=[
                    {"role": "user", "content": "Look"},
                    {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "look"}}]},
                    {"role": "tool", "tool_call_id": "1", "content": "found"},
                ]
            ),
            "tools' results",
        ),
    ],
)
def test_what_is_not_kept_says_why(asks: Any, why: str) -> None:
    found = asked(asks)
    assert isinstance(found, str)
    assert why in found
