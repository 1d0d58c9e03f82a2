"""Whose proof a signature is: Gemini's are marked, for every provider refuses the thoughts that another one signed."""

from typing import Final

_MARK: Final = "gemini:"
"""No letter of base64, so that no other provider's signature begins like this."""

UNSIGNED: Final = "skip_thought_signature_validator"
"""What stands in for the signature of a call that Gemini did not make (Gemini API, thought signatures, FAQs)."""


def is_foreign_to_claude(signature: str) -> bool:
    """Whether `signature` is missing or Gemini's: Claude refuses a whole request for one such thought."""
    return not signature or signature.startswith(_MARK)


def marked(thought_signature: str) -> str:
    """Gemini's `thoughtSignature` as it stands in events and prompts."""
    return _MARK + thought_signature if thought_signature else ""


def unmarked(signature: str) -> str:
    """The `thoughtSignature` in `signature`; empty where another provider signed."""
    return signature[len(_MARK) :] if signature.startswith(_MARK) else ""
