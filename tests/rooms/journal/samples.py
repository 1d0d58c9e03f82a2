"""Records that the journal's tests write, and the least that booking must do for them."""

import os
from collections.abc import Sequence

from headgate.domain.principal import Subject
from headgate.domain.usage import Usage
from headgate.journal.projection import Books
from headgate.journal.records import AttemptClose, AttemptOpen, Close, Step
from headgate.kit.ids import uuid7
from headgate.storage.postgres.connecting import Connection

NOW_MS = 1_800_000_000_000
SUBJECT = Subject(1, 2, 3, 4)
HOLD_NANO = 9_000


def opened(request_id: str, attempt: int = 1) -> AttemptOpen:
    return AttemptOpen(
        request_id, attempt, NOW_MS, SUBJECT, "default", "direct", "answer", "smart", "demo/demo", 1, HOLD_NANO, (7,)
    )


def ended(request_id: str, attempt: int = 1, cost_nano: int = 4_000) -> AttemptClose:
    return AttemptClose(
        request_id,
        attempt,
        NOW_MS,
        SUBJECT,
        "default",
        "direct",
        "answer",
        "smart",
        "demo/demo",
        1,
        (7,),
        Usage(100, 20, 10, 0, 5),
        cost_nano,
        "reported",
        "answered",
        "",
    )


def closed(request_id: str, sentence: str = "demo/demo answers") -> Close:
    return Close(
        request_id,
        NOW_MS,
        SUBJECT,
        "openai-chat",
        "default",
        "direct",
        "smart",
        "demo/demo",
        1,
        "answered",
        "",
        200,
        1,
        Usage(100, 20, 10, 0, 5),
        4_000,
        12_345,
        321,
        os.urandom(16),
        os.urandom(16),
        os.urandom(16),
        (Step("run", sentence, 12),),
    )


def request(request_id: str | None = None) -> tuple[AttemptOpen, AttemptClose, Close]:
    """The three frames of an answered request."""
    request_id = request_id or uuid7(NOW_MS)
    return opened(request_id), ended(request_id), closed(request_id)


class Settled:
    """Books for tests: entries are real rows; what was settled and released is remembered here."""

    def __init__(self) -> None:
        self.settled: list[AttemptClose] = []
        self.released: list[str] = []

    def books(self) -> Books:
        return Books(book, self.settle, self.release)

    async def settle(self, connection: Connection, incarnation: str, closes: Sequence[AttemptClose]) -> None:
        self.settled += closes

    async def release(self, connection: Connection, incarnation: str) -> None:
        self.released.append(incarnation)


async def book(connection: Connection, closes: Sequence[AttemptClose]) -> list[AttemptClose]:
    """Insert the entries; give back those that were not there."""
    booked = []
    for close in closes:
        subject = close.subject
        inserted = await connection.execute(
            "INSERT INTO ledger_entries (request_id, attempt, at, team_key, project_key, user_key, virtual_key,"
            " use_case, pipeline, purpose, model, deployment, policy_version, input_tokens, output_tokens,"
            " cached_tokens, cache_write_tokens, reasoning_tokens, cost_nano, basis, outcome, code) VALUES"
            " (%s, %s, now(), %s, %s, %s, %s, '', '', '', '', '', 1, %s, 0, 0, 0, 0, %s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            (
                close.request_id,
                close.attempt,
                subject.team,
                subject.project,
                subject.user,
                subject.key,
                close.usage.input_tokens,
                close.cost_nano,
                close.basis,
                close.outcome,
                close.code,
            ),
        )
        if inserted.rowcount:
            booked.append(close)
    return booked


async def spend(connection: Connection, incarnation: str, closes: Sequence[AttemptClose]) -> None:
    """Add the costs to the one account of these tests."""
    await connection.execute(
        "INSERT INTO budget_accounts AS known"
        " (team_key, scope_kind, scope_key, period, period_start, cap_nano, spent_nano)"
        " VALUES (1, 'team', 1, 'day', '2027-01-15', 0, %s)"
        " ON CONFLICT (scope_kind, scope_key, period, period_start)"
        " DO UPDATE SET spent_nano = known.spent_nano + excluded.spent_nano",
        (sum(close.cost_nano for close in closes),),
    )
