"""Headers: safe whatever a model is called, and written as the SDKs read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.api.heads import ANTHROPIC_RATES, OPENAI_RATES, header_value, refusal_head
from headgate.domain.answer import RateWindow
from headgate.domain.refusal import Refusal


@given(st.text())
def test_a_header_holds_nothing_but_printable_ascii(text: str) -> None:
    value = header_value(text.encode("utf-8", "replace").decode())
    assert all(0x20 <= byte < 0x7F for byte in value)


@pytest.mark.parametrize(
    ("reset_ms", "said"),
    [
        (0, b"0ms"),
        (120, b"120ms"),
        (999, b"999ms"),
        (1000, b"1s"),
        (6001, b"7s"),
        (90_000, b"1m30s"),
        (360_000, b"6m0s"),
    ],
)
def test_openai_resets_are_spans(reset_ms: int, said: bytes) -> None:
    head = dict(OPENAI_RATES([RateWindow("tokens", 100, -3, reset_ms)], 0))
    assert head == {
        b"x-ratelimit-limit-tokens": b"100",
        b"x-ratelimit-remaining-tokens": b"0",
        b"x-ratelimit-reset-tokens": said,
    }


def test_anthropic_resets_are_moments() -> None:
    head = dict(ANTHROPIC_RATES([RateWindow("requests", 100, 99, 1_500)], 1_800_000_000_000))
    assert head[b"anthropic-ratelimit-requests-reset"] == b"2027-01-15T08:00:02Z"


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (Refusal("rate_limited", "x", retry_after_s=0.6), {b"retry-after": b"1", b"retry-after-ms": b"600"}),
        (Refusal("rate_limited", "x", retry_after_s=12.01), {b"retry-after": b"13", b"retry-after-ms": b"12010"}),
        (Refusal("not_ready", "x"), {b"retry-after": b"1", b"retry-after-ms": b"1000"}),
        (Refusal("budget_exceeded", "x"), {b"x-should-retry": b"false"}),
        (Refusal("invalid_key", "x"), {b"www-authenticate": b"Bearer"}),
        (Refusal("invalid_request", "x"), {}),
    ],
    ids=lambda value: getattr(value, "code", ""),
)
def test_a_refusal_says_when_and_whether_to_try_again(refusal: Refusal, said: dict[bytes, bytes]) -> None:
    assert dict(refusal_head(refusal, refusal.status)) == said


def test_nobody_is_told_to_wait_in_silence_for_longer_than_a_minute() -> None:
    assert (b"x-should-retry", b"false") not in refusal_head(Refusal("rate_limited", "x", retry_after_s=60), 429)
    assert (b"x-should-retry", b"false") in refusal_head(Refusal("not_ready", "x", retry_after_s=3600), 503)
