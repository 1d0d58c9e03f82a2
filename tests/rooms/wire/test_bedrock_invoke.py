"""Anthropic's messages over InvokeModel: what the body needs, and the events that come back as Anthropic sends them."""

import base64
import json
from typing import Any

import pytest
from tests.rooms.wire.aws_messages import chunk, event
from tests.rooms.wire.provider_files import read, stream

from headgate.domain.event import EventKind
from headgate.kit import sse
from headgate.wire.anthropic_messages import ANTHROPIC_MESSAGES
from headgate.wire.bedrock_invoke import BEDROCK_INVOKE
from headgate.wire.codec import Edits

EDITS = Edits("anthropic.claude-sonnet-4-5-20250929-v1:0", output_limit=90)


def spliced(body: bytes, **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return json.loads(BEDROCK_INVOKE.splice(BEDROCK_INVOKE.read_request(body, named), EDITS))


def test_a_callers_body_loses_model_and_stream_and_gains_version_and_betas() -> None:
    body = b'{"model":"smart","stream":true,"messages":[],"top_k": 1e1 ,"anthropic_version":"2023-06-01"}'
    assert spliced(body, anthropic_beta="a-1, b-2,", anthropic_version="2023-06-01") == {
        "messages": [],
        "top_k": 10.0,
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 90,
        "anthropic_beta": ["a-1", "b-2"],
    }
    request = BEDROCK_INVOKE.read_request(body, {})
    assert b'"top_k":1e1' in BEDROCK_INVOKE.splice(request, EDITS), "other values keep their bytes"


def test_betas_of_the_body_itself_stay() -> None:
    body = b'{"messages":[],"anthropic_beta":["own"]}'
    assert spliced(body, anthropic_beta="other")["anthropic_beta"] == ["own"]
    assert "anthropic_beta" not in spliced(b'{"messages":[]}')


def test_a_body_that_crosses_has_no_model_either() -> None:
    prompt = ANTHROPIC_MESSAGES.read_prompt(b'{"messages":[{"role":"user","content":"Hi"}],"max_tokens":5}')
    body, dropped = BEDROCK_INVOKE.write_request(prompt, Edits("m", stream=True))
    assert json.loads(body) == {
        "max_tokens": 5,
        "messages": [{"role": "user", "content": "Hi"}],
        "anthropic_version": "bedrock-2023-05-31",
    }
    assert dropped == ()


def test_the_events_are_anthropics_own_to_the_byte() -> None:
    lines = [json.loads(line)["chunk"] for line in read("answers/invoke_text.events").decode().splitlines()]
    frames = [sse.frame(json.dumps(line, separators=(",", ":")).encode(), line["type"].encode()) for line in lines]
    reader = BEDROCK_INVOKE.stream_reader(hide_usage=False)
    events = reader.feed(stream("invoke_text.events"))
    assert b"".join(one.raw for one in events) == b"".join(frames)
    assert events == ANTHROPIC_MESSAGES.stream_reader(hide_usage=False).feed(b"".join(frames))
    assert reader.complete


def test_an_event_over_several_lines_is_one_frame() -> None:
    pretty = base64.b64encode(json.dumps({"type": "ping", "a": [1.0]}, indent=1).encode()).decode()
    events = BEDROCK_INVOKE.stream_reader(hide_usage=False).feed(event("chunk", {"bytes": pretty}))
    assert [one.raw for one in events] == [b'event: ping\ndata: {"type":"ping","a":[1.0]}\n\n']


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("throttlingException", "rate_limit_error"),
        ("serviceUnavailableException", "overloaded_error"),
        ("modelTimeoutException", "timeout_error"),
        ("validationException", "invalid_request_error"),
        ("internalServerException", "api_error"),
    ],
)
def test_an_exception_is_anthropics_error_event(name: str, kind: str) -> None:
    failed = BEDROCK_INVOKE.stream_reader(hide_usage=False).feed(event(name, {"message": "no"}))[-1]
    assert failed.kind is EventKind.FAILED
    sent, data = sse.fields(failed.raw)
    assert sent == b"error"
    assert json.loads(data) == {"type": "error", "error": {"type": kind, "message": f"{name}: no"}}


@pytest.mark.parametrize("payload", [{"bytes": "%%%"}, {"bytes": ""}, {"bytes": 7}, [], {"bytes": "W10="}])
def test_a_chunk_that_cannot_be_read_is_a_failure(payload: Any) -> None:
    events = BEDROCK_INVOKE.stream_reader(hide_usage=False).feed(chunk({"type": "ping"}) + event("chunk", payload))
    assert [one.kind for one in events] == [EventKind.OPAQUE, EventKind.FAILED]


def test_events_to_come_are_passed_over() -> None:
    assert BEDROCK_INVOKE.stream_reader(hide_usage=False).feed(event("metrics", {"a": 1})) == []
