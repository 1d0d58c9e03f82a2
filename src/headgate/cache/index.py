"""The index in process: which answers are kept, in bounds for each team, and the ones used last with their bytes."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:  # numpy is loaded only where texts are compared
    from headgate.cache.nearness import Partition, Vector

MAX_ENTRIES: Final = 100_000
MAX_TEAM_BYTES: Final = 256 * 1024 * 1024
"""Bytes of one team's kept answers."""
MAX_HOT_BYTES: Final = 16 * 1024 * 1024
"""Bytes of answers held in process; the others are read from PostgreSQL when they are asked for."""
SAMPLE: Final = 16
"""The oldest entries of a team, of which the one that is worth least makes room."""

Place = tuple[int, bytes]
"""A team and a question's key."""


class Entry(msgspec.Struct, gc=False):
    """An answer that is kept."""

    team: int
    key: bytes
    scope: bytes
    use_case: str
    request_id: str
    expires_ms: int
    stale_until_ms: int
    cost_nano: int
    size: int
    hits: int = 0
    at: int = -1
    """Where its vector stands among those of its scope; -1 where it has none."""

    @property
    def place(self) -> Place:
        """Whose question it answers."""
        return self.team, self.key

    def worth(self) -> float:
        """What a byte of it has saved or may save."""
        return (self.hits + 1) * (self.cost_nano + 1) / max(1, self.size)


class Index:
    """What is kept, by question and by nearness."""

    def __init__(self) -> None:
        self._count = 0
        self._of_team: dict[int, dict[bytes, Entry]] = {}
        self._bytes: dict[int, int] = {}
        self._partitions: dict[Place, Partition[Entry]] = {}
        self._hot: OrderedDict[Place, bytes] = OrderedDict()
        self._hot_bytes = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, place: Place) -> bool:
        return self.get(place) is not None

    def __iter__(self) -> Iterator[Entry]:
        return chain.from_iterable(of_team.values() for of_team in self._of_team.values())

    def get(self, place: Place) -> Entry | None:
        """The entry of exactly this question."""
        of_team = self._of_team.get(place[0])
        return None if of_team is None else of_team.get(place[1])

    def near(self, team: int, scope: bytes, vector: "Vector", least: float) -> list[tuple[float, Entry]]:
        """Entries of the scope whose texts are at least so near, the nearest first."""
        partition = self._partitions.get((team, scope))
        return [] if partition is None else partition.near(vector, least)

    def add(self, entry: Entry, payload: bytes | None, vector: "Vector | None") -> list[Entry]:
        """Keep `entry`; `payload` is held while it is used.

        Returns:
            What was given up for it.
        """
        self.remove(entry.place)
        given_up = self._room(entry)
        team, key = entry.place
        self._count += 1
        self._of_team.setdefault(team, {})[key] = entry
        self._bytes[team] = self._bytes.get(team, 0) + entry.size
        if payload is not None:
            self.heat(entry.place, payload)
        if vector is not None:
            from headgate.cache.nearness import Partition

            partition = self._partitions.setdefault((team, entry.scope), Partition(entry.scope))
            entry.scope = partition.scope  # one object for all of them
            partition.add(entry, vector)
        return given_up

    def remove(self, place: Place) -> bool:
        """Forget an entry; whether there was one."""
        entry = self.get(place)
        if entry is None:
            return False
        team, key = place
        of_team = self._of_team[team]
        del of_team[key]
        self._count -= 1
        self._bytes[team] -= entry.size
        if not of_team:
            del self._of_team[team], self._bytes[team]
        if (payload := self._hot.pop(place, None)) is not None:
            self._hot_bytes -= len(payload)
        partition = self._partitions.get((team, entry.scope))
        if partition is not None and entry.at >= 0:
            partition.remove(entry)
            if not len(partition):
                del self._partitions[team, entry.scope]
        return True

    def payload(self, place: Place) -> bytes | None:
        """The bytes of an answer that is held in process; it becomes the one used last."""
        payload = self._hot.get(place)
        if payload is not None:
            self._hot.move_to_end(place)
        return payload

    def heat(self, place: Place, payload: bytes) -> None:
        """Hold the bytes of an answer; those not used for longest go."""
        if (old := self._hot.pop(place, None)) is not None:
            self._hot_bytes -= len(old)
        self._hot[place] = payload
        self._hot_bytes += len(payload)
        while self._hot_bytes > MAX_HOT_BYTES:
            self._hot_bytes -= len(self._hot.popitem(last=False)[1])

    def of_team(self, team: int) -> list[Entry]:
        """A team's entries."""
        return list(self._of_team.get(team, {}).values())

    def figures(self) -> tuple[int, int]:
        """How many entries there are, and the bytes of their answers."""
        return self._count, sum(self._bytes.values())

    def _room(self, entry: Entry) -> list[Entry]:
        team = entry.place[0]
        given_up: list[Entry] = []
        while self._bytes.get(team, 0) + entry.size > MAX_TEAM_BYTES and self._of_team.get(team):
            given_up.append(self._least(self._of_team[team].values()))
            self.remove(given_up[-1].place)
        while self._count >= MAX_ENTRIES:
            given_up.append(self._least(self))
            self.remove(given_up[-1].place)
        return given_up

    @staticmethod
    def _least(entries: Iterable[Entry]) -> Entry:
        return min(islice(entries, SAMPLE), key=Entry.worth)
