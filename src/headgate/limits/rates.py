"""What admission asks of counters of rates, whoever keeps them."""

from collections.abc import Sequence
from typing import Any, Protocol

from headgate.storage.counters.rates import Full, RateScope, Room


class Taken(Protocol):
    """A call under way, as its scopes count it."""

    requests_room: Room | None
    """What is left of the tightest limit on requests, where there is one."""
    tokens_room: Room | None


class Counters(Protocol):
    """Requests and tokens a minute and calls at once, over several scopes."""

    async def take(self, scopes: Sequence[RateScope], tokens: int) -> Taken | Full:
        """Count a call of about `tokens` tokens in all `scopes`, or in none of them."""
        ...

    def close(self, taken: Any, tokens: int) -> None:
        """The call is over and used `tokens` tokens; later calls for the same `taken` change nothing."""
        ...

    def undo(self, taken: Any) -> None:
        """The call was refused after all: it counts as neither request nor tokens."""
        ...
