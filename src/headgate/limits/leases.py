"""Money leased from PostgreSQL in chunks and spent in process: the caps hold over all workers without a trip a call.

All that needs PostgreSQL waits for one trip, which serves everyone who came before it; there is one at a time.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, NamedTuple, Protocol

import psycopg

from headgate.domain.principal import Allowance
from headgate.kit.clock import Clock
from headgate.limits.accounts import Account, AccountKey
from headgate.limits.store import Ask, Opening, Terms, open_accounts, trade
from headgate.storage.postgres.connecting import Connection
from headgate.storage.postgres.database import DatabaseAway

TIDY_EVERY_S: Final = 10.0
"""A chunk that no call touched for so long is given back."""
RECALL_WAIT_S: Final = 0.1
"""How long a call waits, once, for other workers to give back what they do not hold."""
AWAY_PAUSE_NS: Final = 1_000_000_000
"""How long nobody asks PostgreSQL after it did not answer."""


class Transactions(Protocol):
    """Where transactions over all teams come from."""

    def system(self) -> AbstractAsyncContextManager[Connection]:
        """One transaction, committed when the block ends; raises `DatabaseAway`."""
        ...


class Short(Exception):
    """A hold does not fit `account`; `away` says that PostgreSQL could not be asked for more."""

    def __init__(self, account: Account, nano: int, away: bool) -> None:
        super().__init__(f"{nano} nano-USD do not fit the budget of {account.name}")
        self.account = account
        self.nano = nano
        self.away = away


class Figures(NamedTuple):
    """What a worker's leases come to, for health and metrics; nano-USD."""

    accounts: int
    free: int
    held: int
    excess: int
    """What attempts cost above their bounds since the start."""
    away: bool
    """Whether the last trip found PostgreSQL away."""


class _Wait:
    """A call that waits for a hold of `nano` in all of `accounts`."""

    __slots__ = ("accounts", "done", "nano", "recalled")

    def __init__(self, accounts: Sequence[Account], nano: int, done: asyncio.Future[None]) -> None:
        self.accounts = accounts
        self.nano = nano
        self.done = done
        self.recalled = False
        """Whether it has waited for other workers already."""


