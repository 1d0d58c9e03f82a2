"""A refusal as the native and administration surfaces say it: one JSON body, the same for every unknown path."""

from typing import Final

import msgspec

from headgate.domain.refusal import Refusal
from headgate.wire.explanation import explanation

_TYPE_OF_STATUS: Final = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    502: "provider_error",
    503: "unavailable_error",
    504: "timeout_error",
}


def native_error(refusal: Refusal, request_id: str, *, recorded: bool = True) -> bytes:
    """The JSON body of `refusal`.

    `error` holds type, code, message and param; `headgate` holds code, scope, limit, used, resets_at, owner, link and
    request_id, null where they do not apply, and `fields` (`[{"param", "message"}]`) where several fields are wrong.

    Args:
        refusal: why.
        request_id: of the exchange.
        recorded: whether the exchange is a call, which has a record to look at.
    """
    return msgspec.json.encode(
        {
            "error": {
                "type": error_type(refusal.status),
                "code": refusal.code,
                "message": refusal.sentence,
                "param": refusal.param,
            },
            "headgate": explanation(refusal, request_id, recorded=recorded),
        }
    )


def error_type(status: int) -> str:
    """The family of errors that an HTTP status belongs to, such as `authentication_error`."""
    return _TYPE_OF_STATUS.get(status, "invalid_request_error" if status < 500 else "api_error")
