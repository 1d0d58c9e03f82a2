"""What the writers write holds every field that the official types know, and none that they do not."""

import json
from collections.abc import Iterator
from typing import Any, get_args

import anthropic.types
import openai.types.chat
import openai.types.responses
import pydantic
import pytest
from tests.rooms.wire.golden_files import HEAD
from tests.rooms.wire.test_official_clients import ANSWER

from headgate.domain.event import Event, EventKind, StopReason
from headgate.domain.refusal import Refusal
from headgate.wire.anthropic_messages import ANTHROPIC_MESSAGES
from headgate.wire.codec import Codec
from headgate.wire.openai_chat import OPENAI_CHAT
from headgate.wire.openai_responses import OPENAI_RESPONSES

BESIDE = {"reasoning_content", "cache_write_tokens", "name", "frequency_penalty", "presence_penalty", "store"}
"""Fields that servers of the format or its description have, though the official types lack them."""
NEWER = {"speed", "diagnostics", "toolset_name"}
"""Fields that only beta features fill; the format's own description does not name them."""
ANTHROPIC_EVENT: Any = pydantic.TypeAdapter(anthropic.types.RawMessageStreamEvent)
RESPONSE_EVENT: Any = pydantic.TypeAdapter(openai.types.responses.ResponseStreamEvent)
LOCATION = {
    "type": "char_location",
    "cited_text": "a",
    "document_index": 0,
    "document_title": None,
    "start_char_index": 0,
    "end_char_index": 1,
    "file_id": None,
}
CITED = [*ANSWER[:5], Event(EventKind.CITATION, 0, json.dumps(LOCATION)), *ANSWER[5:]]
STOPPED = [
    [Event(EventKind.TEXT, 0, "a"), Event(EventKind.FINISHED, 0, "a" * (stop is StopReason.STOP_SEQUENCE), stop=stop)]
    for stop in StopReason
]
ANSWERS = [ANSWER, CITED, *STOPPED, [Event(EventKind.FINISHED)]]


def frames(codec: Codec, events: list[Event]) -> list[Any]:
    """The data of each frame of a stream."""
    writer = codec.stream_writer(HEAD)
    written = b"".join([writer.write(event) for event in events]) + writer.end()
    data = [line.removeprefix(b"data: ") for line in written.splitlines() if line.startswith(b"data: ")]
    return [json.loads(one) for one in data if one != b"[DONE]"]


def unknown(model: Any) -> Iterator[str]:
    """The names of fields in `model`, at any depth, that its type does not have."""
    if isinstance(model, pydantic.BaseModel):
        yield from model.model_extra or ()
        for name in type(model).model_fields:
            yield from unknown(getattr(model, name))
    elif isinstance(model, list):
        for one in model:
            yield from unknown(one)


def missing(model: Any) -> Iterator[str]:
    """The names of fields in `model`, at any depth, that its type has and that were not given."""
    if isinstance(model, pydantic.BaseModel):
        yield from set(type(model).model_fields) - model.model_fields_set
        for name in model.model_fields_set & set(type(model).model_fields):
            yield from missing(getattr(model, name))
    elif isinstance(model, list):
        for one in model:
            yield from missing(one)


@pytest.mark.parametrize("events", ANSWERS)
def test_a_whole_chat_completion_is_of_the_official_type(events: list[Event]) -> None:
    written = json.loads(OPENAI_CHAT.write_whole(HEAD, events))
    read = openai.types.chat.ChatCompletion.model_validate(written, strict=True)
    assert set(unknown(read)) <= BESIDE
    assert written["choices"][0]["message"]["annotations"] == []


@pytest.mark.parametrize("events", ANSWERS)
def test_every_chat_completion_chunk_is_of_the_official_type(events: list[Event]) -> None:
    for written in frames(OPENAI_CHAT, events):
        read = openai.types.chat.ChatCompletionChunk.model_validate(written, strict=True)
        assert set(unknown(read)) <= BESIDE


@pytest.mark.parametrize("events", ANSWERS)
def test_a_whole_response_is_of_the_official_type(events: list[Event]) -> None:
    written = json.loads(OPENAI_RESPONSES.write_whole(HEAD, events))
    read = openai.types.responses.Response.model_validate(written, strict=True)
    assert set(unknown(read)) <= BESIDE


@pytest.mark.parametrize("events", ANSWERS)
def test_every_response_event_is_of_the_official_type(events: list[Event]) -> None:
    for written in frames(OPENAI_RESPONSES, events):
        read = RESPONSE_EVENT.validate_python(written, strict=True)
        assert set(unknown(read)) <= BESIDE


@pytest.mark.parametrize("events", ANSWERS)
def test_a_whole_message_is_of_the_official_type_and_lacks_nothing(events: list[Event]) -> None:
    written = json.loads(ANTHROPIC_MESSAGES.write_whole(HEAD, events))
    read = anthropic.types.Message.model_validate(written, strict=True)
    assert set(unknown(read)) == set()
    assert set(missing(read)) <= NEWER


@pytest.mark.parametrize("events", ANSWERS)
def test_every_message_event_is_of_the_official_type_and_lacks_nothing(events: list[Event]) -> None:
    for written in frames(ANTHROPIC_MESSAGES, events):
        read = ANTHROPIC_EVENT.validate_python(written, strict=True)
        assert set(unknown(read)) == set()
        assert set(missing(read)) <= NEWER


@pytest.mark.parametrize(
    ("code", "kind"), [("no_deployment_available", "api_error"), ("rate_limited", "rate_limit_error")]
)
def test_anthropics_error_types_are_those_of_which_clients_show_the_sentence(code: str, kind: str) -> None:
    told = json.loads(ANTHROPIC_MESSAGES.error_body(Refusal(code, "What happened"), "r1"))["error"]
    assert told == {"type": kind, "message": "What happened"}
    assert kind in {
        get_args(one.model_fields["type"].annotation)[0] for one in get_args(get_args(anthropic.types.ErrorObject)[0])
    }
