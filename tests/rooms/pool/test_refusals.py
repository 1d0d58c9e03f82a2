"""What the errors of Gemini and Bedrock come to: whose fault they are, and whether the chain moves on."""

import json
from typing import Any

import pytest

from headgate.domain.call import WireFormat
from headgate.pool.refusals import moves_on, refusal_of


def google(code: int, message: str, status: str, **details: Any) -> bytes:
    return json.dumps({"error": {"code": code, "message": message, "status": status, **details}}).encode()


WRONG = google(400, "Unknown name", "INVALID_ARGUMENT")
TOO_LONG = google(
    400, "The input token count (9) exceeds the maximum number of tokens allowed (8).", "INVALID_ARGUMENT"
)


@pytest.mark.parametrize(
    ("status", "body", "code", "told", "shown"),
    [
        (
            400,
            WRONG,
            "invalid_request",
            400,
            "refused the request: Unknown name",
        ),
        (400, b"[" + WRONG + b"]", "invalid_request", 400, ": Unknown name"),
        (400, TOO_LONG, "context_too_long", 400, "exceeds the maximum number"),
        (
            400,
            google(400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT"),
            "provider_error",
            502,
            "rejects our credential",
        ),
        (403, google(403, "No permission", "PERMISSION_DENIED"), "provider_error", 502, "rejects our credential"),
        (429, google(429, "Quota exceeded", "RESOURCE_EXHAUSTED"), "provider_error", 429, "limits our rate"),
        (503, google(503, "Overloaded", "UNAVAILABLE"), "provider_error", 502, "failed with status 503"),
    ],
)
def test_geminis_errors(status: int, body: bytes, code: str, told: int, shown: str) -> None:
    refusal = refusal_of(status, body, {}, WireFormat.GEMINI)
    assert (refusal.code, refusal.status) == (code, told)
    assert shown in refusal.sentence
    assert moves_on(refusal) is (code != "invalid_request")


@pytest.mark.parametrize(("said", "seconds"), [("34s", 34.0), ("0.5s", 0.5), ("soon", None)])
def test_when_gemini_says_to_come_back_is_heard(said: str, seconds: float | None) -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": said}
    body = json.dumps({"error": {"code": 429, "message": "Quota exceeded", "details": [info]}}).encode()
    assert refusal_of(429, body, {}, WireFormat.GEMINI).retry_after_s == seconds


@pytest.mark.parametrize(
    ("status", "kind", "message", "code", "told", "shown"),
    [
        (400, "ValidationException", "max_tokens is wrong", "invalid_request", 400, ": max_tokens is wrong"),
        (400, "ValidationException", "Input is too long for requested model.", "context_too_long", 400, "too long"),
        (
            400,
            "ValidationException",
            "input length and `max_tokens` exceed context limit: 9 + 1 > 8",
            "context_too_long",
            400,
            "exceed context limit",
        ),
        (
            400,
            "ValidationException",
            "The provided model identifier is invalid.",
            "provider_error",
            502,
            "our credential",
        ),
        (429, "ThrottlingException", "Too many tokens", "provider_error", 429, "limits our rate: Too many tokens"),
        (400, "ServiceQuotaExceededException:http://a", "Quota", "provider_error", 429, "limits our rate"),
        (403, "AccessDeniedException", "No access", "provider_error", 502, "rejects our credential"),
        (403, "ThrottlingException", "Rate exceeded", "provider_error", 429, "limits our rate"),
        (404, "ResourceNotFoundException", "No model", "provider_error", 502, "our credential or model id"),
        (408, "ModelTimeoutException", "Slow", "provider_error", 502, "failed with status 408"),
        (424, "ModelErrorException", "It fell", "provider_error", 502, "failed with status 424: It fell"),
        (503, "ServiceUnavailableException", "Away", "provider_error", 502, "failed with status 503"),
    ],
)
@pytest.mark.parametrize("field", ["message", "Message"])
def test_bedrocks_errors(status: int, kind: str, message: str, code: str, told: int, shown: str, field: str) -> None:
    body = json.dumps({field: message}).encode()
    refusal = refusal_of(status, body, {"x-amzn-errortype": kind}, WireFormat.BEDROCK_CONVERSE)
    assert (refusal.code, refusal.status) == (code, told)
    assert shown in refusal.sentence
    assert moves_on(refusal) is (code != "invalid_request")
