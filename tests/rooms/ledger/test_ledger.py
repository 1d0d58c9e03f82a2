"""The books: booked once, read by team, summed up against the budget."""

from typing import NamedTuple

import msgspec
import pytest

from headgate.domain.money import Budget
from headgate.domain.policy import ScopeDefaults, Settings
from headgate.domain.principal import Principal, Role, Subject
from headgate.domain.refusal import Refusal
from headgate.domain.usage import Usage
from headgate.identity.directory import Actor, Directory
from headgate.identity.store import TeamTerms
from headgate.journal.records import AttemptClose
from headgate.kit.clock import ManualClock
from headgate.kit.ids import uuid7
from headgate.ledger.ledger import Ledger
from headgate.ledger.store import Wanted
from headgate.storage.postgres.database import Database

ADMIN = Principal(Role.PLATFORM_ADMIN, "", "", "", "key_test", None, (), None)
DAY_MS = 86_400_000


class House(NamedTuple):
    """A ledger over two teams, `alpha` with a budget and `beta` without."""

    ledger: Ledger
    database: Database
    clock: ManualClock


@pytest.fixture
async def house(database: Database) -> House:
    clock = ManualClock(1_800_000_000_000)  # 2027-01-15T08:00:00Z
    directory = Directory(database, clock, lambda act: None)
    budgets = (Budget(2_000, "day"), Budget(10_000, "month"))
    for team in (
        TeamTerms("alpha", budgets=budgets),
        TeamTerms("beta"),
    ):
        await directory.create_team(Actor(ADMIN, uuid7(0)), team)
    return House(Ledger(database, clock), database, clock)


def close(house: House, *, team: int = 1, cost: int = 100, days_ago: int = 0, attempt: int = 1) -> AttemptClose:
    at_ms = house.clock.now_ms() - days_ago * DAY_MS
    subject = Subject(team, team, None, None)
    used = Usage(10, 5)
    names = ("default", "direct", "answer", "smart", "demo/demo")
    return AttemptClose(uuid7(at_ms), attempt, at_ms, subject, *names, 1, (), used, cost, "reported", "answered", "")


async def book(house: House, *closes: AttemptClose) -> int:
    async with house.database.system() as connection:
        return len(await house.ledger.book(connection, closes))


async def test_an_attempt_is_booked_once(house: House) -> None:
    first, second = close(house), close(house, attempt=2)
    assert await book(house, first) == 1
    assert await book(house, first, second) == 1
    assert await book(house) == 0
    assert len(await house.ledger.entries(Wanted())) == 2


async def test_a_nul_that_a_journal_holds_does_not_stop_the_books(house: House) -> None:
    """PostgreSQL's text cannot hold it; what was journalled before such names were refused is booked all the same."""
    assert await book(house, msgspec.structs.replace(close(house), model="a\0b")) == 1
    (entry,) = await house.ledger.entries(Wanted())
    assert entry.model == "a\ufffdb"


async def test_entries_come_newest_first_by_team_and_page(house: House) -> None:
    mine = [close(house, days_ago=days) for days in range(5)]
    await book(house, *mine, close(house, team=2))
    everything = await house.ledger.entries(Wanted(team="alpha"))
    assert [str(entry.request_id) for entry in everything] == [closed.request_id for closed in mine]
    last = everything[1]
    rest = await house.ledger.entries(
        Wanted(
            team="alpha",
            before_at=last.at,
            before_request=str(last.request_id),
            before_attempt=last.attempt,
            limit=2,
        )
    )
    assert rest == everything[2:4]
    assert await house.ledger.entries(Wanted(team="beta", request_id=mine[0].request_id)) == []
    assert await house.ledger.entries(Wanted(since=everything[1].at, team="alpha")) == everything[:2]
    assert await house.ledger.entries(Wanted(request_id="no id")) == []


async def test_a_report_sums_the_present_month_against_the_monthly_budget(house: House) -> None:
    await book(
        house, close(house, cost=2_500), close(house, days_ago=1), close(house, days_ago=40), close(house, team=2)
    )
    report = await house.ledger.report("alpha", house.clock.now_ms())
    assert (report.budget_nano_usd, report.spent_nano_usd, report.remaining_nano_usd) == (10_000, 2_600, 7_400)
    assert (report.budget_usd, report.spent_usd, report.remaining_usd) == (0.00001, 0.0000026, 0.0000074)
    assert (report.utilization_pct, report.period) == (26.0, "month")
    assert (report.period_start, report.period_end) == ("2027-01-01T00:00:00.000Z", "2027-02-01T00:00:00.000Z")
    assert report.complete_through == "2027-01-15T08:00:00.000Z"
    assert [(part.project, part.calls, part.spent_nano_usd) for part in report.by_project] == [("default", 2, 2_600)]
    assert [(part.user, part.spent_nano_usd) for part in report.by_user] == [("", 2_600)]
    assert [(part.model, part.input_tokens, part.output_tokens) for part in report.by_model] == [("smart", 20, 10)]
    assert [(part.day, part.spent_nano_usd) for part in report.by_day] == [("2027-01-14", 100), ("2027-01-15", 2_500)]


async def test_a_team_without_a_budget_has_a_report_with_nulls_or_the_configurations_default(house: House) -> None:
    report = await house.ledger.report("beta", 0)
    assert (report.budget_usd, report.remaining_usd, report.utilization_pct) == (None, None, None)
    assert (report.spent_usd, report.by_model) == (0.0, ())
    house.ledger.apply(Settings((), ScopeDefaults((Budget(50, "day"),)), ScopeDefaults()))
    await book(house, close(house, team=2, cost=75), close(house, team=2, days_ago=1))
    report = await house.ledger.report("beta", 0)
    assert (report.period, report.spent_nano_usd, report.remaining_nano_usd) == ("day", 75, -25)
    assert report.utilization_pct == 150.0


async def test_what_is_not_there_is_not_found(house: House) -> None:
    with pytest.raises(Refusal, match="no team 'gamma'"):
        await house.ledger.report("gamma", 0)
    with pytest.raises(Refusal, match="no team 'gamma'"):
        await house.ledger.entries(Wanted(team="gamma"))
    for request_id in (uuid7(0), "no id"):
        with pytest.raises(Refusal, match="no request"):
            await house.ledger.request(request_id, None, None)
