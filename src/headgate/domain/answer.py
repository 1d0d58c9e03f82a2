"""An answer on its way: its events and where they come from."""

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Protocol

import msgspec

from headgate.domain.call import WireFormat
from headgate.domain.event import Event
from headgate.domain.policy import Deployment
from headgate.domain.rates import RateWindow
from headgate.domain.usage import Usage


class Outcome(StrEnum):
    """How a call ended; an outcome says what was produced, not what was delivered."""

    ANSWERED = "answered"
    CACHED = "cached"
    BLOCKED = "blocked"
    LIMITED = "limited"
    REFUSED = "refused"
    FAILED = "failed"
    ABANDONED = "abandoned"


class CacheUse(StrEnum):
    """What the cache had to do with an answer."""

    OFF = "off"
    MISS = "miss"
    EXACT = "exact"
    SEMANTIC = "semantic"
    STALE = "stale"
    """Kept past its time, and served because nothing else could answer."""

    @property
    def served(self) -> bool:
        """Whether the cache gave the answer."""
        return self not in (CacheUse.OFF, CacheUse.MISS)


class Basis(StrEnum):
    """What an entry's amount rests on."""

    REPORTED = "reported"
    ESTIMATED = "estimated"
    RESERVED = "reserved"


class Books(Protocol):
    """What an answer has cost so far; final once its last event came."""

    @property
    def tries(self) -> int:
        """How many deployments were called."""
        ...

    @property
    def cache(self) -> CacheUse:
        """What the cache had to do with it."""
        ...

    @property
    def windows(self) -> tuple[RateWindow, ...]:
        """The rate limits as they stand after this call."""
        ...

    def cost_nano(self) -> int:
        """Nano-USD."""
        ...

    def usage(self) -> Usage:
        """Tokens of all attempts together."""
        ...

    def own_ns(self) -> int:
        """Our own time so far in nanoseconds, from the first byte received, queueing included."""
        ...

    def elapsed_ns(self) -> int:
        """All time so far in nanoseconds, from the first byte received."""
        ...


class Answer(msgspec.Struct):
    """What a pipeline gives: events, the wire format their bytes are in, and who produced them."""

    wire: WireFormat
    whole: bool
    """Whether the events' bytes are one body (on the `finished` event) and not a stream of frames."""
    events: AsyncIterator[list[Event]]
    """In batches, as they came together, never empty; what failed says so in the very last event."""
    deployment: Deployment
    pipeline: str = "direct"
    headers: tuple[tuple[str, str], ...] = ()
    """The provider's headers that may reach a caller of the same wire format."""
    dropped: tuple[str, ...] = ()
    """Fields of the request that could not cross to the provider's wire format."""
    books: Books | None = None
    """Set when the answer enters the spine's last step."""
