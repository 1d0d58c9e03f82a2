"""A failure as the last event of a streamed response (OpenAI API reference, responses, streaming events)."""

import msgspec

from headgate.domain.refusal import Refusal
from headgate.kit import sse
from headgate.wire.explanation import explanation


def error_frame(refusal: Refusal, request_id: str, sequence_number: int = 0) -> bytes:
    """`refusal` as an `error` event; `sequence_number` is 0 where the events before it were not ours to count."""
    event = {
        "type": "error",
        "sequence_number": sequence_number,
        "code": refusal.code,
        "message": refusal.sentence,
        "param": refusal.param,
        "headgate": explanation(refusal, request_id),
    }
    return sse.frame(msgspec.json.encode(event), b"error")
