"""What a provider's error means to the caller, and whether the chain moves on after it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from headgate.domain.call import WireFormat
from headgate.domain.refusal import Refusal
from headgate.wire.crossing import LABELS

OUR_FAULT: Final = frozenset({401, 403, 404})
"""Statuses that say our credential or model id is wrong; the caller can do nothing about them."""
MAX_SENTENCE: Final = 500
TOO_LONG: Final = (
    "context_length_exceeded",
    "prompt is too long",
    "context length",
    "context window",
    "exceeds the maximum number of tokens",  # Gemini
    "exceed context limit",  # Claude, of the output limit too
    "input is too long",  # Bedrock
    "input tokens exceeded",  # Bedrock, of Nova
)
"""How providers say that a request is longer than the model's context."""
OUR_FAULT_SAID: Final = ("please pass a valid api key", "model identifier is invalid", "on-demand throughput isn")
"""How Gemini and Bedrock say with status 400 that our credential or model id is wrong."""
THROTTLED: Final = ("ThrottlingException", "TooManyRequestsException", "ServiceQuotaExceededException")
"""What `x-amzn-errortype` says, whatever the status, where AWS limits our rate."""
MODEL_FAILED: Final = 424
"""Bedrock's status for a model that failed (Amazon Bedrock API reference, ModelErrorException)."""


class Uncarried(Refusal):
    """A deployment cannot be told all of a strict call, so it was not asked.

    Args:
        deployment: its name.
        wire: the wire format of its provider.
        names: the wire names of what it cannot be told.
    """

    def __init__(self, deployment: str, wire: WireFormat, names: list[str]) -> None:
        super().__init__(
            "invalid_request",
            f"The call is strict, and {deployment} cannot be told {', '.join(names)}: its provider speaks {wire}. "
            f"Leave that out, ask for a model whose provider can be told, or let the call be lenient.",
            param=names[0],
            details={
                "fields": [{"param": name, "message": f"It cannot be said in the format {wire}."} for name in names]
            },
        )


def refuse_dropped(deployment: str, wire: WireFormat, dropped: tuple[str, ...]) -> None:
    """Refuse where anything but a label was `dropped` on the way to `deployment`.

    Raises:
        Uncarried: what it cannot be told.
    """
    names = [name for name in dropped if name not in LABELS]
    if names:
        raise Uncarried(deployment, wire, names)


def refusal_of(status: int, body: bytes, headers: Mapping[str, str], wire: WireFormat) -> Refusal:
    """The refusal for a provider's error reply."""
    said = _message(body) or f"status {status} without a message"
    said = said[:MAX_SENTENCE]
    retry_after_s = _seconds(headers.get("retry-after"))
    if headers.get("x-amzn-errortype", "").startswith(THROTTLED):
        status = 429
    if status in OUR_FAULT or (status == 400 and any(mark in said.lower() for mark in OUR_FAULT_SAID)):
        return Refusal(
            "provider_error",
            f"The provider rejects our credential or model id ({status}: {said}); tell your platform team.",
        )
    if status == 429:
        sentence = f"The provider limits our rate: {said}"
        return Refusal("provider_error", sentence, status=429, retry_after_s=retry_after_s, raw=body, raw_wire=wire)
    if status >= 500 or status in (408, MODEL_FAILED):
        sentence = f"The provider failed with status {status}: {said}"
        return Refusal(
            "provider_error", sentence, retry_after_s=retry_after_s, raw=body, raw_wire=wire, raw_status=status
        )
    code = "context_too_long" if any(mark in said.lower() for mark in TOO_LONG) else "invalid_request"
    return Refusal(code, f"The provider refused the request: {said}", status=status, raw=body, raw_wire=wire)


def moves_on(refusal: Refusal) -> bool:
    """Whether another deployment may do better: after every failure of the provider's, and after context overflow."""
    return refusal.code in ("provider_error", "provider_timeout", "context_too_long")


def exhausted(refusals: list[Refusal], held_back_ms: list[int], uncarried: Sequence[Refusal] = ()) -> Refusal:
    """What the caller is told when the whole chain gave no answer: first what may pass, then what its call lacks."""
    if refusals:
        return refusals[-1]
    if uncarried and not held_back_ms:
        return uncarried[0]
    return Refusal(
        "no_deployment_available",
        "Every provider of this model failed lately and is held back for a moment; try again after the given time.",
        retry_after_s=max(1.0, min(held_back_ms, default=0) / 1000),
    )


def _message(body: bytes) -> str:
    try:
        decoded: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body.decode("utf-8", "replace").strip()
    if isinstance(decoded, list) and len(decoded) == 1:  # Gemini, where a stream of another kind was asked for
        decoded = decoded[0]
    error = decoded.get("error", decoded) if isinstance(decoded, dict) else decoded
    message = (error.get("message") or error.get("Message", "")) if isinstance(error, dict) else error
    return message if isinstance(message, str) else str(message)


def _seconds(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
