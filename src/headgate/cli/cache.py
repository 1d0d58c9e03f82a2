"""`headgate cache`: what is kept and what it was worth; answers that are forgotten."""

from typing import Annotated
from urllib.parse import urlencode

import msgspec
import typer

from headgate.cli import show
from headgate.cli.remote import WHERE, connect, shaped
from headgate.cli.show import Json

CACHE = "/admin/v1/cache"

cache = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

Team = Annotated[str | None, typer.Option("--team", help="Of this team alone.")]


class Worth(msgspec.Struct):
    """What is kept of a team's use case, and what it was worth."""

    team: str
    use_case: str
    entries: int
    bytes: int
    exact: int
    semantic: int
    stale: int
    miss: int
    wrong: int
    hit_rate: float | None
    saved_usd: float


class Worths(msgspec.Struct):
    """All of them."""

    data: list[Worth]


class Purged(msgspec.Struct):
    """How many answers were forgotten."""

    purged: int


@cache.callback(epilog=WHERE)
def group() -> None:
    """See what the cache keeps, and make it forget."""


@cache.command(epilog=WHERE)
def report(team: Team = None, json: Json = False) -> None:
    """Show what is kept, and what it was worth since the worker began."""
    answer = connect().get(f"{CACHE}?{urlencode({'team': team})}" if team else CACHE)
    if json:
        show.data(answer)
        return
    rows = [
        (
            one.team,
            one.use_case,
            f"{one.entries:,}",
            f"{one.bytes:,}",
            f"{one.exact:,}",
            f"{one.semantic:,}",
            f"{one.stale:,}",
            f"{one.miss:,}",
            "" if one.hit_rate is None else f"{one.hit_rate:.1%}",
            f"{one.wrong:,}",
            f"{one.saved_usd:.6f}",
        )
        for one in shaped(answer, Worths).data
    ]
    numbers = ("ANSWERS", "BYTES", "EXACT", "SEMANTIC", "STALE", "MISSED", "HITS", "WRONG", "SAVED USD")
    show.table(("TEAM", "USE CASE", *numbers), rows, numbers=numbers)


@cache.command(epilog=WHERE)
def purge(
    team: Team = None,
    use_case: Annotated[str | None, typer.Option("--use-case", help="Of this use case alone.")] = None,
    request: Annotated[str | None, typer.Option("--request", help="The answer that was made for this call.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All answers, where nothing else is named.")] = False,
    json: Json = False,
) -> None:
    """Forget kept answers, in every worker."""
    if not (team or use_case or request or every):
        raise typer.BadParameter("name what to forget: --team, --use-case, --request, or --all")
    answer = connect().post(f"{CACHE}/purge", {"team": team, "use_case": use_case, "request_id": request})
    if json:
        show.data(answer)
        return
    count = shaped(answer, Purged).purged
    show.say(f"{count:,} {'answer was' if count == 1 else 'answers were'} forgotten.")
