"""Whose proof a signature is: all but Claude's are marked, for a provider refuses what another one signed."""

from typing import Final

_MARK: Final = "gemini:"
"""No letter of base64, so that no other provider's signature begins like this."""
_OPENAI: Final = "openai:"
_CLAUDE: Final = "anthropic:"
"""How Claude's own stands where OpenAI's does without a mark."""
_NOBODY: Final = "unsigned:"
FOREIGN_TO_CLAUDE: Final = (_MARK, _OPENAI)
"""How a signature begins, in events, prompts and messages, that Claude did not make."""
FOREIGN_TO_OPENAI: Final = (_MARK, _CLAUDE, _NOBODY)
"""How an `encrypted_content` begins that OpenAI did not make."""

UNSIGNED: Final = "skip_thought_signature_validator"
"""What stands in for the signature of a call that Gemini did not make (Gemini API, thought signatures, FAQs)."""


def is_foreign_to_claude(signature: str) -> bool:
    """Whether `signature` is missing or another's: Claude refuses a whole request for one such thought."""
    return not signature or signature.startswith(FOREIGN_TO_CLAUDE)


def marked(thought_signature: str) -> str:
    """Gemini's `thoughtSignature` as it stands in events and prompts."""
    return _MARK + thought_signature if thought_signature else ""


def unmarked(signature: str) -> str:
    """The `thoughtSignature` in `signature`; empty where another provider signed."""
    return signature[len(_MARK) :] if signature.startswith(_MARK) else ""


def of_encrypted(content: str) -> str:
    """OpenAI's `encrypted_content` as it stands in events and prompts."""
    if not content or content.startswith(_NOBODY):
        return ""
    if content.startswith(_CLAUDE):
        return content[len(_CLAUDE) :]
    return content if content.startswith(_MARK) else _OPENAI + content


def encrypted(signature: str) -> str:
    """`signature` as an `encrypted_content`, never empty: what OpenAI did not make must be known when it comes back."""
    if signature.startswith(_OPENAI):
        return signature[len(_OPENAI) :]
    if signature.startswith(_MARK):
        return signature
    return _CLAUDE + signature if signature else _NOBODY


def is_openais(signature: str) -> bool:
    """Whether OpenAI encrypted the thought."""
    return signature.startswith(_OPENAI)