class Leases:
    """The budgets of one worker.

    An account is remembered until its period is over, so there are as many as budgets that calls met in a month.

    Args:
        database: where leases come from.
        incarnation: the journal's incarnation (a UUID), already registered there.
        clock: for periods, and for the pause while PostgreSQL is away.
        recall_wait_s: how long a call waits for other workers, in seconds.
    """

    def __init__(
        self, database: Transactions, incarnation: str, clock: Clock, *, recall_wait_s: float = RECALL_WAIT_S
    ) -> None:
        self._database = database
        self._incarnation = incarnation
        self._clock = clock
        self._recall_wait_s = recall_wait_s
        self._accounts: dict[AccountKey, Account] = {}
        self._waits: list[_Wait] = []
        self._patient: list[_Wait] = []
        self._giving: dict[Account, bool] = {}
        self._trip: asyncio.Task[None] | None = None
        self._recall: asyncio.TimerHandle | None = None
        self._away_until_ns = 0
        self._excess = 0
        self.trips = 0
        """Transactions made so far."""

    def account(self, key: AccountKey, end_ms: int, team: int, allowance: Allowance, cap: int) -> Account:
        """The account of `key`, under the cap `cap` (nano-USD) from now on."""
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = Account(key, end_ms, team, allowance, cap)
        account.allowance = allowance
        if account.cap != cap:
            account.cap = cap
            account.stale = True
        return account

    def hold_now(self, accounts: Sequence[Account], nano: int) -> bool:
        """Hold `nano` nano-USD in all `accounts`, or in none; False where PostgreSQL must be asked."""
        for account in accounts:
            if account.stale or account.granted - account.spent - account.held < nano:
                return False
        for account in accounts:
            account.held += nano
            account.touched = True
        return True

    async def hold(self, accounts: Sequence[Account], nano: int) -> None:
        """Hold `nano` nano-USD in all `accounts`, leasing more where needed.

        Raises:
            Short: it does not fit in one of them.
        """
        if self.hold_now(accounts, nano):
            return
        wait = _Wait(accounts, nano, asyncio.get_running_loop().create_future())
        self._waits.append(wait)
        self._set_out()
        try:
            await wait.done
        except asyncio.CancelledError:
            if wait.done.done() and not wait.done.cancelled() and wait.done.exception() is None:
                self.free(accounts, nano)  # it was held between the answer and the cancellation
            raise

    def free(self, accounts: Iterable[Account], nano: int) -> None:
        """End a hold of `nano` nano-USD of which nothing was spent."""
        for account in accounts:
            account.held -= nano

    def spend(self, accounts: Iterable[Account], cost: int, covered: int) -> None:
        """End a hold of `covered` nano-USD of which `cost` was spent."""
        for account in accounts:
            account.held -= covered
            account.spent += cost
        if cost > covered:
            self._excess += cost - covered

    def recalled(self) -> None:
        """Another worker lacks money: give back what is free of accounts that have less room than that."""
        for account in self._accounts.values():
            if account.free > 0:
                self._giving.setdefault(account, True)
        if self._giving:
            self._set_out()

    async def tidy(self) -> None:
        """Give back what no call touched since the last time, and forget accounts whose period is over."""
        now_ms = self._clock.now_ms()
        for key, account in list(self._accounts.items()):
            over = now_ms >= account.end_ms
            if account.doubtful or (account.free > 0 and (over or not account.touched)):
                self._giving[account] = False
            elif over and account.held == 0:
                del self._accounts[key]
            account.touched = False
        await self._finish()

    async def close(self) -> None:
        """Give back everything that is not held."""
        await self._finish()  # what a trip under way brings is given back too
        for account in self._accounts.values():
            if account.free > 0:
                self._giving[account] = False
        await self._finish()

    async def run(self) -> None:
        """Tidy for as long as the worker lives."""
        while True:
            await asyncio.sleep(TIDY_EVERY_S)
            await self.tidy()

    def figures(self) -> Figures:
        """What the leases come to at this moment."""
        accounts = self._accounts.values()
        free = sum(max(0, account.free) for account in accounts)
        return Figures(len(accounts), free, sum(account.held for account in accounts), self._excess, self._is_away())

    def _is_away(self) -> bool:
        return self._clock.monotonic_ns() < self._away_until_ns

    async def _finish(self) -> None:
        """Make the trip that is due, if one is, and wait for its end."""
        if self._giving:
            self._set_out()
        while self._trip is not None:
            await asyncio.wait([self._trip])

    def _set_out(self) -> None:
        if self._trip is None:
            self._trip = asyncio.create_task(self._travel(), name="lease trip")

    async def _travel(self) -> None:
        try:
            while self._waits or self._giving:
                await self._one_trip()
        except BaseException as error:
            for wait in (*self._waits, *self._patient):  # they came while the trip that failed was under way
                _fail(wait, error)
            self._waits, self._patient = [], []
            raise
        finally:
            self._trip = None

    async def _one_trip(self) -> None:
        """Ask PostgreSQL once for all who wait, and answer all who can be answered."""
        waits, self._waits = [wait for wait in self._waits if not wait.done.done()], []
        giving, self._giving = self._giving, {}
        try:
            if not self._is_away():
                await self._exchange(waits, giving)
        except (DatabaseAway, psycopg.Error):
            self._away_until_ns = self._clock.monotonic_ns() + AWAY_PAUSE_NS
        except BaseException as error:
            for wait in waits:
                _fail(wait, error)
            raise
        for wait in waits:
            self._answer(wait)

    async def _exchange(self, waits: Sequence[_Wait], giving: Mapping[Account, bool]) -> None:
        """One transaction: open what is new, give back, lease."""
        asks = _asks(waits, giving)
        for account, ask in asks.items():
            account.granted -= ask.give  # from here on nobody holds it
        committing = False
        try:
            self.trips += 1
            async with self._database.system() as connection:
                new = [account for account in asks if not account.id]
                ids = {account: account.id for account in asks}
                if new:
                    openings = [Opening(account.key, account.team, account.cap) for account in new]
                    ids.update(zip(new, await open_accounts(connection, self._incarnation, openings), strict=True))
                by_id = {ids[account]: ask for account, ask in asks.items()}
                terms = await trade(connection, self._incarnation, by_id) if by_id else {}
                committing = True
        except BaseException:
            for account, ask in asks.items():
                account.doubtful = account.doubtful or committing
                if not committing:
                    account.granted += ask.give
            raise
        for account, ask in asks.items():
            _agree(account, ids[account], ask, terms[ids[account]])

    def _answer(self, wait: _Wait) -> None:
        """Hold, refuse, ask again, or wait for what other workers may give back."""
        if wait.done.done():
            return
        if self.hold_now(wait.accounts, wait.nano):
            wait.done.set_result(None)
            return
        if self._is_away():
            wait.done.set_exception(Short(_first_short(wait), wait.nano, away=True))
            return
        lacking = [
            account for account in wait.accounts if not account.stale and wait.nano - account.free > account.room
        ]
        if not lacking:  # what was leased for it went to a call that came between, and there is more
            self._waits.append(wait)
        elif wait.recalled or not all(account.lent for account in lacking):
            wait.done.set_exception(Short(lacking[0], wait.nano, away=False))
        else:
            wait.recalled = True
            self._patient.append(wait)
            if self._recall is None:
                self._recall = asyncio.get_running_loop().call_later(self._recall_wait_s, self._resume)

    def _resume(self) -> None:
        """Ask again for those who waited for other workers."""
        self._recall = None
        self._waits += self._patient
        self._patient = []
        self._set_out()


def _asks(waits: Sequence[_Wait], giving: Mapping[Account, bool]) -> dict[Account, Ask]:
    """What to ask of each account: the sum of what is waited for, less what is free."""
    wanted: dict[Account, int] = {}
    largest: dict[Account, int] = {}
    for wait in waits:
        for account in wait.accounts:
            wanted[account] = wanted.get(account, 0) + wait.nano
            largest[account] = max(largest.get(account, 0), wait.nano)
    asks = {}
    for account in {**wanted, **giving}:
        free = account.free
        if account not in wanted:
            asks[account] = Ask(account.cap, max(0, free), giving[account], 0, 0)
            continue
        give = max(0, free) if account.stale else 0
        asks[account] = Ask(account.cap, give, False, max(0, wanted[account] - free + give), largest[account])
    return asks


def _agree(account: Account, number: int, ask: Ask, terms: Terms) -> None:
    """Go by what PostgreSQL says."""
    if not account.id:
        account.id = number
        account.spent = terms.granted - terms.taken  # what an earlier memory of this account took counts as spent
    account.granted = terms.granted
    account.settled = terms.settled
    account.spent_by_all = terms.spent
    account.lent = terms.lent
    account.room = terms.room
    account.doubtful = False
    account.stale = account.cap != ask.cap


def _first_short(wait: _Wait) -> Account:
    return next(account for account in wait.accounts if account.stale or account.free < wait.nano)


def _fail(wait: _Wait, error: BaseException) -> None:
    """End a wait that a mistake of ours, or the end of the worker, left without an answer."""
    if wait.done.done():
        return
    if isinstance(error, Exception):
        wait.done.set_exception(error)
    else:
        wait.done.cancel()
