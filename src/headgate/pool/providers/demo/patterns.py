"""Writes a string that a regular expression matches, without ever running it: the expression is a caller's."""

from typing import Final

MAX_LENGTH: Final = 1_000
MAX_DEPTH: Final = 20
_CLASSES: Final = {"d": "0", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a", "t": "\t", "n": "\n", "r": "\r"}
_CANDIDATES: Final = "a0A _-.:/@#+,;!?=*()[]{}<>|\\\"'%&$^~`bcxyzBCXYZ123456789"


def example(pattern: str) -> str:
    """A string for the common part of ECMA-262's syntax: literals, classes, groups, alternation, counts, anchors.

    Look-around and back-references are passed over. The string is as short as the counts allow, and at most
    `MAX_LENGTH` long.
    """
    return _Writer(pattern).alternatives(0)[:MAX_LENGTH]


class _Writer:
    """Reads a pattern from left to right; of alternatives the first is written."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def alternatives(self, depth: int) -> str:
        first = self._sequence(depth)
        while self._peek() == "|":
            self._at += 1
            self._sequence(depth)
        return first

    def _sequence(self, depth: int) -> str:
        written = ""
        while (mark := self._peek()) and mark not in "|)":
            if mark in "^$":
                self._at += 1
                continue
            one = self._atom(depth)
            written += one * min(self._least(), MAX_LENGTH // max(1, len(one)))
            written = written[:MAX_LENGTH]
        return written

    def _atom(self, depth: int) -> str:
        mark = self._next()
        if mark == "(":
            return self._group(depth)
        if mark == "[":
            return self._class()
        if mark == ".":
            return "a"
        if mark == "\\":
            return self._escaped()
        return mark

    def _group(self, depth: int) -> str:
        silent = self._pattern.startswith(("?=", "?!", "?<=", "?<!"), self._at)
        if self._peek() == "?":
            ends = {"<": ">", "P": ">"}.get(self._pattern[self._at + 1 : self._at + 2], "")
            named = ends and not silent
            self._at = self._pattern.find(ends, self._at) + 1 if named else self._at + 2
        inner = self.alternatives(depth + 1) if depth < MAX_DEPTH else self._skip_group()
        if self._peek() == ")":
            self._at += 1
        return "" if silent else inner

    def _skip_group(self) -> str:
        self._at = len(self._pattern)
        return ""

    def _escaped(self) -> str:
        mark = self._next()
        if mark in "bB" or mark.isdigit():
            return ""
        if mark in "xu":
            width = 2 if mark == "x" else 4
            code = self._pattern[self._at : self._at + width]
            self._at += width
            try:
                return chr(int(code, 16))
            except ValueError:
                return ""
        if mark in "pP" and self._peek() == "{":
            self._at = self._pattern.find("}", self._at) + 1 or len(self._pattern)
            return "a" if mark == "p" else "0"
        return _CLASSES.get(mark, mark)

    def _class(self) -> str:
        negated = self._peek() == "^"
        self._at += negated
        members: list[tuple[str, str]] = []
        while (mark := self._next()) and (mark != "]" or not members):
            low = self._escaped() if mark == "\\" else mark
            high = low
            if self._peek() == "-" and self._pattern[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                high = self._next()
                high = self._escaped() if high == "\\" else high
            if low:
                members.append((low, high or low))
        if not negated:
            return members[0][0] if members else ""
        return next((one for one in _CANDIDATES if not any(low <= one <= high for low, high in members)), "")

    def _least(self) -> int:
        """How often the atom just read must stand at least; a count of its own, such as `{3}`, is heeded."""
        mark, least = self._peek(), 1
        if mark in ("*", "?", "+"):
            self._at += 1
            least = int(mark == "+")
        elif mark == "{":
            end = self._pattern.find("}", self._at)
            low = self._pattern[self._at + 1 : end].partition(",")[0]
            if end == -1 or not (low.isascii() and low.isdigit()):
                return 1
            self._at = end + 1
            least = int(low) if len(low) < 5 else MAX_LENGTH
        else:
            return 1
        if self._peek() in ("?", "+"):
            self._at += 1
        return least

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _next(self) -> str:
        mark = self._peek()
        self._at += 1
        return mark
