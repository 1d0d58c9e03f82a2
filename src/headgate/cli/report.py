"""`headgate report`: what a team has spent."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated

import msgspec
import typer

from headgate.cli import show
from headgate.cli.remote import WHERE, connect, segment, shaped
from headgate.cli.show import Json
from headgate.domain.money import NANO_USD, decimal_usd

report = typer.Typer(add_completion=False, rich_markup_mode=None)


class Part(msgspec.Struct):
    """What one project, user, model or day has used and spent."""

    calls: int
    input_tokens: int
    output_tokens: int
    spent_nano_usd: int
    project: str | None = None
    user: str | None = None
    model: str | None = None
    day: str | None = None


class Costs(msgspec.Struct):
    """A team's costs in its budget's present period."""

    team_id: str
    budget_nano_usd: int | None
    spent_nano_usd: int
    remaining_nano_usd: int | None
    utilization_pct: float | None
    period: str
    period_start: datetime
    period_end: datetime
    complete_through: datetime
    by_project: list[Part]
    by_user: list[Part]
    by_model: list[Part]
    by_day: list[Part]


@report.command(epilog=WHERE)
def of_team(
    team: Annotated[str, typer.Argument(metavar="TEAM", help="The team's name.")],
    json: Json = False,
) -> None:
    """Report what a team has spent in its budget's period, by project, user, model and day."""
    answer = connect().get(f"/v1/cost-report/{segment(team)}")
    if json:
        show.data(answer)
        return
    costs = shaped(answer, Costs)
    show.facts(_sum(costs))
    rows = [
        (*_named(part), f"{part.calls:,}", f"{part.input_tokens:,}", f"{part.output_tokens:,}", part.spent_nano_usd)
        for part in (*costs.by_project, *costs.by_user, *costs.by_model, *costs.by_day)
    ]
    if not rows:
        return
    amounts = _aligned([row[-1] for row in rows])
    titles = ("BY", "NAME", "CALLS", "TOKENS IN", "TOKENS OUT", "SPENT USD")
    typer.echo()
    show.table(titles, [(*row[:-1], usd) for row, usd in zip(rows, amounts, strict=True)], numbers=titles[2:])


def _sum(costs: Costs) -> list[tuple[str, str]]:
    first, last = costs.period_start.date(), costs.period_end.date() - timedelta(days=1)
    spent = f"{decimal_usd(costs.spent_nano_usd)} USD"
    known = [("team", costs.team_id), ("period", f"{first}" if first == last else f"{first} to {last}")]
    if costs.budget_nano_usd is None:
        known.append(("spent", f"{spent}; there is no budget"))
    else:
        known += [
            ("budget", f"{decimal_usd(costs.budget_nano_usd)} USD a {costs.period}"),
            ("spent", f"{spent}, which is {costs.utilization_pct or 0:.1f} %"),
            ("remaining", f"{decimal_usd(costs.remaining_nano_usd or 0)} USD"),
        ]
    return [*known, ("complete", f"every call that ended before {costs.complete_through:%Y-%m-%d %H:%M:%SZ} is in")]


def _named(part: Part) -> tuple[str, str]:
    """By what a part was summed up, and its name."""
    for kind, name in (("project", part.project), ("user", part.user), ("model", part.model), ("day", part.day)):
        if name is not None:
            return kind, name or "(none)"
    return "", ""


def _aligned(amounts: Sequence[int]) -> list[str]:
    """Amounts in nano-USD as decimal USD, exact, with as many decimals each as the finest needs, and two at least."""
    decimals = max(2, *(len(decimal_usd(nano).partition(".")[2]) for nano in amounts))
    return [f"{Decimal(nano) / NANO_USD:,.{decimals}f}" for nano in amounts]
