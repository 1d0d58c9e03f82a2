"""What error replies in the shapes of OpenAI and Anthropic, and of those who speak like them, come to."""

import json
from typing import Any

import pytest
from tests.contracts.recording import Received, house, recording

from headgate.domain.call import WireFormat
from headgate.pool.refusals import Rejected, moves_on, refusal_of

CHAT, MESSAGES = WireFormat.OPENAI_CHAT, WireFormat.ANTHROPIC_MESSAGES


def openai(message: str, kind: str = "invalid_request_error", code: str | None = None, **more: Any) -> bytes:
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code, **more}}).encode()


def anthropic(message: str, kind: str) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}).encode()


LONG = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
FILTERED = openai(
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
    "",
    "content_filter",
    innererror={"code": "ResponsibleAIPolicyViolation"},
)
TABLE = [
    # status, wire, body, code, status told to other formats, status told to the same format (None: body not passed on)
    (400, CHAT, openai("bad tool"), "invalid_request", 400, 400),
    (400, CHAT, openai(LONG, code="context_length_exceeded"), "context_too_long", 400, 400),
    (400, CHAT, openai("Too much", code="context_length_exceeded"), "context_too_long", 400, 400),
    (400, CHAT, FILTERED, "content_policy", 400, 400),
    (400, CHAT, openai("Nothing for you", "x", "content_policy_violation"), "content_policy", 400, 400),
    (401, CHAT, openai("Incorrect API key provided", code="invalid_api_key"), "provider_error", 502, None),
    (402, CHAT, openai("Insufficient Balance"), "provider_error", 502, None),
    (403, CHAT, openai("Country not supported"), "provider_error", 502, None),
    (404, CHAT, openai("The model does not exist", code="model_not_found"), "provider_error", 502, None),
    (413, CHAT, openai("Too large"), "body_too_large", 413, 413),
    (422, CHAT, openai("Unprocessable"), "invalid_request", 422, 422),
    (429, CHAT, openai("Rate limit reached", "requests", "rate_limit_exceeded"), "provider_error", 429, 429),
    (429, CHAT, openai("You exceeded your current quota", "insufficient_quota"), "provider_error", 502, None),
    (429, CHAT, openai("Over", code="insufficient_quota"), "provider_error", 502, None),
    (500, CHAT, openai("The server had an error", "server_error"), "provider_error", 502, 500),
    (503, CHAT, openai("Overloaded", "server_error"), "provider_error", 502, 503),
    (529, CHAT, openai("Busy"), "provider_error", 502, 529),
    (400, MESSAGES, anthropic("messages: at least one", "invalid_request_error"), "invalid_request", 400, 400),
    (
        400,
        MESSAGES,
        anthropic("prompt is too long: 209 tokens > 200 maximum", "invalid_request_error"),
        "context_too_long",
        400,
        400,
    ),
    (
        400,
        MESSAGES,
        anthropic("Your credit balance is too low to access the Anthropic API.", "invalid_request_error"),
        "provider_error",
        502,
        None,
    ),
    (400, MESSAGES, anthropic("Output blocked by content filtering policy", "x"), "content_policy", 400, 400),
    (401, MESSAGES, anthropic("invalid x-api-key", "authentication_error"), "provider_error", 502, None),
    (403, MESSAGES, anthropic("not allowed", "permission_error"), "provider_error", 502, None),
    (404, MESSAGES, anthropic("model: x", "not_found_error"), "provider_error", 502, None),
    (413, MESSAGES, anthropic("Request exceeds the maximum size", "request_too_large"), "body_too_large", 413, 413),
    (422, MESSAGES, anthropic("no", "invalid_request_error"), "invalid_request", 422, 422),
    (429, MESSAGES, anthropic("limit", "rate_limit_error"), "provider_error", 429, 429),
    (500, MESSAGES, anthropic("Internal", "api_error"), "provider_error", 502, 500),
    (503, MESSAGES, anthropic("Away", "api_error"), "provider_error", 502, 503),
    (529, MESSAGES, anthropic("Overloaded", "overloaded_error"), "provider_error", 502, 529),
]


