"""Rates kept in this process: GCRA for requests and tokens, a count for calls at once.

GCRA (the generic cell rate algorithm, ITU-T I.371) keeps one number a limit: when it will be wholly free. A call moves
that moment on by its own share of a minute and is refused if that puts it more than a minute ahead, so a burst of one
minute's allowance passes at once and then calls pass at the rate's own pace.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Final

from headgate.kit.clock import Clock
from headgate.storage.counters.rates import CONCURRENCY, MINUTE_NS, REQUESTS, TOKENS, Full, RateScope, Room

MAX_SCOPES: Final = 50_000
"""Scopes tracked before those that are wholly free are forgotten."""
PARALLEL_RETRY_NS: Final = 1_000_000_000
"""When to try again for a slot; nobody knows when a call under way will end."""
_NEVER_NS: Final = 2 * MINUTE_NS
"""More than any limit has room for; the share of a call under a limit of 0."""
_UNLIMITED: Final = 1 << 62


class _Row:
    """One scope's state; the two moments are monotonic nanoseconds."""

    __slots__ = (
        "active",
        "parallel",
        "request_ns",
        "requests",
        "requests_free_ns",
        "scope",
        "tokens",
        "tokens_free_ns",
    )

    def __init__(self, scope: RateScope) -> None:
        self.requests_free_ns = 0
        self.tokens_free_ns = 0
        self.active = 0
        self.bind(scope)

    def bind(self, scope: RateScope) -> None:
        """Go by the limits of `scope`; what was counted stays counted, in time."""
        self.scope = scope
        self.requests = scope.requests
        self.tokens = scope.tokens
        self.request_ns = 0 if scope.requests is None else MINUTE_NS // scope.requests if scope.requests else _NEVER_NS
        self.parallel = _UNLIMITED if scope.parallel is None else scope.parallel

    def tokens_ns(self, tokens: int) -> int:
        """What `tokens` move the limit on by; a whole minute's allowance at most, so that no call is too large."""
        limit = self.tokens
        if not limit:
            return 0 if limit is None else _NEVER_NS
        return MINUTE_NS * tokens // limit if tokens < limit else MINUTE_NS


_Moved = tuple[_Row, int, int]
"""A scope's state, and when its requests and its tokens would be wholly free with one call more."""


class Taken:
    """A call under way, as its scopes count it."""

    __slots__ = ("at_ns", "moved", "open", "requests_room", "tokens", "tokens_room")

    def __init__(self, moved: list[_Moved], tokens: int, at_ns: int) -> None:
        self.moved = moved
        self.tokens = tokens
        self.at_ns = at_ns
        self.open = True
        self.requests_room: Room | None = None
        """What is left of the tightest limit on requests, where there is one."""
        self.tokens_room: Room | None = None


