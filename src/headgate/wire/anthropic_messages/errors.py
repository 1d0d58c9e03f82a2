"""Anthropic's error shape (Anthropic API reference, errors)."""

from typing import Final

import msgspec

from headgate.domain.refusal import Refusal
from headgate.kit import sse
from headgate.wire.explanation import explanation

_TYPE_OF_STATUS: Final = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    # 503 stays an API error: of an overloaded one Claude Code tries but twice again, and hides the sentence.
    504: "timeout_error",
    529: "overloaded_error",
}


def error_body(refusal: Refusal, request_id: str) -> bytes:
    """`refusal` as the body of an error answer."""
    status = refusal.status
    fallback = "invalid_request_error" if status < 500 else "api_error"
    return msgspec.json.encode(
        {
            "type": "error",
            "error": {"type": _TYPE_OF_STATUS.get(status, fallback), "message": refusal.sentence},
            "request_id": request_id,
            "headgate": explanation(refusal, request_id),
        }
    )


def error_frame(refusal: Refusal, request_id: str) -> bytes:
    """`refusal` as the last event of a stream that has begun."""
    return sse.frame(error_body(refusal, request_id), b"error")
