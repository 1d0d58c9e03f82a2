"""The `headgate` object beside every error: which rule refused a call, whose it is, and where it is explained."""

from typing import Any, Final

from headgate.domain.refusal import Refusal

_DETAILS: Final = ("scope", "limit", "used", "resets_at", "owner")


def explanation(refusal: Refusal, request_id: str) -> dict[str, Any]:
    """What stands under `headgate` in an error body; null where a detail does not apply."""
    details = refusal.details
    told: dict[str, Any] = {"code": refusal.code}
    told.update({name: details.get(name) for name in _DETAILS})
    told["request_id"] = request_id
    told["link"] = details.get("link") or f"/admin/v1/requests/{request_id}"
    told.update({name: value for name, value in details.items() if name not in told})
    return told
