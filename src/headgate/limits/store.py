"""Budget accounts and leases in PostgreSQL; rows are always locked in the order of their account numbers."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from headgate.journal.records import AttemptClose
from headgate.limits.accounts import AccountKey
from headgate.storage.postgres.connecting import Connection

CHANNEL: Final = "headgate_leases"
"""Notified when a worker is refused what others lease; each gives back what it does not hold."""
CALLS_AHEAD: Final = 64
"""How many further calls of the same bound a lease covers, far from the cap."""
PART_OF_ROOM: Final = 8
"""A lease takes at most this part (one in so many) of the room that nobody asked for."""

# The order of insertion is fixed too: an insert that meets another transaction's same row waits for it.
_OPEN = """
INSERT INTO budget_accounts (team_key, scope_kind, scope_key, period, period_start, cap_nano)
SELECT * FROM unnest(%s::int[], %s::text[], %s::int[], %s::text[], %s::timestamptz[], %s::bigint[])
    AS wanted (team_key, scope_kind, scope_key, period, period_start, cap_nano)
ORDER BY scope_kind, scope_key, period, period_start
ON CONFLICT DO NOTHING
"""
_FIND = """
SELECT account FROM unnest(%s::text[], %s::int[], %s::text[], %s::timestamptz[])
    WITH ORDINALITY AS wanted (scope_kind, scope_key, period, period_start, place)
