"""What bodies and answers of administration are made of: names, money, limits, times, lists."""

from datetime import datetime
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema

from headgate.domain import money
from headgate.domain.money import NANO_USD, Budget
from headgate.domain.principal import Limits
from headgate.domain.refusal import Refusal
from headgate.identity.change import Change
from headgate.identity.store import Page
from headgate.kit.quantities import count, duration_ms

T = TypeVar("T")

MAX_PAGE: Final = 1000
UNLIMITED: Final = Limits()
NONE: Final = "none"
"""Says on the way in that there shall be no budget or no limit, whatever the defaults are."""
_NAME: Final = r"^[a-z0-9][a-z0-9._-]{0,62}$"


def _budgets(value: object) -> tuple[Budget, ...]:
    if value == NONE:
        return ()
    items = [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]
    if not items or (isinstance(value, list) and len(items) < len(value)):
        raise ValueError("write a budget as 500 USD/month or 20 USD/day, or none")
    budgets = tuple(money.budget(item) for item in items)
    if len({budget.period for budget in budgets}) < len(budgets):
        raise ValueError("two budgets for the same period; write one a day and one a month at most")
    if any(budget.nano >= 1 << 60 for budget in budgets):
        raise ValueError("a budget is at most 1 billion USD")
    return budgets


def _rate(value: object) -> int | None:
    if value == NONE:
        return None
    number, slash, unit = (part.strip() for part in str(value).partition("/"))
    if not isinstance(value, str) or not slash or unit not in ("min", "minute"):
        raise ValueError("write a rate as 100/min or 400k/min, or none")
    return _positive(count(number))


def _parallel(value: object) -> int | None:
    if value == NONE:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("write a number of calls such as 20, or none")
    return _positive(value if isinstance(value, int) else count(value))


def _positive(number: int) -> int:
    if not 1 <= number < 1 << 40:
        raise ValueError("a limit is at least 1; revoke the keys of what shall not call")
    return number


def _duration(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError("write a duration with its unit, such as 24h or 30d")
    milliseconds = duration_ms(value)
    if milliseconds > 100 * 365 * 86_400_000:
        raise ValueError("a duration is at most 100 years")
    return milliseconds


def _text(value: object) -> object:
    if isinstance(value, str) and not value.isprintable():
        raise ValueError("write printable characters only")
    return value


_BUDGET: Final = {"type": "string", "examples": ["500 USD/month"]}
_RATE: Final = {"type": "string", "examples": ["100/min"]}
_DURATION: Final = {"type": "string", "examples": ["24h"]}

Name = Annotated[str, Field(pattern=_NAME, examples=["team-alpha"])]
Text = Annotated[str, BeforeValidator(_text), Field(max_length=256)]
Budgets = Annotated[
    tuple[Budget, ...],
    PlainValidator(_budgets),
    WithJsonSchema({"anyOf": [_BUDGET, {"type": "array", "items": _BUDGET}]}),
]
Rate = Annotated[int | None, PlainValidator(_rate), WithJsonSchema(_RATE)]
Parallel = Annotated[
    int | None, PlainValidator(_parallel), WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, _RATE]})
]
Duration = Annotated[int, PlainValidator(_duration), WithJsonSchema(_DURATION)]
"""Milliseconds."""


class Body(BaseModel):
    """A request's body: what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class LimitsIn(Body):
    """Rates of a scope; one left out is no limit."""

    requests: Rate = Field(default=None, description="Calls a minute.")
    tokens: Rate = Field(default=None, description="Tokens a minute.", examples=["400k/min"])
    parallel: Parallel = Field(default=None, description="Calls at the same time.")

    def limits(self) -> Limits:
        """As the platform knows them."""
        return Limits(self.requests, self.tokens, self.parallel)


class Terms(Body):
    """What a scope may spend and how fast; left out, the configuration's defaults hold."""

    budget: Budgets | None = Field(default=None, description="An amount a day or a month, a list of both, or `none`.")
    limits: LimitsIn | None = None

    def own_limits(self) -> Limits | None:
        """The limits, where the body sets any."""
        return None if self.limits is None else self.limits.limits()