@pytest.mark.parametrize(("status", "wire", "body", "code", "told", "same"), TABLE)
def test_statuses_of_both_shapes(
    status: int, wire: WireFormat, body: bytes, code: str, told: int, same: int | None
) -> None:
    refusal = refusal_of(status, body, {"retry-after": "7"}, wire)
    assert (refusal.code, refusal.status) == (code, told)
    if same is None:
        assert (refusal.raw, refusal.retry_after_s) == (b"", None), "our own fault is not shown as the caller's"
    else:
        assert (refusal.raw, refusal.raw_wire, refusal.raw_status) == (body, wire, same)
    assert (refusal.retry_after_s == 7) is (same is not None and (status == 429 or status >= 500))
    assert moves_on(refusal) is (code in ("provider_error", "context_too_long"))
    assert isinstance(refusal, Rejected) is (status in (401, 403))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, openai("Your input exceeds the context window of this model.")),
        (400, openai("Please reduce the length of the messages or completion.")),  # Groq, Cerebras
        (413, openai("Request too large for model x on tokens per minute (TPM): Limit 6, Requested 7")),  # Groq
        (400, b'{"code":"x","error":"This model\'s maximum prompt length is 131072 but the request contains 537812"}'),
        (400, openai("the request exceeds the available context size", "exceed_context_size_error")),  # llama.cpp
        (
            400,
            b'{"error":"Trying to keep 9 tokens when context the overflows; greater than the context length"}',
        ),
        (
            400,
            b'{"object":"error","message":"Prompt too large for model with 8 maximum context length"}',
        ),
        (400, openai("This endpoint's maximum context length is 8 tokens. However, you requested about 9 tokens")),
        (400, openai("Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097.")),  # Together
    ],
)
def test_a_request_that_is_too_long_is_known_in_every_providers_words(status: int, body: bytes) -> None:
    refusal = refusal_of(status, body, {}, CHAT)
    assert (refusal.code, refusal.status) == ("context_too_long", status)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, b'{"code":"forbidden","error":"Content violates usage guidelines. Failed check: X"}'),  # xAI
        (400, openai("Content Exists Risk")),  # DeepSeek
        (400, openai("Invalid prompt: your prompt was flagged as potentially violating our usage policy.")),  # OpenAI
    ],
)
def test_content_that_a_policy_forbids_is_not_taken_for_a_wrong_credential(status: int, body: bytes) -> None:
    refusal = refusal_of(status, body, {}, CHAT)
    assert (refusal.code, refusal.status, refusal.raw_status) == ("content_policy", 400, status)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"detail":[{"loc":["body","x"],"msg":"Extra inputs are not permitted"}]}', "Extra inputs are not permitted"),
        (b'{"object":"error","message":{"detail":[{"type":"extra_forbidden"}]}}', "extra_forbidden"),
        (b'{"detail":"Not this"}', "Not this"),
        (b"plain words", "plain words"),
        (b"", "status 422 without a message"),
        (b"[]", "[]"),
        (b'{"error":null,"message":"Told beside"}', "Told beside"),
    ],
)
def test_whatever_shape_an_error_has_its_words_are_told(body: bytes, said: str) -> None:
    assert said in refusal_of(422, body, {}, CHAT).sentence


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": "2", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 30),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT", "date": "Wed, 21 Oct 2015 07:28:30 GMT"}, 0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, 0),
        ({}, None),
    ],
)
def test_when_to_come_back_is_told_in_seconds(headers: dict[str, str], seconds: float | None) -> None:
    assert refusal_of(429, openai("limit"), headers, CHAT).retry_after_s == seconds


def test_what_may_be_a_part_of_a_key_is_not_repeated() -> None:
    body = openai("Incorrect API key provided: sk-proj-********************abcd. You can find your key on the site.")
    sentence = refusal_of(401, body, {}, CHAT).sentence
    assert "sk-proj" not in sentence
    assert "Incorrect API key provided: ***" in sentence


@pytest.mark.parametrize(
    ("status", "state"),
    [
        *((status, "closed") for status in (400, 401, 402, 403, 404, 413, 422, 429)),
        *((status, "open") for status in (408, 500, 503, 529)),
    ],
)
async def test_only_the_providers_own_failures_open_its_breaker(status: int, state: str) -> None:
    def answering(received: Received) -> tuple[int, dict[str, str], bytes]:
        return status, {}, openai("as the test says")

    ask = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
    async with recording(answering) as recorder:
        settings = f'{{kind: openai, base_url: "{recorder.url}", key: "${{env:KEY}}", breaker: {{failures: 3}}}}'
        async with house(settings) as small:
            for _ in range(3):
                await small.call("POST", "/v1/chat/completions", ask)
            assert small.platform.pool.states()[0].breaker == state
