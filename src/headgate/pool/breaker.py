"""Circuit breaker: stops calling a provider that fails and lets one probe find out when it is back."""

from enum import StrEnum

from headgate.kit.clock import Clock


class BreakerState(StrEnum):
    """Whether calls may pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """Opens after `failures` consecutive failures, for `open_ms`; then one probe decides (Nygard, Release It!).

    Every call that `allows` let through must report `succeeded`, `failed` or `undecided`.
    """

    def __init__(self, clock: Clock, failures: int, open_ms: int) -> None:
        self._clock = clock
        self._failures = failures
        self._open_ms = open_ms
        self._consecutive = 0
        self._opened_ns: int | None = None
        self._probing = False
        self.last_error = ""

    @property
    def state(self) -> BreakerState:
        """The state now."""
        if self._opened_ns is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self.opens_in_ms() > 0 else BreakerState.HALF_OPEN

    def opens_in_ms(self) -> int:
        """Milliseconds until an open breaker lets a probe through; 0 when it is not open."""
        if self._opened_ns is None:
            return 0
        return max(0, self._open_ms - (self._clock.monotonic_ns() - self._opened_ns) // 1_000_000)

    def allows(self) -> bool:
        """Whether a call may be sent now; in half-open state only one is, until it has reported."""
        if self._opened_ns is None:
            return True
        if self._probing or self.opens_in_ms() > 0:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        """A call that was let through reached a provider that works."""
        self._consecutive = 0
        self._opened_ns = None
        self._probing = False

    def failed(self, error: str) -> None:
        """A call that was let through failed for a reason that is the provider's."""
        self._probing = False
        self._consecutive += 1
        self.last_error = error
        if self._opened_ns is not None or self._consecutive >= self._failures:
            self._opened_ns = self._clock.monotonic_ns()

    def undecided(self) -> None:
        """A call that was let through ended before the provider showed whether it works."""
        self._probing = False
