"""What the tests of administration do with a house: calls with a role's key, and books with something in them."""

from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from headgate.domain.answer import Basis, Outcome
from headgate.domain.call import Call, Purpose, WireFormat
from headgate.domain.money import Price
from headgate.domain.policy import Chain, Deployment, UseCase
from headgate.domain.refusal import Refusal
from headgate.domain.usage import Usage
from headgate.identity.identity import Identity
from headgate.journal.journal import Journal
from headgate.kit.clock import SystemClock
from headgate.kit.ids import uuid7
from headgate.ledger.ledger import Ledger

ADMIN_KEY = "the-admin-key-of-the-tests"
DEMO = Deployment("demo/demo", "demo", "demo", "eu", Price(1_000_000, 2_000_000))


class Rooms(Protocol):
    """The rooms behind administration."""

    identity: Identity
    journal: Journal
    ledger: Ledger


@dataclass
class House:
    """Administration over HTTP, and the texts and ids of the keys that there are."""

    client: httpx.AsyncClient
    rooms: Any
    keys: dict[str, str]
    ids: dict[str, str]

    async def ask(self, method: str, path: str, key: str | None = "platform-admin", **more: Any) -> httpx.Response:
        """The answer to one call with the key of that name; None sends none."""
        headers = {} if key is None else {"authorization": f"Bearer {self.keys.get(key, key)}"}
        return await self.client.request(method, path, headers=headers, **more)

    async def furnish(self) -> None:
        """Make teams `alpha` and `beta`, and keys of every role."""
        for team in ("alpha", "beta"):
            assert (await self.ask("POST", "/teams", json={"id": team})).status_code == 201
        for name, body in (
            ("team-admin", {"team": "alpha", "role": "team-admin"}),
            ("member", {"team": "alpha"}),
            ("team-auditor", {"team": "alpha", "role": "auditor"}),
            ("auditor", {"role": "auditor"}),
            ("spare", {"team": "alpha"}),
            ("foreign", {"team": "beta"}),
        ):
            made = (await self.ask("POST", "/keys", json=body)).json()
            self.keys[name], self.ids[name] = made["key"], made["id"]

    async def spend(self, key: str = "member", user: str | None = None) -> str:
        """The id of a request that a key made and that is in the books."""
        clock = SystemClock()
        body = Refusal("invalid_request", "no body")
        call = Call(
            uuid7(clock.now_ms()), WireFormat.NATIVE, "/v1/generate", clock.now_ms(), clock.monotonic_ns(),
            "127.0.0.1", self.keys[key], body, user=user,
        )  # fmt: skip
        with self.rooms.journal.open(call) as record:
            record.principal = await self.rooms.identity.authenticate(record)
            record.step("authenticate", "the key is known")
            record.use_case = UseCase("default", ("auto", "direct"), Chain("default", ()))
            record.pipeline = "direct"
            attempt = record.attempt(Purpose.ANSWER, "demo", DEMO, 1_000_000)
            attempt.close(Usage(10, 5), Basis.REPORTED, Outcome.ANSWERED)
        return call.request_id
