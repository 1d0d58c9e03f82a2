"""The same question asked by many at once: one call is made, and the others follow its answer as it comes."""

import asyncio
from collections.abc import Awaitable
from typing import Final

import msgspec

from headgate.domain.answer import Answer
from headgate.domain.event import Event, EventKind

MAX_FOLLOWERS: Final = 1_000
MAX_FLIGHTS: Final = 10_000


class Flight:
    """One call under way, which others follow."""

    def __init__(self) -> None:
        self.answer: Answer | None = None
        """None until the leader's answer begins."""
        self.followers = 0
        self._batches: list[list[Event]] = []
        self._over = False
        self._whole = False
        self._more = asyncio.Event()

    def begin(self, answer: Answer) -> None:
        """The leader has an answer."""
        self.answer = answer
        self._wake()

    def say(self, batch: list[Event]) -> None:
        """The leader got more of it."""
        self._batches.append(batch)
        self._wake()

    def end(self, *, whole: bool) -> None:
        """The leader is done; `whole` says whether its answer came to its end."""
        if not self._over:
            self._over, self._whole = True, whole
            self._wake()

    async def begun(self) -> bool:
        """Whether there is an answer to follow, once that is known; whole answers are waited for to their end."""
        while not self._over and (self.answer is None or self.answer.whole):
            await self._more.wait()
        return self.answer is not None and (self._whole or not self._over)

    def follow(self) -> Answer:
        """The leader's answer, from its beginning."""
        assert self.answer is not None, "an answer is followed once it has begun"
        return msgspec.structs.replace(self.answer, events=_Following(self), books=None)

    def after(self, seen: int) -> list[Event] | Awaitable[bool] | None:
        """The batch after `seen` ones, what to wait for until it comes, or None behind the last."""
        if seen < len(self._batches):
            return self._batches[seen]
        if not self._over:
            return self._more.wait()
        if self._whole or seen > len(self._batches):
            return None
        sentence = "The call that this one followed was broken off by its caller; ask again."
        return [Event(EventKind.FAILED, text=sentence, name="provider_error")]

    def _wake(self) -> None:
        self._more.set()
        self._more = asyncio.Event()


class _Following:
    """A follower's view of a flight's events; each has copies of its own, for later steps may change them."""

    def __init__(self, flight: Flight) -> None:
        self._flight = flight
        self._seen = 0

    def __aiter__(self) -> "_Following":
        return self

    async def __anext__(self) -> list[Event]:
        while True:
            found = self._flight.after(self._seen)
            if found is None:
                raise StopAsyncIteration
            if isinstance(found, list):
                self._seen += 1
                return [msgspec.structs.replace(event) for event in found]
            await found
