"""An identity room over a test's database, and the calls that tests make of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from headgate.domain.call import Call, WireFormat
from headgate.domain.policy import Policy
from headgate.domain.principal import Principal, Role
from headgate.domain.refusal import Refusal
from headgate.identity.directory import Actor
from headgate.identity.identity import Identity
from headgate.journal.record import Record
from headgate.journal.records import Admin, Body
from headgate.kit.clock import Clock, ManualClock, SystemClock
from headgate.kit.ids import uuid7
from headgate.storage.postgres.database import Database

ADMIN = Principal(Role.PLATFORM_ADMIN, "", "", "", "key_test", None, (), None)


def actor(principal: Principal = ADMIN) -> Actor:
    """One administrative exchange of `principal`."""
    return Actor(principal, uuid7(SystemClock().now_ms()))


def call(credential: str | None, *, project: str = "", user: str = "", team: str | None = None) -> Call:
    """A model call with `credential`."""
    return Call(
        request_id=uuid7(0),
        wire=WireFormat.NATIVE,
        path="/v1/generate",
        at_ms=SystemClock().now_ms(),
        received_ns=0,
        source="127.0.0.1",
        credential=credential,
        body=Refusal("invalid_request", "no body"),
        project=project or None,
        user=user or None,
        team=team,
    )


class Nowhere:
    """Takes frames and keeps none."""

    def append(self, *bodies: Body) -> None:
        """Nothing is kept."""

    async def durable(self) -> None:
        """Nothing waits."""

    def unauthenticated(self, source: str, code: str) -> None:
        """Nobody is counted."""


def record(of: Call) -> Record:
    """The open record of a call."""
    return Record(of, Policy(1, "", {}, {}, {}), Nowhere(), ManualClock(), lambda record, close: None)


@asynccontextmanager
async def identity(
    database: Database, clock: Clock | None = None, acts: list[Admin] | None = None
) -> AsyncIterator[Identity]:
    """A running identity room, its acts appended to `acts`."""
    journal: list[Admin] = [] if acts is None else acts
    room = Identity(database, clock or SystemClock(), journal.append)
    await room.start()
    try:
        yield room
    finally:
        await room.stop()
