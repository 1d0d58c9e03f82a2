"""The cache: what it serves that it should not, what it misses that it need not, and what a look-up costs.

Traps, rewordings and the stream are made from seeds by `benchmarks/cache_traffic.py`.
"""

import asyncio
import random
import resource
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from benchmarks.cache_traffic import ACTIONS, PEOPLE, SUBJECTS, TRAPS, question, rewording, stream
from headgate.cache.cache import Cache
from headgate.cache.idempotency import Idempotency
from headgate.cache.index import Entry
from headgate.cache.kept import Kept
from headgate.cache.nearness import Partition
from headgate.cache.question import Question, readable
from headgate.cache.shelf import Shelf
from headgate.cache.veto import differ, read
from headgate.domain.call import Request, WireFormat
from headgate.domain.event import Event, EventKind
from headgate.domain.policy import Similarity
from headgate.domain.prompt import Prompt
from headgate.kit.clock import SystemClock
from headgate.kit.ids import uuid7
from headgate.storage.sealing import Seal

PAIRS = 1_000
SEEDS = 20
STREAM = 10_000
ENTRIES = 100_000
ROUNDS = 2_000
POLICY = Similarity(0.95)
REQUEST = Request(WireFormat.NATIVE, b"", lambda raw: Prompt(()))


class Desk:
    """A cache without a database, asked and told directly."""

    def __init__(self) -> None:
        clock, seal, away = SystemClock(), Seal(b"bench"), SimpleNamespace()
        self.cache = Cache(Shelf(away, seal, clock), Idempotency(away, seal, clock), clock)  # type: ignore[arg-type]

    def asked(self, text: str) -> Question:
        """A question whose last text alone tells it from others."""
        key = hash(text).to_bytes(16, "big", signed=True)
        return Question(1, key, b"s" * 16, text, True, 0.3, False)

    async def find(self, text: str) -> Kept | None:
        """What the cache would serve."""
        asked = self.asked(text)
        if (found := await self.cache.exact(asked, REQUEST)) is not None:
            return found[1]
        reading = readable(asked, POLICY)
        near = "" if isinstance(reading, str) else await self.cache.near(asked, reading, REQUEST, POLICY)
        return None if isinstance(near, str) else near[2]

    async def keep(self, text: str, answer: str) -> None:
        """Keep an answer, of 1,000 bytes on the wire."""
        asked = self.asked(text)
        reading = readable(asked, POLICY)
        vector = None if isinstance(reading, str) else await self.cache.shelf.vector(reading)
        events = [Event(EventKind.TEXT, text=answer), Event(EventKind.FINISHED, raw=b"x" * 1_000)]
        made = Kept("", text, WireFormat.OPENAI_CHAT, True, True, events, "m", "p/m", "p", "eu", "direct", (), 1_000)
        until_ms = SystemClock().now_ms() + 3_600_000
        entry = Entry(1, asked.key, asked.scope, "faq", uuid7(until_ms), until_ms, until_ms, 1_000, 0)
        payload = msgspec.msgpack.encode(made)
        entry.size = len(payload)
        self.cache.shelf.index.add(entry, payload, vector)


async def served(one: str, other: str, desk: Desk) -> bool:
    """Whether `other` would be given what was answered to `one`: nearness, then veto."""
    first, second = read(one), read(other)
    if isinstance(first, str) or isinstance(second, str) or differ(first, second):
        return False
    vectors = [await desk.cache.shelf.vector(reading) for reading in (first, second)]
    return all(v is not None for v in vectors) and float(vectors[0] @ vectors[1]) >= POLICY.least  # type: ignore[operator]


