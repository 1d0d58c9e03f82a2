"""What is left of a rate limit."""

import msgspec


class RateWindow(msgspec.Struct, frozen=True):
    """What is left of the tightest limit of its kind."""

    kind: str
    """`requests` or `tokens`."""
    limit: int
    remaining: int
    reset_ms: int
    """Milliseconds until the limit is wholly free again."""
