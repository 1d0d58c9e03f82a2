"""Responses on a served platform, asked by the official SDK: passed on, translated, refused; ledger and bill agree."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import openai
import pydantic
import pytest
from tests import postgres
from tests.processes import Served, serve, simulator

pytestmark = pytest.mark.xdist_group("responses")  # one platform serves all of this file

CONFIGURATION = """
version: 1
providers:
  demo: {{kind: demo}}
  official: {{kind: openai, base_url: "{simulator}/v1", key: "${{env:SIMULATOR_KEY}}"}}
  chats: {{kind: openai-like, base_url: "{simulator}/v1"}}
  messages: {{kind: anthropic, base_url: "{simulator}", key: "${{env:SIMULATOR_KEY}}"}}
models:
  demo: {{deployments: [{{provider: demo, id: demo, region: local}}]}}
  gpt: {{deployments: [{{provider: official, id: gpt-1, region: local, price: {{in: 2, out: 8}}}}]}}
  llama: {{deployments: [{{provider: chats, id: llama-1, region: local, price: {{in: 1, out: 1}}}}]}}
  claude: {{deployments: [{{provider: messages, id: claude-1, region: local, price: {{in: 3, out: 15}}}}]}}
chains: {{first: {{try: [demo]}}, last: {{try: [claude]}}}}
use_cases: {{default: {{chain: first}}, alone: {{chain: last}}}}
"""
IDS = {"demo": "demo", "gpt": "gpt-1", "llama": "llama-1", "claude": "claude-1"}
MODELS = pytest.mark.parametrize("model", list(IDS))
ARGUMENTS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS: Any = [{"type": "function", "name": "weather", "parameters": ARGUMENTS, "strict": True}]
GREETING = 'This is Headgate\'s demo model, not a real one. You said: "hi".'


class Trip(pydantic.BaseModel):
    city: str
    days: int


class Running:
    """A served platform, the simulator behind it, and a client for a key."""

    def __init__(self, served: Served, simulator_url: str) -> None:
        self.served = served
        self._simulator_url = simulator_url
        self.key = served.key("alpha")

    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.served.url}/v1", api_key=self.key, max_retries=0)

    def entry(self, request_id: str) -> dict[str, Any]:
        """The ledger's only entry for a request."""
        status, _ = self.served.call("GET", "/v1/cost-report/alpha")  # waits for the books
        assert status == 200
        status, answer = self.served.call("GET", f"/admin/v1/ledger?team=alpha&request_id={request_id}")
        assert status == 200
        [entry] = answer["data"]
        return dict(entry)

    def bill(self, request_id: str) -> dict[str, Any]:
        """What the simulator billed for a request."""
        with urllib.request.urlopen(f"{self._simulator_url}/billing") as answer:
            bills = json.loads(answer.read())["answers"]
        return next(bill for bill in bills if bill["request_id"] == f"{request_id}-1")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("platform")
    with simulator() as provider, postgres.fresh_database() as url:
        (directory / "headgate.yaml").write_text(CONFIGURATION.format(simulator=provider))
        served = serve(directory, {"HEADGATE_DATABASE_URL": url, "SIMULATOR_KEY": "sim"})
        try:
            yield Running(served, provider)
        finally:
            served.stop()


@MODELS
def test_a_whole_response_is_answered_by_every_kind_of_provider_and_charged(running: Running, model: str) -> None:
    with running.client() as client:
        raw = client.responses.with_raw_response.create(model=model, input="hi", instructions="Be kind.")
    answer = raw.parse()
    assert (answer.output_text, answer.status, answer.instructions) == (GREETING, "completed", "Be kind.")
    assert answer.model == IDS[model]
    assert "x-headgate-dropped" not in raw.headers
    entry = running.entry(raw.headers["x-request-id"])
    assert (entry["input_tokens"], entry["output_tokens"]) == (answer.usage.input_tokens, answer.usage.output_tokens)
    assert (entry["basis"], entry["outcome"]) == ("reported", "answered")
    if model != "demo":
        bill = running.bill(raw.headers["x-request-id"])
        assert (bill["input_tokens"], bill["output_tokens"]) == (entry["input_tokens"], entry["output_tokens"])


