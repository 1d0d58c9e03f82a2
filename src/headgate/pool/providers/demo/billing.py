"""What the demo provider billed: in sum by credential and model, and call by call for whoever compares."""

from collections import OrderedDict
from typing import Any, Final

import msgspec

MAX_CALLS: Final = 100_000
MAX_SUMS: Final = 10_000


class Billed(msgspec.Struct):
    """One call: input is billed when the answer begins, output as it is produced; `!usage` is billed as told."""

    id: str
    """The caller's `x-request-id`."""
    model: str
    input_tokens: int
    output_tokens: int = 0
    complete: bool = False


class Sum(msgspec.Struct):
    """What one credential owes for one model."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class Billing:
    """The newest `MAX_CALLS` calls, and sums over all."""

    def __init__(self) -> None:
        self._calls: OrderedDict[int, Billed] = OrderedDict()
        self._sums: dict[tuple[str, str], Sum] = {}
        self._count = 0

    def begin(self, key: str, call: Billed) -> Billed:
        """Bill a call's input."""
        self._count += 1
        self._calls[self._count] = call
        if len(self._calls) > MAX_CALLS:
            self._calls.popitem(last=False)
        owed = self._sum(key, call.model)
        owed.calls += 1
        owed.input_tokens += call.input_tokens
        return call

    def produce(self, key: str, call: Billed, tokens: int) -> None:
        """Bill `tokens` more of output."""
        call.output_tokens += tokens
        self._sum(key, call.model).output_tokens += tokens

    def shown(self) -> dict[str, Any]:
        """What `GET /billing` answers."""
        sums = [
            {"key": key, "model": model, **msgspec.structs.asdict(owed)} for (key, model), owed in self._sums.items()
        ]
        return {"sums": sums, "calls": list(self._calls.values())}

    def _sum(self, key: str, model: str) -> Sum:
        known = self._sums.get((key, model))
        if known is None:
            if len(self._sums) >= MAX_SUMS:
                key, model = "other", "other"
            known = self._sums.setdefault((key, model), Sum())
        return known
