"""What the cache was worth: answers served and saved money, by team and use case, since this worker began."""

from typing import Final

import msgspec

from headgate.domain.answer import CacheUse

MAX_TALLIES: Final = 10_000
"""Pairs of team and use case that are counted apart; of further ones nothing is counted."""


class Tally(msgspec.Struct):
    """The counts of one team's calls of one use case."""

    exact: int = 0
    semantic: int = 0
    stale: int = 0
    miss: int = 0
    wrong: int = 0
    """Answers that were told to be wrong."""
    saved_nano: int = 0
    """What making the served answers had cost, in nano-USD."""


class Tallies:
    """All counts."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[int, str], Tally] = {}

    def of(self, team: int, use_case: str) -> Tally:
        """The counts of a team's calls of a use case."""
        tally = self._tallies.get((team, use_case))
        if tally is None:
            tally = Tally()
            if len(self._tallies) < MAX_TALLIES:
                self._tallies[team, use_case] = tally
        return tally

    def add(self, team: int, use_case: str, use: CacheUse, saved_nano: int) -> None:
        """Count one call."""
        tally = self.of(team, use_case)
        name = use.value
        setattr(tally, name, getattr(tally, name) + 1)
        tally.saved_nano += saved_nano
