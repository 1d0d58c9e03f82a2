"""How near texts are: vectors of one scope, found by their signs first and compared whole after."""

from math import acos, pi
from typing import Final, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

DIMENSIONS: Final = 256
WORDS: Final = DIMENSIONS // 64
MAX_NEAR: Final = 16
"""Entries that are compared whole; the nearest by their signs."""
SLACK_BITS: Final = 20
"""Signs that may differ beyond what the angle makes expect (random hyperplanes; Charikar, 2002)."""

Vector = NDArray[np.float32]
"""A unit vector."""


class Placed(Protocol):
    """What has a vector in a partition."""

    at: int
    """Where the partition keeps it."""


T = TypeVar("T", bound=Placed)


class Partition(Generic[T]):
    """The vectors of one scope: 288 bytes each."""

    def __init__(self, scope: bytes) -> None:
        self.scope = scope
        self._placed: list[T] = []
        self._signs = np.zeros((WORDS, 8), np.uint64)
        self._bytes = np.zeros((8, DIMENSIONS), np.int8)

    def __len__(self) -> int:
        return len(self._placed)

    def add(self, placed: T, vector: Vector) -> None:
        """Keep `vector` for what is `placed`, which stands in no partition yet."""
        at = len(self._placed)
        if at == self._bytes.shape[0]:
            more = max(8, at // 8)
            self._bytes = np.concatenate([self._bytes, np.zeros((more, DIMENSIONS), np.int8)])
            self._signs = np.concatenate([self._signs, np.zeros((WORDS, more), np.uint64)], axis=1)
        self._placed.append(placed)
        placed.at = at
        self._signs[:, at] = _signs(vector)
        self._bytes[at] = np.rint(vector * (127 / np.abs(vector).max()))

    def remove(self, placed: T) -> None:
        """Forget a vector; the last takes its place."""
        at, last = placed.at, self._placed.pop()
        if last is not placed:
            self._placed[at] = last
            last.at = at
            self._signs[:, at] = self._signs[:, len(self._placed)]
            self._bytes[at] = self._bytes[len(self._placed)]
        placed.at = -1

    def near(self, vector: Vector, least: float) -> list[tuple[float, T]]:
        """What is placed near, with its cosine, at least `least`, the nearest first."""
        count = len(self._placed)
        asked = _signs(vector)
        apart = np.bitwise_count(self._signs[0, :count] ^ asked[0]).astype(np.uint16)
        for word in range(1, WORDS):
            apart += np.bitwise_count(self._signs[word, :count] ^ asked[word])
        found = np.flatnonzero(apart <= DIMENSIONS * acos(min(1.0, least)) / pi + SLACK_BITS)
        if len(found) > MAX_NEAR:
            found = found[np.argpartition(apart[found], MAX_NEAR)[:MAX_NEAR]]
        rows = self._bytes[found].astype(np.float32)
        cosines = rows @ vector / np.linalg.norm(rows, axis=1)
        order = np.argsort(-cosines)
        return [(float(cosines[i]), self._placed[found[i]]) for i in order if cosines[i] >= least]


def _signs(vector: Vector) -> NDArray[np.uint64]:
    return np.packbits(vector > 0).view(np.uint64)
