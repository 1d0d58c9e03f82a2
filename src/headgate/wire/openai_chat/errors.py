"""OpenAI's error shape (OpenAI API reference, error codes)."""

from typing import Final

import msgspec

from headgate.domain.refusal import Refusal
from headgate.kit import sse
from headgate.wire.explanation import explanation

_TYPE_OF_STATUS: Final = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
    503: "overloaded_error",
}


def error_body(refusal: Refusal, request_id: str) -> bytes:
    """`refusal` as the body of an error answer."""
    status = refusal.status
    fallback = "invalid_request_error" if status < 500 else "api_error"
    return msgspec.json.encode(
        {
            "error": {
                "message": refusal.sentence,
                "type": _TYPE_OF_STATUS.get(status, fallback),
                "param": refusal.param,
                "code": refusal.code,
            },
            "headgate": explanation(refusal, request_id),
        }
    )


def error_frame(refusal: Refusal, request_id: str) -> bytes:
    """`refusal` as the last event of a stream that has begun."""
    return sse.frame(error_body(refusal, request_id))
