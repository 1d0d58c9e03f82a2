"""The index keeps its bounds, gives up what is worth least, and finds what is near."""

import numpy as np
import pytest

from headgate.cache import index as indexing
from headgate.cache.index import Entry, Index
from headgate.cache.nearness import Partition


def entry(number: int, *, team: int = 1, size: int = 1, cost_nano: int = 0) -> Entry:
    return Entry(team, number.to_bytes(16, "big"), b"s" * 16, "faq", f"r{number}", 10, 20, cost_nano, size)


def vectors(count: int) -> "np.ndarray":
    found = np.random.default_rng(7).standard_normal((count, 256)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_a_team_gives_up_its_own_answers_alone_and_the_cheapest_first() -> None:
    index, half = Index(), indexing.MAX_TEAM_BYTES // 2
    index.add(entry(1, team=2, size=half), None, None)
    index.add(entry(2, size=half, cost_nano=1_000), None, None)
    index.add(entry(3, size=half, cost_nano=10), None, None)
    given_up = index.add(entry(4, size=half, cost_nano=500), None, None)
    assert [lost.request_id for lost in given_up] == ["r3"]
    assert {kept.request_id for kept in index} == {"r1", "r2", "r4"}


def test_the_bytes_at_hand_are_bounded_and_the_entry_stays() -> None:
    index, third = Index(), indexing.MAX_HOT_BYTES // 3
    for number in range(4):
        index.add(entry(number), bytes(third), None)
    assert index.payload(entry(0).place) is None
    assert entry(0).place in index
    assert index.payload(entry(3).place) is not None


def test_what_is_near_is_found_whatever_came_and_went() -> None:
    partition, made = Partition[Entry](b"s" * 16), vectors(500)
    entries = [entry(number) for number in range(500)]
    for one, vector in zip(entries, made, strict=True):
        partition.add(one, vector)
    for one in entries[::3]:
        partition.remove(one)
    for number, vector in enumerate(made):
        near = [found.request_id for _, found in partition.near(vector, 0.95)]
        assert near == ([] if number % 3 == 0 else [f"r{number}"])


@pytest.mark.parametrize("other", [(2, b"s" * 16), (1, b"t" * 16)])
def test_neither_another_team_nor_another_scope_is_searched(other: tuple[int, bytes]) -> None:
    index, vector = Index(), vectors(1)[0]
    index.add(entry(1), None, vector)
    assert [found.request_id for _, found in index.near(1, b"s" * 16, vector, 0.9)] == ["r1"]
    assert index.near(*other, vector, 0.9) == []
