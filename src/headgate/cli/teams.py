"""`headgate teams`: teams made and listed."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import typer

from headgate.cli import show
from headgate.cli.remote import WHERE, connect, shaped
from headgate.cli.show import Json, Most
from headgate.domain.money import decimal_usd

TEAMS = "/admin/v1/teams"

teams = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


class Budget(msgspec.Struct):
    """An amount for each period."""

    period: str
    nano_usd: int


class Limits(msgspec.Struct):
    """Rates; None is no limit."""

    requests: str | None
    tokens: str | None
    parallel: int | None


class Team(msgspec.Struct):
    """A team as lists show it; None leaves a matter to the configuration's defaults."""

    id: str
    owner: str
    budgets: list[Budget] | None
    limits: Limits | None
    use_cases: list[str] | None
    origin: str


@teams.callback(epilog=WHERE)
def group() -> None:
    """Make and list teams."""


@teams.command(epilog=WHERE)
def create(
    team: Annotated[str, typer.Argument(metavar="TEAM", help="Its name, such as team-alpha.")],
    budget: Annotated[
        list[str] | None,
        typer.Option(metavar="AMOUNT", help="Such as '500 USD/month' or '20 USD/day', once or both; or none."),
    ] = None,
    requests: Annotated[str | None, typer.Option(metavar="RATE", help="Calls, such as 100/min.")] = None,
    tokens: Annotated[str | None, typer.Option(metavar="RATE", help="Tokens, such as 400k/min.")] = None,
    parallel: Annotated[str | None, typer.Option(metavar="N", help="Calls at the same time.")] = None,
    use_case: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A use case that it may call; left out, it may call all.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who answers for it; named where its calls are refused.")
    ] = None,
    json: Json = False,
) -> None:
    """Make a team with its project 'default'. What is left out follows the configuration's defaults."""
    limits = {"requests": requests, "tokens": tokens, "parallel": parallel}
    given = {name: value for name, value in limits.items() if value is not None}
    body: dict[str, Any] = {
        "id": team,
        "budget": budget[0] if budget and len(budget) == 1 else budget or None,
        "limits": given or None,
        "use_cases": use_case or None,
        "owner": owner,
    }
    answer = connect().post(TEAMS, body)
    if json:
        show.data(answer)
        return
    made = shaped(answer, Team)
    show.say(f"The team {made.id} is made. `headgate keys create --team {made.id}` gives it a key.")


@teams.command("list", epilog=WHERE)
def list_teams(limit: Most = 1000, json: Json = False) -> None:
    """List teams. What says 'default' follows the configuration's defaults."""
    found = connect().listed(TEAMS, limit)
    if json:
        show.data(found)
        return
    rows = [
        (team.id, _budgets(team.budgets), *_limits(team.limits), _use_cases(team.use_cases), team.owner, team.origin)
        for team in shaped(found, list[Team])
    ]
    titles = ("TEAM", "BUDGET", "REQUESTS", "TOKENS", "PARALLEL", "USE CASES", "OWNER", "FROM")
    show.table(titles, rows, numbers=("REQUESTS", "TOKENS", "PARALLEL"))


def _budgets(budgets: Sequence[Budget] | None) -> str:
    if budgets is None:
        return "default"
    return ", ".join(f"{decimal_usd(one.nano_usd)} USD/{one.period}" for one in budgets) or "none"


def _limits(limits: Limits | None) -> tuple[str, str, str]:
    if limits is None:
        return "default", "default", "default"
    return limits.requests or "none", limits.tokens or "none", str(limits.parallel or "none")


def _use_cases(use_cases: Sequence[str] | None) -> str:
    return "all" if use_cases is None else ", ".join(use_cases) or "none"
