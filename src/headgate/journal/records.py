"""What the journal's frames say; integers and codes, never a prompt, an answer or a person's name."""

from enum import IntEnum

import msgspec

from headgate.domain.principal import Subject
from headgate.domain.usage import Usage

VERSION = 1


class Kind(IntEnum):
    """The kinds of frame."""

    ATTEMPT_OPEN = 1
    ATTEMPT_CLOSE = 2
    CLOSE = 3
    ADMIN = 4
    UNAUTHENTICATED = 5


class AttemptOpen(msgspec.Struct, frozen=True, array_like=True):
    """Written before the first byte goes upstream: this much may be spent."""

    request_id: str
    attempt: int
    at_ms: int
    subject: Subject
    use_case: str
    pipeline: str
    purpose: str
    model: str
    deployment: str
    policy_version: int
    hold_nano: int
    accounts: tuple[int, ...]
    """The budget accounts (scope and period) that the attempt's cost is booked on."""


class AttemptClose(msgspec.Struct, frozen=True, array_like=True):
    """How a model call ended and what it cost; enough to book it alone."""

    request_id: str
    attempt: int
    at_ms: int
    subject: Subject
    use_case: str
    pipeline: str
    purpose: str
    model: str
    deployment: str
    policy_version: int
    accounts: tuple[int, ...]
    usage: Usage
    cost_nano: int
    basis: str
    outcome: str
    code: str
    """The refusal's code where the attempt failed, else empty."""


class Step(msgspec.Struct, frozen=True, array_like=True):
    """One step of a call: what was decided and how much of our own time it took."""

    name: str
    sentence: str
    own_us: int


class Close(msgspec.Struct, frozen=True, array_like=True):
    """The end of a call; exactly one for each authenticated request."""

    request_id: str
    at_ms: int
    subject: Subject | None
    wire: str
    use_case: str
    pipeline: str
    model: str
    deployment: str
    policy_version: int
    outcome: str
    code: str
    status: int
    attempts: int
    usage: Usage
    cost_nano: int
    latency_us: int
    own_us: int
    salt: bytes
    request_digest: bytes
    """Salted BLAKE2b of the body or, of a long one, of its own BLAKE2b."""
    answer_digest: bytes
    steps: tuple[Step, ...]


class Admin(msgspec.Struct, frozen=True, array_like=True):
    """An administrative act: who did what to which resource."""

    request_id: str
    at_ms: int
    actor_key: str
    team: int | None
    action: str
    resource: str


class Unauthenticated(msgspec.Struct, frozen=True, array_like=True):
    """How many calls one source made in one minute without a valid key."""

    minute_ms: int
    source: str
    count: int
    last_code: str


Body = AttemptOpen | AttemptClose | Close | Admin | Unauthenticated
