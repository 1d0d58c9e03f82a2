"""What a provider's error means to the caller, and whether the chain moves on after it."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec

from headgate.domain.call import WireFormat
from headgate.domain.refusal import Refusal
from headgate.wire.crossing import LABELS

REJECTED: Final = frozenset({401, 403})
"""Statuses that say our credential is wrong; the caller can do nothing about it."""
MAX_SENTENCE: Final = 500
DRAINED_S: Final = 30.0
"""When to try again where everything is drained; nobody knows when it will be restored."""
TOO_LONG: Final = (
    "context_length_exceeded",
    "context length",  # OpenAI, OpenRouter, vLLM, DeepSeek, Mistral, LM Studio, Ollama
    "context window",  # OpenAI
    "prompt is too long",  # Claude, Fireworks
    "exceed context limit",  # Claude, of the output limit too
    "exceeds the maximum number of tokens",  # Gemini
    "input is too long",  # Bedrock
    "input tokens exceeded",  # Bedrock, of Nova
    "reduce the length of the messages",  # Groq, Cerebras
    "maximum prompt length",  # xAI
    "available context size",  # llama.cpp
    "tokens per minute",  # Groq with 413: more than the account may send in a minute
    "max_new_tokens` must be",  # Together
)
"""How providers say that a request is longer than the model's context."""
KEY_SAID: Final = ("please pass a valid api key",)
"""How Gemini says with status 400 that our credential is wrong."""
MODEL_SAID: Final = ("model identifier is invalid", "on-demand throughput isn")
"""How Bedrock says with status 400 that our model id is wrong."""
POLICY_CODES: Final = frozenset({"content_filter", "content_policy_violation", "responsibleaipolicyviolation"})
POLICY_SAID: Final = (
    "content management policy",  # Azure OpenAI
    "violating our usage policy",  # OpenAI
    "content filtering policy",  # Anthropic
    "violates usage guidelines",  # xAI, with status 403
    "content exists risk",  # DeepSeek
)
"""How providers say that their policy forbids the content."""
SPENT_CODES: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
SPENT_SAID: Final = ("credit balance is too low", "insufficient balance")
"""How OpenAI, Anthropic and DeepSeek say that our account has no money left, whatever the status."""
THROTTLED: Final = ("ThrottlingException", "TooManyRequestsException", "ServiceQuotaExceededException")
"""What `x-amzn-errortype` says, whatever the status, where AWS limits our rate."""
_LOOKS_SECRET: Final = re.compile(r"[\w*.-]{20,}")
"""What may be a part of our key, in a sentence about it."""
_RETRY_DELAY: Final = re.compile(rb'"retryDelay"\s*:\s*"(\d{1,6}(?:\.\d{1,9})?)s"')
MODEL_FAILED: Final = 424
"""Bedrock's status for a model that failed (Amazon Bedrock API reference, ModelErrorException)."""


class Rejected(Refusal):
    """The provider rejects our credential; another one may do."""


class Uncarried(Refusal):
    """A deployment cannot be told all of a strict call, so it was not asked.

    Args:
        deployment: its name.
        why: what keeps its provider from being told.
        names: the wire names of what it cannot be told.
    """

    def __init__(self, deployment: str, why: str, names: list[str]) -> None:
        super().__init__(
            "invalid_request",
            f"The call is strict, and {deployment} cannot be told {', '.join(names)}: its provider {why}. "
            f"Leave that out, ask for a model whose provider can be told, or let the call be lenient.",
            param=names[0],
            details={"fields": [{"param": name, "message": f"The provider {why}."} for name in names]},
        )


def refuse_dropped(deployment: str, wire: WireFormat, dropped: tuple[str, ...], *, crosses: bool) -> None:
    """Refuse where anything but a label was `dropped` on the way to `deployment`, which `crosses` formats or not.

    Raises:
        Uncarried: what it cannot be told.
    """
    names = [name for name in dropped if name not in LABELS]
    if names:
        raise Uncarried(deployment, f"speaks {wire}" if crosses else "refuses a request that says it", names)


def refusal_of(status: int, body: bytes, headers: Mapping[str, str], wire: WireFormat) -> Refusal:
    """The refusal for a provider's error reply: first what is our own fault, then the provider's, then the caller's."""
    message, codes = _read(body)
    said = (message or f"status {status} without a message")[:MAX_SENTENCE]
    lowered = said.lower()
    if headers.get("x-amzn-errortype", "").startswith(THROTTLED):
        status = 429
    if status < 500 and (codes & POLICY_CODES or _says(lowered, POLICY_SAID)):
        sentence = f"The provider's policy refuses the content: {said}"
        return Refusal("content_policy", sentence, raw=body, raw_wire=wire, raw_status=status)
    if ours := _our_fault(status, said, lowered, codes):
        return ours
    retry_after_s = _retry_after_s(headers) if wire is not WireFormat.GEMINI else _retry_delay_s(body)
    if status == 429:
        sentence = f"The provider limits our rate: {said}"
        return Refusal("provider_error", sentence, status=429, retry_after_s=retry_after_s, raw=body, raw_wire=wire)
    if status >= 500 or status in (408, MODEL_FAILED):
        sentence = f"The provider failed with status {status}: {said}"
        return Refusal(
            "provider_error", sentence, retry_after_s=retry_after_s, raw=body, raw_wire=wire, raw_status=status
        )
    code = "body_too_large" if status == 413 else "invalid_request"
    if codes & set(TOO_LONG) or _says(lowered, TOO_LONG):
        code = "context_too_long"
    return Refusal(code, f"The provider refused the request: {said}", status=status, raw=body, raw_wire=wire)


