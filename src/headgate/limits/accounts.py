"""A budget in one calendar period, as this worker knows it: what it was granted, has spent and holds."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from headgate.domain.money import Budget, decimal_usd
from headgate.domain.principal import Allowance, ScopeKind


class AccountKey(NamedTuple):
    """What tells one budget in one period from another."""

    kind: ScopeKind
    scope: int
    period: str
    start_ms: int


class Account:
    """One budget in one period. Amounts are nano-USD.

    Free to hold is `granted - spent - held`. `granted` is all this worker ever took less what it gave back, so what
    an attempt costs above its bound makes the free amount negative and is leased anew before the next hold.
    """

    __slots__ = (
        "allowance",
        "cap",
        "doubtful",
        "end_ms",
        "granted",
        "held",
        "id",
        "key",
        "lent",
        "room",
        "settled",
        "spent",
        "spent_by_all",
        "stale",
        "team",
        "touched",
    )

    def __init__(self, key: AccountKey, end_ms: int, team: int, allowance: Allowance, cap: int) -> None:
        self.key = key
        self.end_ms = end_ms
        self.team = team
        self.cap = cap
        self.allowance = allowance
        """Whose budget it is, for refusals."""
        self.id = 0
        """The row's number; 0 until it was opened."""
        self.granted = 0
        self.spent = 0
        self.held = 0
        self.stale = True
        """Whether it is new or its cap changed, so that PostgreSQL must be asked before anything is held."""
        self.doubtful = False
        """Whether a trip broke off at its commit, so that PostgreSQL may count more as granted than `granted`."""
        self.touched = True
        """Whether a call held some of it since the last round of tidying."""
        self.settled = 0
        """What of our own spending was projected, when last seen; so are the next three."""
        self.spent_by_all = 0
        self.lent = 0
        """What other workers lease."""
        self.room = 0
        """What nobody has leased or spent."""

    @property
    def free(self) -> int:
        """What may be held without asking anyone."""
        return self.granted - self.spent - self.held

    @property
    def used(self) -> int:
        """What is spent of the budget, our own unprojected part included, as last seen."""
        return self.spent_by_all + self.spent - self.settled

    @property
    def name(self) -> str:
        """Whose budget it is, such as `team 'alpha'`."""
        return f"{self.allowance.kind} '{self.allowance.name}'"

    @property
    def budget(self) -> str:
        """The budget as people write it, such as `500 USD/month`."""
        return f"{decimal_usd(self.cap)} USD/{self.key.period}"


def period_ms(period: str, now_ms: int) -> tuple[int, int]:
    """Start and end (exclusive) of the calendar `day` or `month` (UTC) that holds `now_ms`, in Unix milliseconds."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    start = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        end = start + timedelta(days=1)
    else:
        start = start.replace(day=1)
        end = (start + timedelta(days=31)).replace(day=1)
    return int(start.timestamp()) * 1000, int(end.timestamp()) * 1000


def key_of(allowance: Allowance, budget: Budget, now_ms: int) -> tuple[AccountKey, int]:
    """The account of `budget` in the period that holds `now_ms`, and when that period ends."""
    start_ms, end_ms = period_ms(budget.period, now_ms)
    return AccountKey(allowance.kind, allowance.key, budget.period, start_ms), end_ms
