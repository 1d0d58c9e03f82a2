"""What the writers write, read by the official clients over loopback."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import anthropic
import msgspec
import openai
import pydantic
import pytest
from tests.rooms.wire.golden_files import HEAD

from headgate.domain.event import BLOCKS_PER_CHOICE, Event, EventKind, StopReason
from headgate.domain.refusal import CODES, Refusal
from headgate.domain.usage import Usage
from headgate.wire.anthropic_messages import ANTHROPIC_MESSAGES
from headgate.wire.codec import Codec
from headgate.wire.openai_chat import OPENAI_CHAT
from headgate.wire.openai_responses import OPENAI_RESPONSES

ANSWER = [
    Event(EventKind.STARTED, id="upstream", name="model-1"),
    Event(EventKind.REASONING, 0, "Look "),
    Event(EventKind.REASONING, 0, "twice."),
    Event(EventKind.TEXT, 0, "Bon"),
    Event(EventKind.TEXT, 0, "jour 🌍"),
    Event(EventKind.TOOL_START, 1, id="call_1", name="weather"),
    Event(EventKind.TOOL_ARGUMENTS, 1, '{"city":'),
    Event(EventKind.TOOL_ARGUMENTS, 1, '"Paris"}'),
    Event(EventKind.TOOL_START, 2, id="call_2", name="now"),
    Event(EventKind.FINISHED, stop=StopReason.TOOL_CALLS),
    Event(EventKind.USAGE, usage=Usage(25, 12, 8, 2, 3)),
]
ASKED: Any = {"model": "smart", "messages": [{"role": "user", "content": "hi"}]}


@contextmanager
def serving(status: int, body: bytes, content_type: str = "application/json") -> Iterator[str]:
    """The base URL of a loopback server that answers everything with `body`."""

    class Canned(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the standard library's
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Canned)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def openai_client(status: int, body: bytes, content_type: str = "application/json") -> Iterator[openai.OpenAI]:
    with serving(status, body, content_type) as url, openai.OpenAI(api_key="k", base_url=url, max_retries=0) as client:
        yield client


@contextmanager
def anthropic_client(status: int, body: bytes, content_type: str = "application/json") -> Iterator[anthropic.Anthropic]:
    with (
        serving(status, body, content_type) as url,
        anthropic.Anthropic(api_key="k", base_url=url, max_retries=0) as client,
    ):
        yield client


def streamed(codec: Codec, events: list[Event]) -> bytes:
    writer = codec.stream_writer(HEAD)
    return b"".join([writer.write(event) for event in events]) + writer.end()


def test_the_openai_client_reads_a_whole_answer() -> None:
    with openai_client(200, OPENAI_CHAT.write_whole(HEAD, ANSWER)) as client:
        answer = client.chat.completions.create(**ASKED)
    openai.types.chat.ChatCompletion.model_validate(answer.model_dump(), strict=True)
    message = answer.choices[0].message
    assert (message.content, answer.model, answer.choices[0].finish_reason) == ("Bonjour 🌍", "smart", "tool_calls")
    calls = [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls]
    assert calls == [("call_1", "weather", '{"city":"Paris"}'), ("call_2", "now", "{}")]
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (25, 12, 37)
    assert answer.usage.prompt_tokens_details.cached_tokens == 8


def test_the_openai_client_accumulates_a_stream() -> None:
    with (
        openai_client(200, streamed(OPENAI_CHAT, ANSWER), "text/event-stream") as client,
        client.chat.completions.stream(**ASKED) as stream,
    ):
        answer = stream.get_final_completion()
    message = answer.choices[0].message
    assert (message.content, answer.choices[0].finish_reason) == ("Bonjour 🌍", "tool_calls")
    assert message.reasoning_content == "Look twice."
    calls = [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls]
    assert calls == [("call_1", "weather", '{"city":"Paris"}'), ("call_2", "now", "{}")]
    assert answer.usage.total_tokens == 37


def test_every_openai_chunk_is_of_the_documented_type() -> None:
    with openai_client(200, streamed(OPENAI_CHAT, ANSWER), "text/event-stream") as client:
        for chunk in client.chat.completions.create(**ASKED, stream=True):
            openai.types.chat.ChatCompletionChunk.model_validate(chunk.model_dump(), strict=True)


def test_the_openai_client_reads_several_choices() -> None:
    second = [
        Event(EventKind.TEXT, BLOCKS_PER_CHOICE, "Salut"),
        Event(EventKind.FINISHED, BLOCKS_PER_CHOICE, stop=StopReason.LENGTH),
    ]
    events = [*ANSWER[:5], *second, Event(EventKind.FINISHED, stop=StopReason.STOP)]
    with openai_client(200, OPENAI_CHAT.write_whole(HEAD, events)) as client:
        choices = client.chat.completions.create(**ASKED, n=2).choices
    expected = [(0, "Bonjour 🌍", "stop"), (1, "Salut", "length")]
    assert [(choice.index, choice.message.content, choice.finish_reason) for choice in choices] == expected


RESPONSES_ASKED: Any = {"model": "smart", "input": "hi"}


def said_by(response: Any) -> tuple[str, str, list[tuple[str, str, str]]]:
    """Thoughts, text and calls of a response."""
    thoughts = [part.text for item in response.output if item.type == "reasoning" for part in item.summary]
    calls = [(item.call_id, item.name, item.arguments) for item in response.output if item.type == "function_call"]
    return "".join(thoughts), response.output_text, calls


SAID = ("Look twice.", "Bonjour 🌍", [("call_1", "weather", '{"city":"Paris"}'), ("call_2", "now", "{}")])


def test_the_openai_client_reads_a_whole_response() -> None:
    asked = b'{"instructions":"Be kind.","temperature":0.25,"metadata":{"a":"b"},"tools":null,"input":"hi"}'
    head = msgspec.structs.replace(HEAD, asked=asked)
    with openai_client(200, OPENAI_RESPONSES.write_whole(head, ANSWER)) as client:
        answer = client.responses.create(**RESPONSES_ASKED)
    openai.types.responses.Response.model_validate(answer.model_dump(by_alias=True), strict=True)
    assert said_by(answer) == SAID
    assert (answer.id, answer.model, answer.status) == ("resp_0199-r1", "smart", "completed")
    assert (answer.instructions, answer.temperature, answer.metadata) == ("Be kind.", 0.25, {"a": "b"})
    assert (answer.tools, answer.tool_choice, answer.parallel_tool_calls) == ([], "auto", True)
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens) == (25, 12, 37)
    assert answer.usage.output_tokens_details.reasoning_tokens == 3


def test_the_openai_client_accumulates_a_streamed_response() -> None:
    with (
        openai_client(200, streamed(OPENAI_RESPONSES, ANSWER), "text/event-stream") as client,
        client.responses.stream(**RESPONSES_ASKED) as stream,
    ):
        snapshots = [event.snapshot for event in stream if event.type == "response.output_text.delta"]
        answer = stream.get_final_response()
    assert snapshots == ["Bon", "Bonjour 🌍"]
    assert said_by(answer) == SAID
    assert answer.usage.total_tokens == 37


def test_every_event_of_a_response_is_of_the_documented_type_and_numbered() -> None:
    cited = {"type": "url_citation", "url_citation": {"url": "https://example.com", "title": "E"}}
    citation = Event(EventKind.CITATION, 0, json.dumps(cited))
    events = [*ANSWER[:5], citation, *ANSWER[5:]]
    documented = pydantic.TypeAdapter(openai.types.responses.ResponseStreamEvent)
    with openai_client(200, streamed(OPENAI_RESPONSES, events), "text/event-stream") as client:
        read = list(client.responses.create(**RESPONSES_ASKED, stream=True))
    for event in read:
        documented.validate_python(event.model_dump(by_alias=True), strict=True)
    assert [event.sequence_number for event in read] == list(range(len(read)))
    assert "response.output_text.annotation.added" in {event.type for event in read}


def test_calls_that_stream_side_by_side_stay_apart() -> None:
    events = [
        Event(EventKind.TOOL_START, 1, id="a", name="f"),
        Event(EventKind.TOOL_ARGUMENTS, 1, '{"x":'),
        Event(EventKind.TOOL_START, 2, id="b", name="g"),
        Event(EventKind.TOOL_ARGUMENTS, 1, "1}"),
        Event(EventKind.TOOL_ARGUMENTS, 2, "{}"),
        Event(EventKind.FINISHED, stop=StopReason.TOOL_CALLS),
    ]
    with (
        openai_client(200, streamed(OPENAI_RESPONSES, events), "text/event-stream") as client,
        client.responses.stream(**RESPONSES_ASKED) as stream,
    ):
        done = [event.item.arguments for event in stream if event.type == "response.output_item.done"]
        answer = stream.get_final_response()
    assert done == ['{"x":1}', "{}"]
    assert said_by(answer)[2] == [("a", "f", '{"x":1}'), ("b", "g", "{}")]


@pytest.mark.parametrize(
    ("stop", "reason"), [(StopReason.LENGTH, "max_output_tokens"), (StopReason.CONTENT_FILTER, "content_filter")]
)
def test_the_openai_client_sees_why_a_response_is_not_whole(stop: StopReason, reason: str) -> None:
    events = [Event(EventKind.TEXT, text="Bon"), Event(EventKind.FINISHED, stop=stop)]
    with openai_client(200, streamed(OPENAI_RESPONSES, events), "text/event-stream") as client:
        last = list(client.responses.create(**RESPONSES_ASKED, stream=True))[-1]
    assert (last.type, last.response.status, last.response.incomplete_details.reason) == (
        "response.incomplete",
        "incomplete",
        reason,
    )
    assert last.response.output[0].status == "incomplete"


def test_the_openai_client_reads_a_failure_of_a_streamed_response() -> None:
    with openai_client(200, streamed(OPENAI_RESPONSES, FAILED), "text/event-stream") as client:
        last = list(client.responses.create(**RESPONSES_ASKED, stream=True))[-1]
    openai.types.responses.ResponseErrorEvent.model_validate(last.model_dump(), strict=True)
    assert (last.type, last.code, last.message) == ("error", FAILED[-1].name, FAILED[-1].text)


def test_the_anthropic_client_reads_a_whole_answer() -> None:
    with anthropic_client(200, ANTHROPIC_MESSAGES.write_whole(HEAD, ANSWER)) as client:
        answer = client.messages.create(**ASKED, max_tokens=9)
    anthropic.types.Message.model_validate(answer.model_dump(), strict=True)
    check_message(answer)


def test_the_anthropic_client_accumulates_a_stream() -> None:
    with (
        anthropic_client(200, streamed(ANTHROPIC_MESSAGES, ANSWER), "text/event-stream") as client,
        client.messages.stream(**ASKED, max_tokens=9) as stream,
    ):
        check_message(stream.get_final_message())


def test_arguments_that_arrive_interleaved_reach_their_own_calls() -> None:
    events = [
        *ANSWER[:6],
        Event(EventKind.TOOL_START, 2, id="call_2", name="now"),
        *ANSWER[6:8],
        Event(EventKind.TOOL_ARGUMENTS, 2, "{}"),
        *ANSWER[9:],
    ]
    with (
        anthropic_client(200, streamed(ANTHROPIC_MESSAGES, events), "text/event-stream") as client,
        client.messages.stream(**ASKED, max_tokens=9) as stream,
    ):
        check_message(stream.get_final_message())


def check_message(answer: anthropic.types.Message) -> None:
    thinking, text, first, second = answer.content
    assert (thinking.type, thinking.thinking, text.type, text.text) == ("thinking", "Look twice.", "text", "Bonjour 🌍")
    assert (first.id, first.name, first.input) == ("call_1", "weather", {"city": "Paris"})
    assert (second.id, second.name, second.input) == ("call_2", "now", {})
    assert (answer.model, answer.stop_reason) == ("smart", "tool_use")
    usage = answer.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (15, 8, 2)
    assert usage.output_tokens == 12


def test_usage_known_at_the_start_stands_at_the_start_of_an_anthropic_stream() -> None:
    events = [ANSWER[0], Event(EventKind.USAGE, usage=Usage(25, 1)), *ANSWER[3:5]]
    with anthropic_client(200, streamed(ANTHROPIC_MESSAGES, events), "text/event-stream") as client:
        first = next(iter(client.messages.create(**ASKED, max_tokens=9, stream=True)))
    assert first.type == "message_start"
    assert first.message.usage.input_tokens == 25


REFUSED = Refusal(
    "budget_exceeded",
    "Team a has spent 5 of 5 USD this month; ask ann@example.com for more",
    details={"scope": "team:a", "limit": "5 USD/month", "used": "5 USD", "owner": "ann@example.com"},
)
EXPLAINED = {
    "code": "budget_exceeded",
    "scope": "team:a",
    "limit": "5 USD/month",
    "used": "5 USD",
    "resets_at": None,
    "owner": "ann@example.com",
    "request_id": "r1",
    "link": "/admin/v1/requests/r1",
}


def test_an_error_says_which_rule_refused_in_both_shapes() -> None:
    assert json.loads(OPENAI_CHAT.error_body(REFUSED, "r1")) == {
        "error": {
            "message": REFUSED.sentence,
            "type": "insufficient_quota",
            "param": None,
            "code": "budget_exceeded",
        },
        "headgate": EXPLAINED,
    }
    assert json.loads(ANTHROPIC_MESSAGES.error_body(REFUSED, "r1")) == {
        "type": "error",
        "error": {"type": "billing_error", "message": REFUSED.sentence},
        "request_id": "r1",
        "headgate": EXPLAINED,
    }


@pytest.mark.parametrize("code", sorted(CODES))
def test_both_clients_raise_their_own_error_with_our_sentence(code: str) -> None:
    refusal = Refusal(code, "What happened and what to do")
    with (
        openai_client(refusal.status, OPENAI_CHAT.error_body(refusal, "r1")) as client,
        pytest.raises(openai.APIStatusError, match="What happened and what to do") as raised,
    ):
        client.chat.completions.create(**ASKED)
    assert raised.value.code == code
    with (
        anthropic_client(refusal.status, ANTHROPIC_MESSAGES.error_body(refusal, "r1")) as other,
        pytest.raises(anthropic.APIStatusError, match="What happened and what to do"),
    ):
        other.messages.create(**ASKED, max_tokens=9)


FAILED = [*ANSWER[:4], Event(EventKind.FAILED, text="The provider broke off", name="provider_error")]


def test_a_failure_after_the_first_byte_reaches_the_openai_client() -> None:
    with openai_client(200, streamed(OPENAI_CHAT, FAILED), "text/event-stream") as client:
        stream = client.chat.completions.create(**ASKED, stream=True)
        with pytest.raises(openai.APIError, match="The provider broke off"):
            list(stream)


def test_a_failure_after_the_first_byte_reaches_the_anthropic_client() -> None:
    with anthropic_client(200, streamed(ANTHROPIC_MESSAGES, FAILED), "text/event-stream") as client:
        stream = client.messages.create(**ASKED, max_tokens=9, stream=True)
        with pytest.raises(anthropic.APIStatusError, match="The provider broke off"):
            list(stream)
