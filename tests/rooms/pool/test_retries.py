"""Retries are at most a tenth of calls, after what quiet times have saved up."""

from hypothesis import given
from hypothesis import strategies as st

from headgate.pool.retries import CALLS_PER_RETRY, MAX_SAVED_RETRIES, RetryBudget


@given(st.lists(st.booleans(), max_size=3_000))
def test_retries_are_never_more_than_their_share(history: list[bool]) -> None:
    budget = RetryBudget()
    calls = retries = 0
    for is_call in history:
        if is_call:
            budget.called()
            calls += 1
        else:
            retries += budget.spend()
        assert retries <= MAX_SAVED_RETRIES + calls / CALLS_PER_RETRY


def test_when_everything_fails_a_tenth_is_tried_again() -> None:
    budget = RetryBudget()
    retried = 0
    for _ in range(10_000):
        budget.called()
        retried += budget.spend()
    assert retried == 1_099  # a hundred saved up, the rest a tenth of the calls
