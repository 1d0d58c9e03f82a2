"""The demo model's tokens: a piece is a word of at most ten characters or one mark, with the blanks before it."""

import re
from typing import Final

_PIECE: Final = re.compile(r"\s*\w{1,10}|\s*[^\w\s]|\s+")


def pieces(text: str) -> list[str]:
    """The tokens of `text`; joined they are `text` again, and there are never more of them than UTF-8 bytes."""
    return _PIECE.findall(text)


def tokens(text: str) -> int:
    """How many tokens `text` counts."""
    return len(_PIECE.findall(text))
