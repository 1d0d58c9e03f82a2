"""What counters of rates take and give, whichever keeps them."""

from typing import Final, NamedTuple

MINUTE_NS: Final = 60_000_000_000
REQUESTS: Final = "requests"
TOKENS: Final = "tokens"
CONCURRENCY: Final = "concurrency"


class RateScope(NamedTuple):
    """The limits that bind one scope; None is no limit, 0 lets nothing through."""

    key: str
    """Unique among scopes, such as `team:7`."""
    requests: int | None
    """Requests a minute."""
    tokens: int | None
    """Tokens a minute."""
    parallel: int | None
    """Calls at once."""


class Room(NamedTuple):
    """What is left of one limit."""

    limit: int
    remaining: int
    reset_ns: int
    """Nanoseconds until the limit is wholly free."""


class Full(NamedTuple):
    """Why a call was not taken: the limit that keeps it waiting longest."""

    scope: int
    """The place of the scope among those asked for."""
    kind: str
    """`requests`, `tokens` or `concurrency`."""
    limit: int
    used: int
    retry_ns: int
    """Nanoseconds until the same call is taken if no other comes first; for concurrency a guess."""
    reset_ns: int
    """Nanoseconds until the limit is wholly free; for concurrency equal to `retry_ns`."""
