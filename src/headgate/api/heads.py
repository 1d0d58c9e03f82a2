"""The headers of a response: what answered, how long it took, what is left of the limits."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from math import ceil
from typing import Final
from urllib.parse import quote

from headgate.api.exchange import Header
from headgate.api.surface import RateNames
from headgate.domain.answer import Answer, Books
from headgate.domain.money import decimal_usd
from headgate.domain.rates import RateWindow
from headgate.domain.refusal import Refusal

MAX_DROPPED_CHARS: Final = 2_000
"""Characters of the list of what could not cross; its names are a caller's."""
LONGEST_RETRY_S: Final = 60.0
"""After longer waits SDKs are told not to try again by themselves: some would sleep for an hour without a word."""
DEFAULT_RETRY_S: Final = 1.0
"""What `Retry-After` says with 503 where nobody knows better."""


def answer_head(answer: Answer, books: Books) -> list[Header]:
    """What is known of an answer before its first byte leaves."""
    deployment = answer.deployment
    producer = ("cache", "cache") if books.cache.served else (deployment.model_id, deployment.name)
    head = [
        (b"x-latency-ms", b"%d" % ceil(books.elapsed_ns() / 1e6)),
        (b"x-headgate-overhead-ms", b"%.3f" % (books.own_ns() / 1e6)),
        (b"x-headgate-fallbacks", b"%d" % max(0, books.tries - 1)),
        (b"x-headgate-cache", books.cache.encode()),
        *_producer(*producer, answer.pipeline),
    ]
    if answer.headers:
        head += [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in answer.headers]
    if answer.dropped:
        head.append((b"x-headgate-dropped", header_value(", ".join(answer.dropped)[:MAX_DROPPED_CHARS])))
    return head


def cost_header(books: Books) -> Header:
    """What a whole answer cost."""
    return b"x-headgate-cost-usd", decimal_usd(books.cost_nano()).encode()


def refusal_head(refusal: Refusal, status: int) -> list[Header]:
    """When and whether to try again, and how to prove who one is."""
    if status in (429, 503):
        after_s = DEFAULT_RETRY_S if refusal.retry_after_s is None else refusal.retry_after_s
        head = [(b"retry-after", b"%d" % max(1, ceil(after_s))), (b"retry-after-ms", b"%d" % ceil(after_s * 1000))]
        return head if after_s <= LONGEST_RETRY_S else [*head, (b"x-should-retry", b"false")]
    if status == 409:
        if refusal.retry_after_s is None:
            return [(b"x-should-retry", b"false")]
        return [(b"retry-after", b"%d" % ceil(refusal.retry_after_s))]
    if status == 402:
        return [(b"x-should-retry", b"false")]
    if status == 401:
        return [(b"www-authenticate", b"Bearer")]
    return []


def header_value(text: str) -> bytes:
    """`text` as a header's value: percent-encoded where it is not printable ASCII."""
    if text.isascii() and text.isprintable():
        return text.encode()
    return quote(text, safe=" !#$&'()*+,/:;=?@[]<>{}|^`\"").encode()


def rates_by(name: Callable[[str, str], str], reset: Callable[[int, int], bytes]) -> RateNames:
    """A writer of rate limits.

    Args:
        name: the header's name for a kind (`requests`) and a part (`limit`, `remaining`, `reset`).
        reset: how a reset is written, from wall time now and the time until it, both in milliseconds.
    """
    names = {
        kind: tuple(name(kind, part).encode() for part in ("limit", "remaining", "reset"))
        for kind in ("requests", "tokens")
    }

    def write(windows: Sequence[RateWindow], now_ms: int) -> list[Header]:
        head = []
        for window in windows:
            limit, remaining, resets = names[window.kind]
            head += [
                (limit, b"%d" % window.limit),
                (remaining, b"%d" % max(0, window.remaining)),
                (resets, reset(now_ms, window.reset_ms)),
            ]
        return head

    return write


def _span(now_ms: int, after_ms: int) -> bytes:
    """`after_ms` as OpenAI writes it: `120ms`, `7s`, `1m30s`."""
    if after_ms < 1000:
        return b"%dms" % after_ms
    minutes, seconds = divmod(ceil(after_ms / 1000), 60)
    return b"%dm%ds" % (minutes, seconds) if minutes else b"%ds" % seconds


def _moment(now_ms: int, after_ms: int) -> bytes:
    """The moment `after_ms` from `now_ms` as RFC 3339, rounded up to a second."""
    return _rfc3339(-(-(now_ms + after_ms) // 1000))


@lru_cache(maxsize=256)
def _rfc3339(second: int) -> bytes:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()


@lru_cache(maxsize=1024)
def _producer(model_id: str, deployment: str, pipeline: str) -> tuple[Header, ...]:
    return (
        (b"x-headgate-model", header_value(model_id)),
        (b"x-headgate-deployment", header_value(deployment)),
        (b"x-headgate-pipeline", header_value(pipeline)),
    )


OPENAI_RATES: Final = rates_by(lambda kind, part: f"x-ratelimit-{part}-{kind}", _span)
"""`x-ratelimit-limit-requests`, `-remaining-`, `-reset-` (OpenAI, rate limits in headers)."""
ANTHROPIC_RATES: Final = rates_by(lambda kind, part: f"anthropic-ratelimit-{kind}-{part}", _moment)
"""`anthropic-ratelimit-requests-limit`, `-remaining`, `-reset` (Anthropic, rate limits, response headers)."""