@MODELS
def test_a_stream_with_thoughts_text_and_calls_is_accumulated_and_sent_back(running: Running, model: str) -> None:
    said: Any = [{"role": "user", "content": '!think Look twice.\n!echo Wait.\n!tool weather {"city": "Paris"}'}]
    with running.client() as client:
        with client.responses.stream(model=model, input=said, tools=TOOLS, max_output_tokens=200) as stream:
            texts = [event.delta for event in stream if event.type == "response.output_text.delta"]
            answer = stream.get_final_response()
        kinds = [item.type for item in answer.output]
        assert ("".join(texts), answer.output_text) == ("Wait.", "Wait.")
        assert kinds == ["reasoning", "message", "function_call"]
        assert answer.output[0].summary[0].text == "Look twice."
        call = answer.output[-1]
        assert (call.name, call.parsed_arguments) == ("weather", {"city": "Paris"})
        assert answer.usage.output_tokens_details.reasoning_tokens == 3
        told = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
        after = client.responses.create(model=model, input=[*said, *answer.output, told], tools=TOOLS)
        assert 'The tool weather returned: "sunny"' in after.output_text


@MODELS
def test_structured_output_is_parsed(running: Running, model: str) -> None:
    with running.client() as client:
        answer = client.responses.parse(model=model, input="hi", text_format=Trip)
    assert answer.output_parsed == Trip(city="demo", days=1)


@MODELS
def test_reasoning_and_an_answer_cut_short_are_shown(running: Running, model: str) -> None:
    with running.client() as client:
        thought = client.responses.create(model=model, input="hi", reasoning={"effort": "high"})
        cut = client.responses.create(model=model, input="!tokens 50", max_output_tokens=20)
        forced = client.responses.create(model=model, input="hi", tools=TOOLS, tool_choice="required")
    assert [item.type for item in thought.output if item.type != "reasoning"] == ["message"]
    assert (cut.status, cut.incomplete_details.reason, cut.usage.output_tokens) == (
        "incomplete",
        "max_output_tokens",
        20,
    )
    assert [(item.type, item.name) for item in forced.output] == [("function_call", "weather")]


DROPPED = "max_tool_calls, truncation, tools.web_search"


def test_what_stays_behind_is_named_and_a_strict_call_goes_to_who_can_be_told(running: Running) -> None:
    asked: Any = {"input": "hi", "tools": [*TOOLS, {"type": "web_search"}], "truncation": "auto"}
    with running.client() as client:
        with pytest.raises(openai.BadRequestError, match="set its max_uses, or max_tool_calls"):
            client.responses.create(model="gpt", **asked)  # who runs it as often as the model likes, under a budget
        asked["max_tool_calls"] = 2
        passed = client.responses.with_raw_response.create(model="gpt", **asked)
        crossed = client.responses.with_raw_response.create(model="claude", **asked)
        assert "x-headgate-dropped" not in passed.headers
        assert crossed.headers["x-headgate-dropped"] == DROPPED
        strict = {"X-Headgate-Strict": "true"}
        moved = client.responses.with_raw_response.create(model="claude", **asked, extra_headers=strict)
        assert moved.headers["x-headgate-deployment"] == "demo/demo"
        with pytest.raises(openai.BadRequestError, match=f"cannot be told {DROPPED}"):
            client.responses.create(model="claude", **asked, extra_headers={**strict, "X-Headgate-Use-Case": "alone"})


@pytest.mark.parametrize(
    "fields", [{"previous_response_id": "resp_1"}, {"conversation": "conv_1"}, {"background": True}]
)
def test_what_only_a_kept_conversation_could_serve_is_refused(running: Running, fields: dict[str, Any]) -> None:
    with running.client() as client:
        with pytest.raises(openai.UnprocessableEntityError, match="send the earlier turns in `input`") as refused:
            client.responses.create(model="demo", input="hi", **fields)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve("resp_1")
    assert (refused.value.code, refused.value.param) == ("invalid_parameter", next(iter(fields)))


@MODELS
def test_a_failure_is_the_sdks_own_error_before_the_stream_and_its_last_event_within(
    running: Running, model: str
) -> None:
    with running.client() as client:
        with pytest.raises(openai.InternalServerError):
            client.responses.create(model=model, input="!fail 500")
        events = list(client.responses.create(model=model, input="!tokens 9\n!drop 3", stream=True))
    assert events[-1].type == "error"
    assert events[-1].code == "provider_error"
    assert "response.completed" not in {event.type for event in events}
