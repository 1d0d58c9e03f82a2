"""The index in process: which answers are kept, in bounds for each team, and the ones used last with their bytes."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:  # numpy is loaded only where texts are compared
    from headgate.cache.nearness import Partition, Vector

MAX_ENTRIES: Final = 100_000
MAX_TEAM_BYTES: Final = 64 * 1024 * 1024
"""Bytes of one team's kept answers."""
MAX_HOT_BYTES: Final = 32 * 1024 * 1024
"""Bytes of answers held in process; the others are read from PostgreSQL when they are asked for."""
SAMPLE: Final = 16
"""The oldest entries of a team, of which the one that is worth least makes room."""

Place = tuple[int, bytes]
"""A team and a question's key."""


class Entry(msgspec.Struct):
    """An answer that is kept."""

    place: Place
    scope: bytes
    use_case: str
    request_id: str
    expires_ms: int
    stale_until_ms: int
    cost_nano: int
    size: int
    text: str = ""
    """Where other wordings are compared with it, else empty."""
    hits: int = 0

    def worth(self) -> float:
        """What a byte of it has saved or may save."""
        return (self.hits + 1) * (self.cost_nano + 1) / max(1, self.size)


class Index:
    """What is kept, by question and by nearness."""

    def __init__(self) -> None:
        self._entries: dict[Place, Entry] = {}
        self._of_team: dict[int, dict[bytes, Entry]] = {}
        self._bytes: dict[int, int] = {}
        self._partitions: dict[Place, Partition] = {}
        self._hot: dict[Place, bytes] = {}
        self._hot_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, place: Place) -> bool:
        return place in self._entries

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def get(self, place: Place) -> Entry | None:
        """The entry of exactly this question."""
        return self._entries.get(place)

    def near(self, team: int, scope: bytes, vector: "Vector", least: float) -> list[tuple[float, Entry]]:
        """Entries of the scope whose texts are at least so near, the nearest first."""
        partition = self._partitions.get((team, scope))
        if partition is None:
            return []
        return [(cosine, self._entries[team, key]) for cosine, key in partition.near(vector, least)]

    def add(self, entry: Entry, payload: bytes | None, vector: "Vector | None") -> list[Entry]:
        """Keep `entry`; `payload` is held while it is used.

        Returns:
            What was given up for it.
        """
        self.remove(entry.place)
        given_up = self._room(entry)
        team, key = entry.place
        self._entries[entry.place] = entry
        self._of_team.setdefault(team, {})[key] = entry
        self._bytes[team] = self._bytes.get(team, 0) + entry.size
        if payload is not None:
            self.heat(entry.place, payload)
        if vector is not None:
            from headgate.cache.nearness import Partition

            self._partitions.setdefault((team, entry.scope), Partition()).add(key, vector)
        return given_up

    def remove(self, place: Place) -> bool:
        """Forget an entry; whether there was one."""
        entry = self._entries.pop(place, None)
        if entry is None:
            return False
        team, key = place
        of_team = self._of_team[team]
        del of_team[key]
        self._bytes[team] -= entry.size
        if not of_team:
            del self._of_team[team], self._bytes[team]
        if (payload := self._hot.pop(place, None)) is not None:
            self._hot_bytes -= len(payload)
        partition = self._partitions.get((team, entry.scope))
        if partition is not None:
            partition.remove(key)
            if not len(partition):
                del self._partitions[team, entry.scope]
        return True

    def payload(self, place: Place) -> bytes | None:
        """The bytes of an answer that is held in process; it becomes the one used last."""
        payload = self._hot.pop(place, None)
        if payload is not None:
            self._hot[place] = payload
        return payload

    def heat(self, place: Place, payload: bytes) -> None:
        """Hold the bytes of an answer; those not used for longest go."""
        if (old := self._hot.pop(place, None)) is not None:
            self._hot_bytes -= len(old)
        self._hot[place] = payload
        self._hot_bytes += len(payload)
        while self._hot_bytes > MAX_HOT_BYTES:
            self._hot_bytes -= len(self._hot.pop(next(iter(self._hot))))

    def of_team(self, team: int) -> list[Entry]:
        """A team's entries."""
        return list(self._of_team.get(team, {}).values())

    def figures(self) -> tuple[int, int]:
        """How many entries there are, and the bytes of their answers."""
        return len(self._entries), sum(self._bytes.values())

    def _room(self, entry: Entry) -> list[Entry]:
        team = entry.place[0]
        given_up: list[Entry] = []
        while self._bytes.get(team, 0) + entry.size > MAX_TEAM_BYTES and self._of_team.get(team):
            given_up.append(self._least(self._of_team[team].values()))
            self.remove(given_up[-1].place)
        while len(self._entries) >= MAX_ENTRIES:
            given_up.append(self._least(self._entries.values()))
            self.remove(given_up[-1].place)
        return given_up

    @staticmethod
    def _least(entries: Iterable[Entry]) -> Entry:
        return min(islice(entries, SAMPLE), key=Entry.worth)