JOIN budget_accounts USING (scope_kind, scope_key, period, period_start) ORDER BY place
"""
_OPEN_LEASES = """
INSERT INTO budget_leases (incarnation, account, team_key)
SELECT %s, account, team_key FROM budget_accounts WHERE account = ANY(%s) ORDER BY account
ON CONFLICT DO NOTHING
"""
_LOCK = """
SELECT account, spent_nano, leased_nano FROM budget_accounts
WHERE account = ANY(%s) ORDER BY account FOR NO KEY UPDATE
"""
_LEASES = "SELECT account, granted_nano, settled_nano FROM budget_leases WHERE incarnation = %s AND account = ANY(%s)"
_CAP = """
UPDATE budget_accounts SET cap_nano = wanted.cap_nano
FROM unnest(%s::bigint[], %s::bigint[]) AS wanted (account, cap_nano)
WHERE budget_accounts.account = wanted.account AND budget_accounts.cap_nano <> wanted.cap_nano
"""
# `leased_nano` of an account is the sum of what its leases still hold, each at least 0.
_MOVE = """
WITH moved AS (
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS moved (account, granted, settled)
), lease AS (
    UPDATE budget_leases l SET granted_nano = granted_nano + granted, settled_nano = settled_nano + settled
    FROM moved WHERE l.incarnation = %s AND l.account = moved.account
    RETURNING l.account, greatest(granted_nano - settled_nano, 0)
        - greatest(granted_nano - granted - settled_nano + settled, 0) AS more
)
UPDATE budget_accounts a SET spent_nano = spent_nano + settled, leased_nano = leased_nano + coalesce(more, 0)
FROM moved LEFT JOIN lease USING (account) WHERE a.account = moved.account
"""
_LOCK_LEASED = """
SELECT account FROM budget_accounts WHERE account IN (SELECT account FROM budget_leases WHERE incarnation = %s)
ORDER BY account FOR NO KEY UPDATE
"""
_RELEASE = """
WITH gone AS (DELETE FROM budget_leases WHERE incarnation = %s RETURNING account, granted_nano - settled_nano AS held)
UPDATE budget_accounts a SET leased_nano = leased_nano - greatest(held, 0) FROM gone WHERE a.account = gone.account
"""


class Opening(NamedTuple):
    """An account to find, or to make with this cap."""

    key: AccountKey
    team: int
    cap: int


class Ask(NamedTuple):
    """What a worker wants of one account; nano-USD."""

    cap: int
    """The cap to put in force."""
    give: int
    """What comes back first."""
    keep_if_room: bool
    """Whether to give back only where the account has less room than that."""
    least: int
    """What the waiting calls need."""
    one_call: int
    """The largest bound among them; 0 where none waits."""


class Terms(NamedTuple):
    """An account after a trade; nano-USD."""

    granted: int
    taken: int
    """How much of `granted` this trade added."""
    settled: int
    spent: int
    lent: int
    """What other incarnations lease."""
    room: int


async def open_accounts(connection: Connection, incarnation: str, openings: Sequence[Opening]) -> list[int]:
    """The numbers of the accounts, made where they are missing, each with an empty lease of `incarnation`."""
    kinds = [opening.key.kind.value for opening in openings]
    scopes = [opening.key.scope for opening in openings]
    periods = [opening.key.period for opening in openings]
    starts = [_timestamp(opening.key.start_ms) for opening in openings]
    teams, caps = [opening.team for opening in openings], [opening.cap for opening in openings]
    await connection.execute(_OPEN, (teams, kinds, scopes, periods, starts, caps))
    found = await connection.execute(_FIND, (kinds, scopes, periods, starts))
    numbers: list[int] = [row[0] for row in await found.fetchall()]
    await connection.execute(_OPEN_LEASES, (incarnation, numbers))
    return numbers


async def trade(connection: Connection, incarnation: str, asks: Mapping[int, Ask]) -> dict[int, Terms]:
    """Give back and lease, all accounts in one go; each is granted what is asked or, where that is less, all its room.

    Other workers are told to give back where that was not enough and they lease some.
    """
    numbers = sorted(asks)
    locked = await (await connection.execute(_LOCK, (numbers,))).fetchall()
    leases = await (await connection.execute(_LEASES, (incarnation, numbers))).fetchall()
    mine = {account: (granted, settled) for account, granted, settled in leases}
    terms: dict[int, Terms] = {}
    moves: dict[int, tuple[int, int]] = {}
    others_could_help = False
    for account, spent, leased in locked:
        ask, (granted, settled) = asks[account], mine[account]
        lent = leased - max(granted - settled, 0)
        given, taken = agreed(ask, ask.cap - spent - lent, granted, settled)
        if taken != given:
            moves[account] = (taken - given, 0)
        granted += taken - given
        room = ask.cap - spent - lent - max(granted - settled, 0)
        terms[account] = Terms(granted, taken, settled, spent, lent, room)
        others_could_help = others_could_help or (taken < ask.least and lent > 0)
    await connection.execute(_CAP, (numbers, [asks[account].cap for account in numbers]))
    await _move(connection, incarnation, moves)
    if others_could_help:
        await connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
    return terms


def agreed(ask: Ask, for_us: int, granted: int, settled: int) -> tuple[int, int]:
    """What is given back and what is taken, in nano-USD.

    Beyond what is asked, many calls more are granted far from the cap; near it, exactly what is asked.

    Args:
        ask: what the worker wants.
        for_us: the cap less what is spent and what others lease.
        granted: what the worker took so far.
        settled: what of that is spent.
    """
    given = ask.give
    if ask.keep_if_room and for_us - max(granted - settled, 0) >= given:
        given = 0
    granted -= given
    most = max(0, for_us + settled - granted if granted < settled else for_us - (granted - settled))
    if ask.least >= most:
        return given, most
    ahead = min(CALLS_AHEAD * ask.one_call, (most - ask.least) // PART_OF_ROOM)
    return given, ask.least + (ahead if ahead > ask.one_call else 0)


async def settle(connection: Connection, incarnation: str, closes: Sequence[AttemptClose]) -> None:
    """Book what attempts cost: spent grows by it, and the lease of `incarnation` shrinks by it.

    The journal's projector calls it within its transaction, for attempts that it books for the first time.
    """
    costs: dict[int, tuple[int, int]] = {}
    for close in closes:
        for account in close.accounts:
            costs[account] = (0, costs.get(account, (0, 0))[1] + close.cost_nano)
    if costs:
        await connection.execute(_LOCK, (sorted(costs),))
    await _move(connection, incarnation, costs)


async def release(connection: Connection, incarnation: str) -> None:
    """Free what a dead worker's lease still holds, once its whole journal is settled."""
    await connection.execute(_LOCK_LEASED, (incarnation,))
    await connection.execute(_RELEASE, (incarnation,))


async def _move(connection: Connection, incarnation: str, moves: Mapping[int, tuple[int, int]]) -> None:
    """Add to what `incarnation` was granted and to what is settled, by account; the accounts are locked already."""
    if moves:
        granted, settled = zip(*moves.values(), strict=True)
        await connection.execute(_MOVE, (list(moves), list(granted), list(settled), incarnation))


def _timestamp(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
