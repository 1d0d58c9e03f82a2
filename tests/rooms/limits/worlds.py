"""What tests of admission share: a database with incarnations, accounts, principals, policies and records."""

import uuid
from collections.abc import Sequence

from headgate.domain.answer import Basis, Outcome
from headgate.domain.call import Call, Purpose, Request, WireFormat
from headgate.domain.money import NANO_USD, Budget, Price
from headgate.domain.policy import Chain, Deployment, Model, Policy, UseCase
from headgate.domain.principal import Allowance, Limits, Principal, Role, ScopeKind, Subject
from headgate.domain.prompt import Prompt
from headgate.domain.refusal import Refusal
from headgate.domain.usage import Usage
from headgate.journal.record import Record
from headgate.journal.records import AttemptClose, Body, Close
from headgate.kit.clock import ManualClock
from headgate.limits.accounts import Account, key_of
from headgate.limits.leases import Leases
from headgate.storage.postgres.database import Database

USD = NANO_USD
SUBJECT = Subject(1, 1, None, 1)


async def incarnation(database: Database) -> str:
    """A registered incarnation of a journal."""
    number = str(uuid.uuid4())
    async with database.system() as connection:
        await connection.execute(
            "INSERT INTO incarnations (incarnation, node, directory) VALUES (%s, 'node', 'directory')", (number,)
        )
    return number


async def books(database: Database) -> list[tuple[int, int, int, int, int]]:
    """Each account's number, cap, spent and leased, and the sum of what its leases hold."""
    async with database.system() as connection:
        found = await connection.execute(
            "SELECT account, cap_nano, spent_nano, leased_nano, "
            "coalesce((SELECT sum(greatest(granted_nano - settled_nano, 0)) FROM budget_leases l "
            "WHERE l.account = a.account), 0)::bigint FROM budget_accounts a ORDER BY account"
        )
        return [(row[0], row[1], row[2], row[3], row[4]) for row in await found.fetchall()]


def allowance(
    kind: ScopeKind = ScopeKind.TEAM,
    budgets: Sequence[Budget] = (),
    limits: Limits | None = None,
    *,
    key: int = 1,
    owner: str = "",
) -> Allowance:
    return Allowance(kind, key, f"{kind}-{key}", limits or Limits(), tuple(budgets), owner)


def account(leases: Leases, clock: ManualClock, cap: int, *, key: int = 1, kind: ScopeKind = ScopeKind.TEAM) -> Account:
    """The account of a monthly budget of `cap` nano-USD."""
    budget = Budget(cap, "month")
    of = allowance(kind, [budget], key=key)
    number, end_ms = key_of(of, budget, clock.now_ms())
    return leases.account(number, end_ms, 1, of, cap)


def closed(accounts: Sequence[Account], cost: int) -> AttemptClose:
    """An attempt that cost `cost` nano-USD, as the journal's projector hands it to `settle`."""
    numbers = tuple(account.id for account in accounts)
    return AttemptClose(
        str(uuid.uuid4()),
        1,
        0,
        SUBJECT,
        "default",
        "direct",
        Purpose.ANSWER,
        "m",
        "p/m",
        1,
        numbers,
        Usage(),
        cost,
        Basis.REPORTED,
        Outcome.ANSWERED,
        "",
    )


class Frames:
    """An appender that keeps what a record appends."""

    def __init__(self) -> None:
        self.bodies: list[Body] = []

    def append(self, *bodies: Body) -> None:
        self.bodies += bodies

    async def durable(self) -> None:
        return

    def closes(self) -> list[AttemptClose]:
        """The attempts' ends so far, which are then forgotten."""
        found = [body for body in self.bodies if isinstance(body, AttemptClose)]
        self.bodies.clear()
        return found


# A dollar is a million tokens, and output is a thousand tokens: what a call of no text costs at most is 1,064 tokens.
DEPLOYMENT = Deployment("p/m", "p", "m", "", Price(1_000_000, 1_000_000), max_output_tokens=1_000)
BOUND = 1_064_000
CHAIN = Chain("default", ("m",))
USE_CASE = UseCase("default", ("direct",), CHAIN)


def policy() -> Policy:
    return Policy(1, "", {}, {"m": Model("m", "", (DEPLOYMENT,))}, {"default": USE_CASE})


def request(*, model: str = "m", text_bytes: int = 0) -> Request:
    return Request(WireFormat.NATIVE, b"{}", lambda _: Prompt(()), model, text_bytes=text_bytes)


def record(
    clock: ManualClock,
    allowances: Sequence[Allowance],
    body: Request | Refusal | None = None,
    frames: Frames | None = None,
) -> Record:
    """An open record of a permitted call."""
    asked = request() if body is None else body
    call = Call("r", WireFormat.NATIVE, "/", clock.now_ms(), clock.monotonic_ns(), "", None, asked)
    opened = Record(call, policy(), frames or Frames(), clock, _ignore)
    opened.principal = Principal(Role.MEMBER, "t", "p", "", "k", SUBJECT, tuple(allowances), None)
    opened.use_case = USE_CASE
    return opened


def _ignore(record: Record, close: Close) -> None:
    """Nobody reads the CLOSE."""