async def pairs(desk: Desk) -> dict[str, float]:
    """Traps accepted and rewordings kept, in percent; of the seeds the worst."""
    found: dict[str, float] = {}
    for name, trap in TRAPS.items():
        accepted = [
            statistics.mean([await served(*trap(r), desk) for _ in range(PAIRS)])
            for r in map(random.Random, range(SEEDS))
        ]
        found[f"trap {name}: accepted, worst of {SEEDS} seeds %"] = 100 * max(accepted)
    kept = []
    for r in map(random.Random, range(SEEDS)):
        texts = [question(r) for _ in range(PAIRS)]
        kept.append(statistics.mean([await served(text, rewording(text, r), desk) for text in texts]))
    found[f"rewordings kept, worst of {SEEDS} seeds %"] = 100 * min(kept)
    return found


async def desk_stream() -> dict[str, float]:
    """A dense stream of one use case: hits, and how many of them are wrong, in percent; of the seeds the worst."""
    rates, errors = [], []
    for seed in range(SEEDS):
        desk, hits, wrong = Desk(), 0, 0
        for number, text in stream(STREAM, random.Random(seed)):
            found = await desk.find(text)
            if found is None:
                await desk.keep(text, str(number))
            else:
                hits += 1
                wrong += found.events[0].text != str(number)
        rates.append(100 * hits / STREAM)
        errors.append(100 * wrong / max(1, hits))
    return {
        f"stream of {STREAM}: hits, least of {SEEDS} seeds %": min(rates),
        f"stream of {STREAM}: wrong hits, most of {SEEDS} seeds %": max(errors),
    }


async def costs() -> dict[str, float]:
    """Time and memory with `ENTRIES` answers of one scope, which is the hardest case."""
    desk, r = Desk(), random.Random(1)
    await desk.keep("What is a warm start?", "")
    before = _resident_mb()
    for number in range(ENTRIES - 1):
        text = f"How do I {r.choice(ACTIONS)} {r.choice(SUBJECTS)} {number} for {r.choice(PEOPLE)}?"
        await desk.keep(text, "")
    grown = _resident_mb() - before
    index = desk.cache.shelf.index
    hot_mb = index._hot_bytes / 1e6
    partition: Partition[Entry] = next(iter(index._partitions.values()))
    vectors = [await desk.cache.shelf.vector(read(f"How do I renew a parcel {n} in Oslo?")) for n in range(ROUNDS)]  # type: ignore[arg-type]
    small, kept = Desk(), list[str]()
    for _, text in stream(5_000, random.Random(2)):
        if await small.find(text) is None:
            kept.append(text)
            await small.keep(text, "")
    known = list(kept)[:ROUNDS]
    fresh = [f"Which museum number {n} shows a statue of {r.choice(PEOPLE)}?" for n in range(ROUNDS)]

    async def exact(text: str) -> None:
        assert await small.cache.exact(small.asked(text), REQUEST) is not None

    async def miss(text: str) -> None:
        assert await small.find(text) is None

    return {
        f"{ENTRIES} entries: index MB": grown - hot_mb,
        f"{ENTRIES} entries: answers at hand MB": hot_mb,
        f"{ENTRIES} entries of one scope: look-up p50 ms": _p50([_timed(partition.near, v, 0.95) for v in vectors]),
        f"exact hit p50 ms, of {len(small.cache.shelf.index)}": await _each(known, exact),
        f"miss p50 ms, of {len(small.cache.shelf.index)}": await _each(fresh, miss),
    }


async def _each(texts: list[str], ask: Callable[[str], Awaitable[None]]) -> float:
    took = []
    for text in texts:
        begun = time.perf_counter()
        await ask(text)
        took.append(time.perf_counter() - begun)
    return _p50(took)


def _timed(work: Callable[..., Any], *arguments: Any) -> float:
    begun = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - begun


def _p50(seconds: list[float]) -> float:
    return statistics.median(seconds) * 1000


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main() -> dict[str, float]:
    """The figures."""

    async def all_of_it() -> dict[str, float]:
        return {**await costs(), **await pairs(Desk()), **await desk_stream()}

    return asyncio.run(all_of_it())
