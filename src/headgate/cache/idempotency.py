"""Calls that may be sent twice: the answer to a call with an `Idempotency-Key` is kept for a day and given again."""

import asyncio
import logging
from hashlib import blake2b
from typing import Final

import msgspec
import psycopg

from headgate.cache import store
from headgate.cache.kept import DECODER, ENCODER, Kept
from headgate.domain.call import Call, Request
from headgate.domain.refusal import Refusal
from headgate.journal.record import Record
from headgate.kit.clock import Clock
from headgate.storage.postgres.database import Database, DatabaseAway
from headgate.storage.sealing import Seal, Unsealable

KEPT_MS: Final = 24 * 3_600_000
CLAIM_MARGIN_MS: Final = 60_000
"""How much longer than its chain's timeout a call may hold its key; a killed worker's is free again after that."""
MAX_IDEMPOTENT_BYTES: Final = 4 * 1024 * 1024
_log: Final = logging.getLogger(__name__)


class Claim(msgspec.Struct, frozen=True):
    """The right to answer the first call with a key."""

    team: int
    key: bytes
    request_id: str


class Idempotency:
    """Idempotency keys, each of one project of a team and one caller's name."""

    def __init__(self, database: Database, seal: Seal, clock: Clock) -> None:
        self._database, self._seal, self._clock = database, seal, clock
        self._releasing: set[asyncio.Task[None]] = set()

    async def begin(self, record: Record, request: Request) -> Claim | Kept:
        """The answer that was given under the call's key, or the right to give it.

        Raises:
            Refusal: `idempotency_conflict`: the key belongs to another call, or the same one is under way; `not_ready`.
        """
        call, subject, use_case = record.call, record.subject, record.use_case
        assert use_case is not None, "a call is permitted before its key is claimed"
        key = _digest(str(subject.project), call.user or "", call.idempotency_key)[:16]
        digest = _digest(call.wire, call.path, use_case.name, record.pipeline, request.raw)
        now_ms = self._clock.now_ms()
        until_ms = now_ms + use_case.chain.timeout_ms + CLAIM_MARGIN_MS
        try:
            async with self._database.team(subject.team) as connection:
                place = (subject.team, key)
                found = await store.claim(connection, place, digest, call.request_id, (now_ms, until_ms))
        except (DatabaseAway, psycopg.Error) as error:
            raise Refusal(
                "not_ready",
                "The database is away, so a repetition could not be told from a first call; "
                "try again, or leave the header Idempotency-Key out.",
            ) from error
        if found is None:
            return Claim(subject.team, key, call.request_id)
        return self._again(found, digest, (subject.team, key), call)

    async def fulfil(self, claim: Claim, kept: Kept) -> None:
        """Keep the answer; where that fails, the call is not failed for it."""
        payload = ENCODER.encode(kept)
        if len(payload) > MAX_IDEMPOTENT_BYTES:
            self.release(claim)
            return
        sealed = self._seal.seal(payload, _owner(claim.team, claim.key))
        try:
            async with self._database.team(claim.team) as connection:
                until_ms = self._clock.now_ms() + KEPT_MS
                await store.fulfil(connection, claim.key, claim.request_id, sealed, until_ms)
        except (DatabaseAway, psycopg.Error) as error:
            _log.warning("the answer of %s is not kept for its idempotency key: %s", claim.request_id, error)

    def release(self, claim: Claim) -> None:
        """Give the key back in the background: its call was not answered, so a repetition is a first call."""
        task = asyncio.get_running_loop().create_task(self._release(claim))
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    async def close(self) -> None:
        """Wait for what is being given back."""
        await asyncio.gather(*self._releasing)

    async def _release(self, claim: Claim) -> None:
        try:
            async with self._database.team(claim.team) as connection:
                await store.release(connection, claim.key, claim.request_id)
        except (DatabaseAway, psycopg.Error) as error:
            _log.warning("the idempotency key of %s stays claimed until it expires: %s", claim.request_id, error)

    def _again(self, found: tuple[bytes, bytes | None], digest: bytes, place: tuple[int, bytes], call: Call) -> Kept:
        known, sealed = found
        if known and known != digest:
            raise Refusal(
                "idempotency_conflict",
                "The idempotency key was used for another request within a day; use a new key for each request.",
                param="Idempotency-Key",
            )
        if sealed is None:
            raise Refusal(
                "idempotency_conflict",
                "The first call with this idempotency key is still under way; try again in a moment.",
                param="Idempotency-Key",
                retry_after_s=1,
            )
        try:
            return DECODER.decode(self._seal.open(sealed, _owner(*place)))
        except (Unsealable, msgspec.DecodeError) as error:
            _log.error("the answer kept for an idempotency key cannot be opened: %s", error)
            raise Refusal(
                "idempotency_conflict",
                "The answer kept under this idempotency key cannot be read any more; use a new key.",
                param="Idempotency-Key",
            ) from error


def _owner(team: int, key: bytes) -> bytes:
    return b"idempotent:%d:" % team + key


def _digest(*parts: str | bytes) -> bytes:
    digest = blake2b(digest_size=32)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.digest()
