"""The retry budget: tries after failed ones, bounded as a share of all calls (Site Reliability Engineering, ch. 21)."""

from typing import Final

CALLS_PER_RETRY: Final = 10
"""A retry for so many calls: an outage adds at most a tenth to the load of whatever is still up."""
MAX_SAVED_RETRIES: Final = 100
"""Retries that quiet times save up."""


class RetryBudget:
    """Counts calls and the retries that they allow; begins full."""

    def __init__(self) -> None:
        self._saved_calls = MAX_SAVED_RETRIES * CALLS_PER_RETRY

    def called(self) -> None:
        """A call is made for the first time."""
        self._saved_calls = min(self._saved_calls + 1, MAX_SAVED_RETRIES * CALLS_PER_RETRY)

    def spend(self) -> bool:
        """Whether another deployment may be tried; then it counts as a retry."""
        if self._saved_calls < CALLS_PER_RETRY:
            return False
        self._saved_calls -= CALLS_PER_RETRY
        return True
