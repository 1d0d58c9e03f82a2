"""Money set aside for one request in every budget that binds it, until the request ends."""

from collections.abc import Sequence

from headgate.kit.clock import Clock
from headgate.limits.accounts import Account
from headgate.limits.leases import Leases, Short
from headgate.limits.refusals import over_budget


class BudgetHold:
    """The hold of one request; `journal.record.Hold`.

    `covered_nano` nano-USD are held in all `budgets` already and serve the first attempt.
    """

    __slots__ = ("_budgets", "_clock", "_held", "_leases", "_unused", "accounts")

    def __init__(self, leases: Leases, budgets: Sequence[Account], covered_nano: int, clock: Clock) -> None:
        self.accounts = tuple([budget.id for budget in budgets])
        self._leases = leases
        self._budgets = budgets
        self._clock = clock
        self._held = covered_nano
        self._unused = covered_nano

    async def cover(self, nano: int) -> None:
        """Make sure that `nano` nano-USD more can be spent on the next attempt.

        Raises:
            Refusal: `estimate_exceeds_budget` or `budget_exceeded`.
        """
        if nano <= self._unused:
            self._unused -= nano
            return
        unused, self._unused = self._unused, 0
        try:
            await self._leases.hold(self._budgets, nano - unused)
        except Short as short:
            self._unused += unused
            raise over_budget(short, nano, self._clock.now_ms()) from None
        except BaseException:
            self._unused += unused
            raise
        self._held += nano - unused

    def spend(self, cost_nano: int, covered_nano: int) -> None:
        """Book an attempt that was covered with `covered_nano`: its cost is spent, the rest is free again."""
        self._held -= covered_nano
        self._leases.spend(self._budgets, cost_nano, covered_nano)

    def end(self) -> None:
        """Free what is left; later calls change nothing."""
        held, self._held, self._unused = self._held, 0, 0
        if held:
            self._leases.free(self._budgets, held)
