"""What the demo provider billed: in sum by key and model, and answer by answer for whoever compares."""

from collections import deque
from typing import Any, Final

import msgspec

MAX_ANSWERS: Final = 100_000
MAX_SUMS: Final = 10_000


class Bill(msgspec.Struct):
    """One answer's bill: its input from the moment it begins, each piece of output when it is made.

    A completed answer is billed as its usage says, so a lie of `!usage` is billed too.
    """

    answer_id: str
    request_id: str
    """The caller's `x-headgate-attempt`, by which its own books find the answer again."""
    key: str
    model: str
    input_tokens: int
    output_tokens: int = 0
    completed: bool = False
    open: bool = True


class Sum(msgspec.Struct):
    """What one key owes for one model; the keys of a simulator are made up, so they are shown."""

    key: str
    model: str
    calls: int = 0
    completed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class Billing:
    """Sums over all answers, and the newest `MAX_ANSWERS` one by one."""

    def __init__(self) -> None:
        self._answers: deque[Bill] = deque(maxlen=MAX_ANSWERS)
        self._sums: dict[tuple[str, str], Sum] = {}

    def begin(self, bill: Bill) -> None:
        """Bill an answer's input."""
        self._answers.append(bill)
        owed = self._sum(bill)
        owed.calls += 1
        owed.input_tokens += bill.input_tokens

    def end(self, bill: Bill, *, completed: bool) -> None:
        """Bill what was made; only the first end of an answer counts."""
        if not bill.open:
            return
        bill.open = False
        bill.completed = completed
        owed = self._sum(bill)
        owed.completed += completed
        owed.output_tokens += bill.output_tokens

    def shown(self) -> dict[str, Any]:
        """What `GET /billing` answers; an open answer's output is not in the sums yet."""
        return {"sums": list(self._sums.values()), "answers": list(self._answers)}

    def _sum(self, bill: Bill) -> Sum:
        """The sum that `bill` belongs to; past `MAX_SUMS` of them, one for all others."""
        name = (bill.key, bill.model)
        if name not in self._sums and len(self._sums) >= MAX_SUMS:
            name = ("", "others")
        return self._sums.setdefault(name, Sum(*name))