class MemoryCounters:
    """Counters of one process.

    Args:
        clock: for monotonic time.
        max_scopes: how many scopes to track before wholly free ones are forgotten; scopes in use are never forgotten.
    """

    def __init__(self, clock: Clock, max_scopes: int = MAX_SCOPES) -> None:
        self._clock = clock
        self._max_scopes = max_scopes
        self._rows: dict[str, _Row] = {}

    def __len__(self) -> int:
        return len(self._rows)

    async def take(self, scopes: Sequence[RateScope], tokens: int) -> Taken | Full:
        """Count a call of about `tokens` tokens in all `scopes`, or in none of them.

        A call of more tokens than a whole minute's allowance passes where that allowance is wholly free.
        """
        now = self._clock.monotonic_ns()
        latest = now + MINUTE_NS
        moved: list[_Moved] = []
        fits = True
        for scope in scopes:
            row = self._rows.get(scope.key)
            if row is None:
                row = self._rows[scope.key] = _Row(scope)
            elif row.scope is not scope:
                row.bind(scope)
            requests_ns = row.requests_free_ns
            requests_ns = (requests_ns if requests_ns > now else now) + row.request_ns
            tokens_ns = row.tokens_free_ns
            tokens_ns = (tokens_ns if tokens_ns > now else now) + row.tokens_ns(tokens)
            if requests_ns > latest or tokens_ns > latest or row.active >= row.parallel:
                fits = False
            moved.append((row, requests_ns, tokens_ns))
        if not fits:
            return _longest(moved, now)
        taken = Taken(moved, tokens, now)
        tightest_requests = tightest_tokens = -1
        for row, requests_ns, tokens_ns in moved:
            row.active += 1
            row.requests_free_ns = requests_ns
            row.tokens_free_ns = tokens_ns
            if row.requests is not None:
                left = (latest - requests_ns) * row.requests
                if tightest_requests < 0 or left < tightest_requests:
                    tightest_requests = left
                    taken.requests_room = Room(row.requests, left // MINUTE_NS, requests_ns - now)
            if row.tokens is not None:
                left = (latest - tokens_ns) * row.tokens
                if tightest_tokens < 0 or left < tightest_tokens:
                    tightest_tokens = left
                    taken.tokens_room = Room(row.tokens, left // MINUTE_NS, tokens_ns - now)
        if len(self._rows) > self._max_scopes:
            self._forget(now)
        return taken

    def close(self, taken: Taken, tokens: int) -> None:
        """The call is over and used `tokens` tokens; later calls for the same `taken` change nothing."""
        if not taken.open:
            return
        taken.open = False
        more = tokens - taken.tokens
        now = self._clock.monotonic_ns()
        for row, _, _ in taken.moved:
            row.active -= 1
            limit = row.tokens
            if not limit:
                continue
            if more >= 0:
                counted_ns = row.tokens_ns(taken.tokens)
                row.tokens_free_ns = max(row.tokens_free_ns, now) + MINUTE_NS * tokens // limit - counted_ns
            else:
                left_ns = MINUTE_NS * tokens // limit
                row.tokens_free_ns -= _returned(row.tokens_ns(taken.tokens), left_ns, now - taken.at_ns)

    def undo(self, taken: Taken) -> None:
        """The call was refused after all: it counts as neither request nor tokens."""
        if not taken.open:
            return
        elapsed_ns = self._clock.monotonic_ns() - taken.at_ns
        for row, _, _ in taken.moved:
            row.requests_free_ns -= _returned(row.request_ns, 0, elapsed_ns)
        self.close(taken, 0)

    def _forget(self, now: int) -> None:
        """Look at the four oldest rows and forget those that are wholly free: as many as one call can add."""
        for oldest in list(islice(self._rows, 4)):
            row = self._rows.pop(oldest)
            if row.active or row.requests_free_ns > now or row.tokens_free_ns > now:
                self._rows[oldest] = row


def _longest(moved: Sequence[_Moved], now: int) -> Full:
    """The limit that keeps the call waiting longest."""
    found: list[Full] = []
    latest = now + MINUTE_NS
    for place, (row, requests_ns, tokens_ns) in enumerate(moved):
        if row.requests is not None and requests_ns > latest:
            found.append(_full(place, REQUESTS, row.requests, row.requests_free_ns - now, requests_ns - latest))
        if row.tokens is not None and tokens_ns > latest:
            found.append(_full(place, TOKENS, row.tokens, row.tokens_free_ns - now, tokens_ns - latest))
        if row.active >= row.parallel:
            found.append(Full(place, CONCURRENCY, row.parallel, row.active, PARALLEL_RETRY_NS, PARALLEL_RETRY_NS))
    return max(found, key=lambda full: full.retry_ns)


def _full(place: int, kind: str, limit: int, ahead_ns: int, retry_ns: int) -> Full:
    ahead_ns = max(0, ahead_ns)
    return Full(place, kind, limit, -(-ahead_ns * limit // MINUTE_NS), retry_ns, max(ahead_ns, retry_ns))


def _returned(counted_ns: int, left_ns: int, elapsed_ns: int) -> int:
    """What to give back of a share: less what time has given back already, for that credit would fall to others."""
    return max(0, min(counted_ns - left_ns, counted_ns - elapsed_ns))