class Changes(Body):
    """What becomes of a scope: a field left out stays, null gives it back to the configuration's defaults."""

    budget: Budgets | None = Field(default=None, description="An amount a day or a month, a list of both, or `none`.")
    limits: LimitsIn | None = Field(default=None, description="Rates that are left out stay.")

    def change(self, present: Limits | None, default: Limits = UNLIMITED) -> Change:
        """The change of a scope whose own limits are `present`, or None where `default` binds it."""
        named = self.model_fields_set
        change = Change(budgets=self.budget) if "budget" in named else Change()
        if "limits" not in named:
            return change
        if self.limits is None:
            return msgspec.structs.replace(change, limits=None)
        wanted, held = self.limits.limits(), default if present is None else present
        fields = {"requests": "requests_per_minute", "tokens": "tokens_per_minute", "parallel": "parallel"}
        kept = {
            field: getattr(wanted if name in self.limits.model_fields_set else held, field)
            for name, field in fields.items()
        }
        return msgspec.structs.replace(change, limits=Limits(**kept))


class BudgetOut(BaseModel):
    """One budget."""

    period: str = Field(examples=["month"])
    usd: float = Field(examples=[500.0])
    nano_usd: int = Field(examples=[500_000_000_000])


class LimitsOut(BaseModel):
    """Rates of a scope; null is no limit."""

    requests: str | None = Field(examples=["100/min"])
    tokens: str | None = Field(examples=["400000/min"])
    parallel: int | None = Field(examples=[20])


class TermsOut(BaseModel):
    """A scope's own budgets and limits; null leaves them to the configuration's defaults."""

    budgets: list[BudgetOut] | None
    limits: LimitsOut | None


class ListOut(BaseModel, Generic[T]):
    """One page of a list."""

    data: list[T]
    next: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")


def budgets_out(budgets: tuple[Budget, ...] | None) -> list[BudgetOut] | None:
    """Budgets on the way out."""
    if budgets is None:
        return None
    return [BudgetOut(period=one.period, usd=one.nano / NANO_USD, nano_usd=one.nano) for one in budgets]


def limits_out(limits: Limits | None) -> LimitsOut | None:
    """Limits on the way out."""
    if limits is None:
        return None
    requests, tokens = limits.requests_per_minute, limits.tokens_per_minute
    return LimitsOut(
        requests=None if requests is None else f"{requests}/min",
        tokens=None if tokens is None else f"{tokens}/min",
        parallel=limits.parallel,
    )


PageLimit = Annotated[int, Field(ge=1, le=MAX_PAGE, description="Entries a page.")]


def page(team: str | None, cursor: str | None, limit: int) -> Page:
    """The page after `cursor`, and one row more that tells whether there is another.

    Raises:
        Refusal: `invalid_parameter`, where the cursor is none of ours.
    """
    if cursor is not None and not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 10):
        raise bad_cursor()
    return Page(team=team, after=int(cursor or 0), limit=limit + 1)


def listed(rows: list[tuple[str, T]], limit: int) -> ListOut[T]:
    """A page from its rows, each with the cursor that stands after it."""
    following = rows[limit - 1][0] if len(rows) > limit else None
    return ListOut[Any](data=[row for _, row in rows[:limit]], next=following)


def bad_cursor() -> Refusal:
    """The refusal of a cursor that no page gave."""
    return Refusal("invalid_parameter", "cursor: take it from `next` of the page before.", param="cursor")


def moment(value: datetime | None, field: str) -> datetime | None:
    """`value`, which must say its offset from UTC.

    Raises:
        Refusal: `invalid_parameter`.
    """
    if value is not None and value.tzinfo is None:
        raise Refusal("invalid_parameter", f"{field}: write the offset, as in 2026-01-31T00:00:00Z.", param=field)
    return value
