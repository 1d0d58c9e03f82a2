"""The books: entries booked by the journal's projection, read by callers, summed up against the team's budget."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from headgate.domain.money import NANO_USD, Budget
from headgate.domain.policy import ScopeDefaults, Settings
from headgate.domain.refusal import Refusal
from headgate.journal.records import AttemptClose
from headgate.kit.clock import Clock
from headgate.ledger import store
from headgate.ledger.store import Entry, RequestRow, Sum, Wanted
from headgate.storage.postgres.connecting import Connection
from headgate.storage.postgres.database import Database


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one project, user, model or day has used and spent; exactly one of the four is named."""

    calls: int
    input_tokens: int
    output_tokens: int
    spent_usd: float
    spent_nano_usd: int
    project: str | None = None
    user: str | None = None
    model: str | None = None
    day: str | None = None


class Report(msgspec.Struct, frozen=True):
    """A team's costs in its budget's present period; amounts in USD, exact beside them in nano-USD."""

    team_id: str
    budget_usd: float | None
    spent_usd: float
    remaining_usd: float | None
    utilization_pct: float | None
    budget_nano_usd: int | None
    spent_nano_usd: int
    remaining_nano_usd: int | None
    period: str
    """`day` or `month`; the month where the team has no budget."""
    period_start: str
    period_end: str
    complete_through: str
    """Every call that ended before this moment is in; RFC 3339, UTC."""
    by_project: tuple[Part, ...]
    by_user: tuple[Part, ...]
    """What was spent for no user stands under the empty name."""
    by_model: tuple[Part, ...]
    by_day: tuple[Part, ...]


class Ledger:
    """Books attempts and answers what was spent."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._team_defaults = ScopeDefaults()

    def apply(self, settings: Settings) -> None:
        """Measure teams without a budget of their own against the configuration's default for teams."""
        self._team_defaults = settings.team_defaults

    async def book(self, connection: Connection, closes: Sequence[AttemptClose]) -> Sequence[AttemptClose]:
        """Book the attempts that are not booked yet, in the caller's transaction; those that were booked just now."""
        if not closes:
            return ()
        booked = await store.book(connection, closes)
        return [close for close in closes if (close.request_id, close.attempt) in booked]

    async def entries(self, wanted: Wanted) -> list[Entry]:
        """Entries, newest first; a team's own are read under row-level security.

        Raises:
            Refusal: `not_found`, where `wanted` names a team that is not there.
            DatabaseAway: they cannot be read.
        """
        if wanted.request_id is not None and not _is_id(wanted.request_id):
            return []
        if wanted.team is None:
            async with self._database.system() as connection:
                return await store.entries(connection, wanted)
        payer = await self._payer(wanted.team)
        async with self._database.team(payer.team_key) as connection:
            return await store.entries(connection, wanted)

    async def request(self, request_id: str, team: str | None, key_id: str | None) -> tuple[RequestRow, list[Entry]]:
        """A call as it ended and its entries, oldest first.

        Args:
            team: the team whose calls may be seen; None for all.
            key_id: the key whose calls may be seen; None for all.

        Raises:
            Refusal: `not_found`, in the same words for what is another's.
            DatabaseAway: it cannot be read.
        """
        found = None
        if _is_id(request_id):
            async with self._database.system() as connection:
                found = await store.request(connection, request_id, team, key_id)
                if found is not None:
                    entries = await store.entries(connection, Wanted(request_id=request_id, limit=1000))
                    return found, entries[::-1]
        raise Refusal("not_found", f"There is no request '{request_id}'.", param="request_id")

    async def report(self, team: str, complete_through_ms: int) -> Report:
        """What a team spent in the present period of its monthly budget, or of its daily one where it has only that.

        Args:
            complete_through_ms: the wall time up to which the journal is projected.

        Raises:
            Refusal: `not_found`, where there is no such team.
            DatabaseAway: the books cannot be read.
        """
        payer = await self._payer(team)
        budgets = self._team_defaults.budgets if payer.budgets is None else payer.budgets
        budget = next((budget for budget in budgets if budget.period == "month"), next(iter(budgets), None))
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        start, end = _period(now, budget)
        async with self._database.team(payer.team_key) as connection:
            sums = await store.sums(connection, payer.team_key, start, end)
        spent = next(row.spent_nano for row in sums if row.kind == "total")
        remaining = None if budget is None else budget.nano - spent
        return Report(
            team_id=team,
            budget_usd=None if budget is None else budget.nano / NANO_USD,
            spent_usd=spent / NANO_USD,
            remaining_usd=None if remaining is None else remaining / NANO_USD,
            utilization_pct=None if budget is None else _percent(spent, budget.nano),
            budget_nano_usd=None if budget is None else budget.nano,
            spent_nano_usd=spent,
            remaining_nano_usd=remaining,
            period="month" if budget is None else budget.period,
            period_start=_rfc3339(start),
            period_end=_rfc3339(end),
            complete_through=_rfc3339(datetime.fromtimestamp(complete_through_ms / 1000, UTC)),
            by_project=tuple(_part(row, project=row.name) for row in sums if row.kind == "project"),
            by_user=tuple(_part(row, user=row.name) for row in sums if row.kind == "user"),
            by_model=tuple(_part(row, model=row.name) for row in sums if row.kind == "model"),
            by_day=tuple(_part(row, day=row.name) for row in sums if row.kind == "day"),
        )

    async def _payer(self, team: str) -> store.Payer:
        async with self._database.system() as connection:
            found = await store.payer(connection, team)
        if found is None:
            raise Refusal("not_found", f"There is no team '{team}'.", param="team")
        return found


def _part(row: Sum, **named: str) -> Part:
    return Part(row.calls, row.input_tokens, row.output_tokens, row.spent_nano / NANO_USD, row.spent_nano, **named)


def _period(now: datetime, budget: Budget | None) -> tuple[datetime, datetime]:
    """The calendar day or month (UTC) that `now` lies in: its first moment, and that of the next."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if budget is not None and budget.period == "day":
        return day, day + timedelta(days=1)
    month = day.replace(day=1)
    return month, (month + timedelta(days=31)).replace(day=1)


def _percent(spent: int, cap: int) -> float:
    """How much of a budget is spent; a budget of nothing is wholly spent from the start."""
    return round(100 * spent / cap, 4) if cap else 100.0


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