def _our_fault(status: int, said: str, lowered: str, codes: frozenset[str]) -> Refusal | None:
    """The refusal where our credential, account or model id is at fault: the caller can do nothing about them."""
    if status in REJECTED or (status == 400 and _says(lowered, KEY_SAID)):
        sentence = f"The provider rejects our credential or model id ({status}: {_LOOKS_SECRET.sub('***', said)})"
        return Rejected("provider_error", f"{sentence}; tell your platform team.")
    if status == 402 or (status < 500 and (codes & SPENT_CODES or _says(lowered, SPENT_SAID))):
        return Refusal(
            "provider_error", f"Our account at the provider is spent ({status}: {said}); tell your platform team."
        )
    if status == 404 or (status == 400 and _says(lowered, MODEL_SAID)):
        return Refusal(
            "provider_error",
            f"The provider rejects our credential or model id ({status}: {said}); tell your platform team.",
        )
    return None


def moves_on(refusal: Refusal) -> bool:
    """Whether another deployment may do better: after every failure of the provider's, and after context overflow."""
    return refusal.code in ("provider_error", "provider_timeout", "context_too_long")


def unbounded(tool: str) -> Refusal:
    """The refusal of a call whose cost has no bound, under a budget."""
    return Refusal(
        "invalid_request",
        f"The tool '{tool[:64]}' may run any number of times, so its cost has no bound and does not fit a budget; "
        "set its max_uses, or max_tool_calls.",
        param="tools",
    )


def is_the_providers(refusal: Refusal) -> bool:
    """Whether the provider failed, and not the request, so that trying again adds to its trouble."""
    return refusal.code in ("provider_error", "provider_timeout")


class Passed:
    """What kept a call from the deployments of its chain, as far as it has come."""

    __slots__ = ("drained", "failed", "full", "refusals", "uncarried", "waits_ms")

    def __init__(self) -> None:
        self.refusals: list[Refusal] = []
        """What those that were tried said."""
        self.uncarried: list[Uncarried] = []
        """What those cannot be told that were not asked."""
        self.waits_ms: list[float] = []
        """When those that failed lately or are full may be tried again, in milliseconds."""
        self.failed = False
        self.full = False
        self.drained = 0
        """How many an operator took out."""

    def exhausted(self) -> Refusal:
        """What the caller is told when the whole chain gave no answer: what may pass, then what its call lacks."""
        if self.refusals:
            return self.refusals[-1]
        if self.uncarried and not self.waits_ms and not self.drained:
            return self.uncarried[0]
        why = "Every provider of this model failed lately and is held back for a moment"
        if self.full or self.drained:
            reasons = [
                *(["failed lately and is held back for a moment"] if self.failed else []),
                *(["takes no more calls for the moment, by its limits"] if self.full else []),
                *(["was taken out by an operator"] if self.drained else []),
            ]
            why = f"Every deployment of this model {', or '.join(reasons)}"
        return Refusal(
            "no_deployment_available",
            f"{why}; try again after the given time.",
            retry_after_s=max(1.0, min(self.waits_ms) / 1000) if self.waits_ms else DRAINED_S,
        )


def _says(lowered: str, marks: tuple[str, ...]) -> bool:
    return any(mark in lowered for mark in marks)


def _read(body: bytes) -> tuple[str, frozenset[str]]:
    """The message of an error's body, and its codes and types in lower case."""
    try:
        decoded: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body.decode("utf-8", "replace").strip(), frozenset()
    if isinstance(decoded, list) and len(decoded) == 1:  # Gemini, where a stream of another kind was asked for
        decoded = decoded[0]
    error = (decoded.get("error") or decoded) if isinstance(decoded, dict) else decoded
    if not isinstance(error, dict):
        return error if isinstance(error, str) else str(error), frozenset()
    inner = error.get("innererror")
    codes = (error.get("code"), error.get("type"), inner.get("code") if isinstance(inner, dict) else None)
    message = error.get("message") or error.get("Message") or error.get("detail") or ""
    return (
        message if isinstance(message, str) else msgspec.json.encode(message).decode(),
        frozenset(code.lower() for code in codes if isinstance(code, str)),
    )


def _retry_delay_s(body: bytes) -> float | None:
    """Seconds until a retry may succeed, as Google's errors tell them in their body (google.rpc.RetryInfo)."""
    delay = _RETRY_DELAY.search(body)
    return float(delay[1]) if delay else None


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds until a retry may succeed: RFC 9110's `retry-after`, or OpenAI's in milliseconds."""
    milliseconds, text = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds:
            return max(0.0, float(milliseconds) / 1000)
        return max(0.0, float(text)) if text else None
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(text or "") - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return max(0.0, until.total_seconds())
