"""The `headgate` object beside every error: which rule refused a call, whose it is, and where it is explained."""

from typing import Any, Final

from headgate.domain.refusal import Refusal

REFERENCE: Final = "/docs#refusals"
"""Where every code is explained."""
_UNRECORDED: Final = frozenset({401, 405, 408, 413})
"""Statuses of exchanges that were refused before they became calls."""
_DETAILS: Final = ("scope", "limit", "used", "resets_at", "owner")


def explanation(refusal: Refusal, request_id: str, *, recorded: bool = True) -> dict[str, Any]:
    """What stands under `headgate` in an error body; null where a detail does not apply.

    `link` leads to the record of the call or, for what has none, to the reference.
    """
    details = refusal.details
    told: dict[str, Any] = {"code": refusal.code}
    told.update({name: details.get(name) for name in _DETAILS})
    told["request_id"] = request_id
    recorded = recorded and refusal.status not in _UNRECORDED
    told["link"] = details.get("link") or (f"/admin/v1/requests/{request_id}" if recorded else REFERENCE)
    told.update({name: value for name, value in details.items() if name not in told})
    return told
