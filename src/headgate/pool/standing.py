"""How a deployment stands: its provider's breaker, how its last calls went, how many are under way."""

from typing import Final

from headgate.pool.breaker import Breaker

DECAY: Final = 0.1
"""The share of the newest call in an average; those of the last twenty or so decide it."""


class Standing:
    """One deployment as its calls saw it. Every call that `allows` let through reports exactly one of its ends."""

    __slots__ = ("availability", "breaker", "calls", "last_error", "latency_ms", "under_way")

    def __init__(self, breaker: Breaker) -> None:
        self.breaker = breaker
        self.calls = 0
        self.under_way = 0
        self.latency_ms = 0.0
        """Average wait for the first event of an answer, the newer calls counting more; 0 before the first."""
        self.availability = 1.0
        """Share of calls that were not failed by the provider, the newer ones counting more."""
        self.last_error = ""

    def allows(self) -> bool:
        """Whether a call may be sent now; then it counts as under way."""
        if not self.breaker.allows():
            return False
        self.under_way += 1
        return True

    def again(self) -> None:
        """A call that has ended is sent once more."""
        self.under_way += 1

    def answering(self) -> None:
        """An answer began: the provider works, however long its caller takes to read it."""
        self.breaker.succeeded()

    def succeeded(self, waited_ms: float = 0.0) -> None:
        """A call reached a provider that works, `waited_ms` milliseconds before its answer began; 0 for no answer."""
        self.breaker.succeeded()
        self._ended(1.0)
        if waited_ms:
            self.latency_ms += (waited_ms - self.latency_ms) * (DECAY if self.latency_ms else 1.0)

    def failed(self, error: str) -> None:
        """A call failed for a reason that is the provider's."""
        self.breaker.failed(error)
        self.last_error = error
        self._ended(0.0)

    def undecided(self) -> None:
        """A call ended before the provider showed whether it works."""
        self.breaker.undecided()
        self.under_way -= 1

    def _ended(self, answered: float) -> None:
        self.under_way -= 1
        self.calls += 1
        self.availability += (answered - self.availability) * DECAY
