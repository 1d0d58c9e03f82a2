"""Assembles the rooms: the only place that names concrete backends."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from headgate.bootstrap.config.loading import Configuration
from headgate.bootstrap.config.reload import Reload
from headgate.cache import store as cache_store
from headgate.cache.cache import Cache
from headgate.cache.idempotency import Idempotency
from headgate.cache.shelf import Shelf
from headgate.domain.policy import Policy
from headgate.governance.permits import Governance
from headgate.governance.store import record_version
from headgate.identity.founding import FirstKeys
from headgate.identity.identity import Identity
from headgate.journal.journal import Journal
from headgate.journal.projection import Books
from headgate.kit.clock import Clock, SystemClock
from headgate.ledger.ledger import Ledger
from headgate.limits.leases import Leases
from headgate.limits.limits import Limits
from headgate.limits.store import CHANNEL, release, settle
from headgate.pipelines.pipelines import Pipelines
from headgate.platform import Platform
from headgate.pool.http.transport import HttpTransport
from headgate.pool.pool import Pool
from headgate.pool.providers.demo.transport import DemoTransport
from headgate.storage.counters.memory import MemoryCounters
from headgate.storage.postgres.database import Database
from headgate.storage.sealing import Seal, key_in
from headgate.telemetry.logs import Log
from headgate.telemetry.metrics import Metrics
from headgate.telemetry.observation import Observation

ADMIN_KEY: Final = "HEADGATE_ADMIN_KEY"
CACHE_KEY: Final = "HEADGATE_CACHE_KEY"


class Ground(NamedTuple):
    """What the rooms stand on."""

    database: Database
    journal_root: Path
    environment: Mapping[str, str]
    log: Log
    clock: Clock = SystemClock()


@dataclass(frozen=True, slots=True)
class Built:
    """The assembled platform with what runs it."""

    platform: Platform
    reload: Reload
    observation: Observation
    database: Database
    clock: Clock
    first_keys: FirstKeys
    reserved: int
    """Attempts that killed processes left open on this node, charged at their bound."""


@asynccontextmanager
async def build(path: Path | None, first: Configuration, ground: Ground, *, show_keys: bool) -> AsyncIterator[Built]:
    """The platform, running; leaving the block ends it in order, with nothing left unwritten.

    Args:
        path: the configuration file that is watched; None is the built-in configuration.
        first: what was loaded from it, for what a running process does not take over.
        show_keys: whether somebody will see the first keys; if not, none are made.

    Raises:
        ConfigurationRefused, DatabaseAway, JournalDamaged: why it cannot run.
    """
    clock, database = ground.clock, ground.database
    async with AsyncExitStack() as stack:
        observation = Observation(ground.log, Metrics())
        reload: Reload
        power = first.document.journal.durability == "power"
        journal = Journal(ground.journal_root, clock, lambda: reload.current.policy, observation.closed, power=power)
        await journal.register(database)
        identity = Identity(database, clock, journal.append)
        leases = Leases(database, journal.incarnation.id, clock)
        limits = Limits(MemoryCounters(clock), leases, clock)
        ledger = Ledger(database, clock)
        reserved = await journal.start(database, Books(ledger.book, settle, release))
        stack.push_async_callback(journal.stop)
        stack.push_async_callback(limits.close)

        async def number(loaded: Configuration) -> int:
            return await record_version(database, loaded.policy.digest, loaded.text, loaded.origin)

        async def apply(loaded: Configuration) -> None:
            await identity.apply(loaded.settings)
            ledger.apply(loaded.settings)

        reload = Reload(path, ground.environment, number, apply, ground.log.say)
        await reload.load()
        keys = await identity.ensure_defaults(ground.environment.get(ADMIN_KEY, ""), show=show_keys)
        await identity.start()
        stack.push_async_callback(identity.stop)
        database.listen(CHANNEL, limits.recalled)
        pool = Pool({"": HttpTransport(), "demo": DemoTransport()}, clock)
        stack.push_async_callback(pool.close)
        cache = _cache(ground)
        database.listen(cache_store.CHANNEL, cache.noticed)
        stack.push_async_callback(cache.close)
        platform = Platform(journal, identity, Governance(), limits, cache, Pipelines(pool), pool, ledger)
        for work in (reload.watch(), limits.run(), cache.run(compares=_compares(reload.current.policy))):
            stack.push_async_callback(_end, asyncio.get_running_loop().create_task(work))
        yield Built(platform, reload, observation, database, clock, keys, reserved)


def _cache(ground: Ground) -> Cache:
    """The cache; its seal's key is the environment's, or one that is kept beside the journal."""
    key = ground.environment.get(CACHE_KEY, "").encode() or key_in(ground.journal_root.parent)
    database, clock, seal = ground.database, ground.clock, Seal(key)
    return Cache(Shelf(database, seal, clock), Idempotency(database, seal, clock), clock)


def _compares(policy: Policy) -> bool:
    return any(use_case.cache and use_case.cache.similarity for use_case in policy.use_cases.values())


async def _end(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
