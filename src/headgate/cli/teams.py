"""`headgate teams`: teams made and listed."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
import typer

from headgate.cli import show
from headgate.cli.remote import WHERE, connect, segment, shaped
from headgate.cli.show import Json, Most
from headgate.domain.money import decimal_usd

TEAMS = "/admin/v1/teams"
NOTHING = "Say what shall change: --budget, --requests, --tokens or --parallel."

Budgets = Annotated[
    list[str] | None,
    typer.Option("--budget", metavar="AMOUNT", help="Such as '500 USD/month' or '20 USD/day', once or both; or none."),
]
Requests = Annotated[str | None, typer.Option("--requests", metavar="RATE", help="Calls, such as 100/min; or none.")]
Tokens = Annotated[str | None, typer.Option("--tokens", metavar="RATE", help="Tokens, such as 400k/min; or none.")]
Parallel = Annotated[str | None, typer.Option("--parallel", metavar="N", help="Calls at the same time; or none.")]

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
    budget: Budgets = None,
    requests: Requests = None,
    tokens: Tokens = None,
    parallel: Parallel = None,
    use_case: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A use case that it may call; left out, it may call all.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who answers for it; named where its calls are refused.")
    ] = None,
    json: Json = False,
) -> None:
    """Make a team with its project 'default'. What is left out follows the configuration's defaults."""
    body = {
        "id": team,
        "use_cases": use_case or None,
        "owner": owner,
        **terms(budget, {"requests": requests, "tokens": tokens, "parallel": parallel}),
    }
    answer = connect().post(TEAMS, body)
    if json:
        show.data(answer)
        return
    made = shaped(answer, Team)
    show.say(f"The team {made.id} is made. `headgate keys create --team {made.id}` gives it a key.")


@teams.command(epilog=WHERE)
def update(
    team: Annotated[str, typer.Argument(metavar="TEAM", help="Its name, such as team-alpha.")],
    project: Annotated[str | None, typer.Option(metavar="NAME", help="Change this project of it instead.")] = None,
    user: Annotated[str | None, typer.Option(metavar="NAME", help="Change this user of it instead.")] = None,
    budget: Budgets = None,
    requests: Requests = None,
    tokens: Tokens = None,
    parallel: Parallel = None,
) -> None:
    """Change what a team or a part of it may spend, and how fast. What is left out stays."""
    if project is not None and user is not None:
        show.stop(show.WRONG_USE, "Name a project or a user, not both.")
    body = terms(budget, {"requests": requests, "tokens": tokens, "parallel": parallel})
    if not body:
        show.stop(show.WRONG_USE, NOTHING)
    path, what = f"{TEAMS}/{segment(team)}", f"The team {team}"
    if project is not None:
        path, what = f"/admin/v1/projects/{segment(team)}/{segment(project)}", f"The project {project} of {team}"
    if user is not None:
        path, what = f"/admin/v1/users/{segment(team)}/{segment(user)}", f"The user {user} of {team}"
    connect().patch(path, body)
    show.say(f"{what} is changed, within a second everywhere.")


def terms(budget: Sequence[str] | None, limits: Mapping[str, str | None]) -> dict[str, Any]:
    """The budget and limits of a body, as far as they are given."""
    given = {name: value for name, value in limits.items() if value is not None}
    body: dict[str, Any] = {"limits": given} if given else {}
    if budget:
        body["budget"] = budget[0] if len(budget) == 1 else list(budget)
    return body


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
