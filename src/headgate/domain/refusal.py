"""Why a call was not served: one type, a stable code, a sentence to act on."""

from collections.abc import Mapping
from typing import Any, Final

from headgate.domain.rates import RateWindow

CODES: Final[Mapping[str, tuple[int, str]]] = {
    "invalid_request": (400, "The body or a header could not be understood."),
    "guardrail_blocked": (400, "A guardrail of the use case blocked the request or the answer."),
    "content_policy": (400, "The provider refused the content."),
    "context_too_long": (400, "The request is longer than the model's context."),
    "missing_credentials": (401, "The request carries no key."),
    "invalid_key": (401, "The key is unknown or was revoked."),
    "expired_token": (401, "The key or token has expired."),
    "budget_exceeded": (402, "A budget is spent."),
    "estimate_exceeds_budget": (402, "The call's upper bound does not fit what is left of a budget."),
    "not_permitted": (403, "The caller's role or use case does not permit this."),
    "model_not_approved": (403, "The model is not approved for use."),
    "wrong_team": (403, "The request names a team that is not the key's own."),
    "residency_violation": (403, "No permitted region could serve the call."),
    "use_case_not_granted": (403, "The team may not use this use case."),
    "model_not_found": (404, "No model of this name is configured or priced."),
    "not_found": (404, "There is nothing at this address."),
    "method_not_allowed": (405, "The address exists, the method does not."),
    "idempotency_conflict": (409, "The idempotency key was used for another request."),
    "conflict": (409, "The change contradicts what is there."),
    "body_too_large": (413, "The body is longer than the limit."),
    "invalid_parameter": (422, "A field is out of its range."),
    "rate_limited": (429, "A limit on requests, tokens or parallel calls was reached."),
    "caller_left": (499, "The caller hung up before the answer was whole."),
    "internal_error": (500, "Headgate made a mistake; the request is recorded."),
    "provider_error": (502, "The provider failed or answered with nonsense."),
    "provider_timeout": (504, "The provider did not answer in time."),
    "no_deployment_available": (503, "Every deployment of the chain was tried or is held back."),
    "overloaded": (503, "There is no room for the call within its deadline."),
    "not_ready": (503, "A part that the call needs is away or still starting."),
    "journal_unavailable": (503, "The journal cannot be written, so nothing may be spent."),
}


class Refusal(Exception):
    """A call that is not served, or not served whole.

    Args:
        code: one of `CODES`; it fixes the HTTP status unless `status` is given.
        sentence: what happened and what to do about it; enough to act on alone.
        param: the field at fault, where there is one.
        status: the provider's own status, for its error passed on; or the one to say on every surface.
        retry_after_s: seconds until a retry may succeed.
        details: `scope`, `limit`, `used`, `resets_at`, `owner`, `link`, `fields`, where they apply.
        raw: the provider's error body, passed on unchanged on the same wire format.
        raw_wire: the wire format of `raw`.
        raw_status: the status that goes with `raw` on the same wire format, where it is not `status`.
        windows: the rates that are used up.
    """

    def __init__(
        self,
        code: str,
        sentence: str,
        *,
        param: str | None = None,
        status: int | None = None,
        retry_after_s: float | None = None,
        details: Mapping[str, Any] | None = None,
        raw: bytes = b"",
        raw_wire: str = "",
        raw_status: int | None = None,
        windows: tuple[RateWindow, ...] = (),
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.param = param
        self.has_own_status = status is not None
        self.status = CODES[code][0] if status is None else status
        self.retry_after_s = retry_after_s
        self.details: Mapping[str, Any] = details or {}
        self.raw = raw
        self.raw_wire = raw_wire
        self.raw_status = self.status if raw_status is None else raw_status
        self.windows = windows
